"use strict";
const PLAY_FPS = 10, SLOWEST_FPS = 2, FASTEST_FPS = 30;
const byId = (id) => document.getElementById(id);
const meta = JSON.parse(byId("meta").textContent);
const samples = [...document.querySelectorAll("script.sample")].map((part) => {
  const sample = JSON.parse(part.textContent);
  part.remove();
  return sample;
});
const numbers = new Intl.NumberFormat("en");
const state = { set: 0, current: null, layer: "seg", classes: new Set(), sequence: null, label: "all", text: "", timer: null };
let visible = [];

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function swatch(colour) {
  const part = make("i", { className: "swatch" });
  part.style.setProperty("--c", colour);
  return part;
}

// ---- what is shown ----

const LABELS = {
  all: ["all", () => true],
  mask: ["with mask", (sample) => sample.seg || sample.inst],
  boxes: ["with boxes", (sample) => sample.boxes.length > 0],
  none: ["unlabelled", (sample) => !sample.seg && !sample.inst && !sample.boxes.length],
};
const inSet = () => samples.filter((sample) => sample.set === state.set);
const hasLabel = (sample) => LABELS[state.label][1](sample);
const hasClass = (sample) => !state.classes.size || sample.shown.some((value) => state.classes.has(value));
const hasSequence = (sample) => state.sequence === null || sample.sequence === state.sequence;
const hasText = (sample) => sample.key.toLowerCase().includes(state.text);

function counted(rows, valuesOf) {
  const counts = new Map();
  for (const row of rows) for (const value of valuesOf(row)) counts.set(value, (counts.get(value) || 0) + 1);
  return counts;
}

function button(className, pressed, onclick, ...children) {
  const made = make("button", { className, onclick, type: "button" }, ...children);
  made.setAttribute("aria-pressed", String(pressed));
  return made;
}

function drawFilters() {
  const all = inSet();
  const kinds = Object.entries(LABELS).map(([name, [text, test]]) => [name, text, all.filter(test).length]);
  const useful = kinds.filter(([, , count]) => count && count < all.length);
  byId("labels").replaceChildren(
    ...(useful.length ? [kinds[0], ...useful] : []).map(([name, text, count]) =>
      button("chip", state.label === name, () => choose({ label: name }), text, make("small", {}, numbers.format(count)))));
  const base = all.filter((sample) => hasLabel(sample) && hasSequence(sample) && hasText(sample));
  const classes = counted(base, (sample) => sample.shown);
  for (const value of state.classes) if (!classes.has(value)) classes.set(value, 0);
  byId("classes").replaceChildren(
    ...[...classes].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([value, count]) => {
      const chip = button("chip", state.classes.has(value), () => toggleClass(value),
        swatch(colourOf(value)), nameOf(value), make("small", {}, numbers.format(count)));
      chip.dataset.class = value;
      return chip;
    }));
  if (!classes.size) byId("classes").replaceChildren(make("span", { className: "soft" }, "none in these samples"));
  byId("clear").hidden = !state.classes.size;
  drawSequences(all.filter((sample) => hasLabel(sample) && hasClass(sample) && hasText(sample)));
}

function drawSequences(rows) {
  const lengths = meta.sets[state.set].sequences;
  const counts = counted(rows.filter((sample) => sample.sequence !== null), (sample) => [sample.sequence]);
  if (state.sequence !== null && !counts.has(state.sequence)) counts.set(state.sequence, 0);
  byId("sequence-part").hidden = !counts.size;
  byId("sequences").replaceChildren(
    ...[...counts].map(([name, count]) => {
      const whole = lengths[name] === undefined ? "" : ` of ${numbers.format(lengths[name])}`;
      const pick = button("pick", state.sequence === name, () => choose({ sequence: state.sequence === name ? null : name }),
        make("span", {}, name), make("small", {}, numbers.format(count) + whole));
      pick.dataset.sequence = name;
      return pick;
    }));
}

const colourOf = (value) => (meta.classes[value] || ["#808080"])[0];
const nameOf = (value) => (meta.classes[value] || ["", `id ${value}`])[1];

function toggleClass(value) {
  if (!state.classes.delete(value)) state.classes.add(value);
  choose({});
}

function choose(changes) {
  stop();
  Object.assign(state, changes);
  visible = inSet().filter((sample) => hasLabel(sample) && hasClass(sample) && hasSequence(sample) && hasText(sample));
  drawFilters();
  drawGrid();
  show(visible.includes(state.current) ? state.current : visible[0] || null);
}

// ---- the grid ----

function drawBoxes(sample, named) {
  return sample.boxes.filter((box) => box.corners).map((box) => {
    const [left, top, right, bottom] = box.corners.map((side) => 100 * side);
    const part = make("div", { className: "box" });
    if (named) part.append(make("span", {}, box.name));
    part.style.setProperty("--c", colourOf(box.class_id));
    Object.assign(part.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%` });
    return part;
  });
}

function card(sample) {
  const thumb = make("span", { className: "thumb" }, make("img", { src: sample.jpg, alt: "", loading: "lazy", decoding: "async" }));
  if (sample[state.layer]) thumb.append(make("img", { className: "mask", src: sample[state.layer], alt: "", loading: "lazy", decoding: "async" }));
  if (sample.boxes.length) {
    const ratio = sample.width_px / sample.height_px / (4 / 3);
    const holder = make("span", {}, ...drawBoxes(sample, false));
    const [wide, high] = [Math.min(1, ratio) * 100, Math.min(1, 1 / ratio) * 100];
    holder.style.cssText = `position:absolute;width:${wide}%;height:${high}%;left:${(100 - wide) / 2}%;top:${(100 - high) / 2}%`;
    thumb.append(holder);
  }
  const short = sample.key.split("/").slice(1).join("/") || sample.key;
  const made = make("button", { className: "card", type: "button", title: sample.key, onclick: () => { stop(); show(sample); } },
    thumb, make("span", { className: "name" }, make("bdi", {}, short)));
  sample.card = made;
  return made;
}

function drawGrid() {
  byId("grid").replaceChildren(...visible.map(card));
  if (!visible.length) byId("grid").append(make("p", { className: "empty" }, "No sample fits these filters."));
}

// ---- one sample ----

async function picture(url, className) {
  const image = make("img", { className, alt: "", draggable: false, src: url });
  try { await image.decode(); } catch { /* an empty place is shown */ }
  return image;
}

async function show(sample) {
  if (state.current && state.current.card) state.current.card.removeAttribute("aria-current");
  state.current = sample;
  pixels.clear();
  const position = visible.indexOf(sample);
  byId("count").textContent = sample ? `${numbers.format(position + 1)} / ${numbers.format(visible.length)}` : "0 / 0";
  byId("previous").disabled = position <= 0;
  byId("next").disabled = position < 0 || position === visible.length - 1;
  byId("play").disabled = track().length < 2;
  byId("readout").textContent = "";
  drawFacts(sample);
  if (!sample) return byId("picture").replaceChildren();
  sample.card.setAttribute("aria-current", "true");
  if (matchMedia("(min-width: 900px)").matches) sample.card.scrollIntoView({ block: "nearest" });
  const layers = [picture(sample.jpg, "frame")];
  if (sample[state.layer]) layers.push(picture(sample[state.layer], "mask"));
  const parts = await Promise.all(layers);
  if (state.current !== sample) return undefined;
  byId("picture").style.setProperty("--ratio", sample.width_px / sample.height_px);
  byId("picture").replaceChildren(...parts, ...drawBoxes(sample, true));
  return undefined;
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(3)} s`;
}

function factRows(sample) {
  const where = sample.sequence === null ? [] : [["sequence", sample.sequence]];
  return [
    ["dataset", `${sample.dataset}, ${sample.split}`], ...where,
    ["frame", `${sample.frame} (number ${sample.frame_index})`],
    ["size", `${sample.width_px} × ${sample.height_px} px`],
    ["timestamp", sample.timestamp_ms === null ? null : seconds(sample.timestamp_ms)],
    ["tick", sample.tick === null ? null : `${sample.tick} of 30 a second`],
    ["in the video", sample.source_ms === null ? null : `${seconds(sample.source_ms)}, pts ${sample.source_pts}`],
    ["held", sample.held === null ? null : sample.held ? "yes: the tick before shows the same frame" : "no"],
    ["labelled", sample.labelled ? "yes" : sample.boxes.length ? "boxes only" : "no"],
    ["classes", sample.shown.map(nameOf).join(", ") || "none"],
    ...sample.boxes.filter((box) => !box.corners).map((box) => [box.name, `${box.presence}${box.object_id ? `, object ${box.object_id}` : ""}`]),
  ].filter(([, value]) => value !== null);
}

function drawFacts(sample) {
  byId("key").textContent = sample ? sample.key : "";
  byId("facts").replaceChildren(...(sample ? factRows(sample) : []).map(([name, value]) =>
    make("tr", {}, make("td", {}, name), make("td", {}, String(value)))));
  byId("legend").replaceChildren(...(sample ? legendRows(sample) : []).map(([colour, text, share]) =>
    make("span", {}, swatch(colour), text, make("small", {}, share))));
}

function legendRows(sample) {
  const shares = (sample[`${state.layer}_shares`] || []).filter(([value]) => value !== 0);
  const present = new Set(sample.boxes.filter((box) => box.corners).map((box) => box.class_id));
  return [
    ...shares.map(([value, share]) => [...lookOf(state.layer, value), `${(100 * share).toFixed(share < 0.01 ? 2 : 1)} %`]),
    ...[...present].map((value) => [colourOf(value), nameOf(value), "box"]),
  ];
}

function lookOf(layer, value) {
  return layer === "seg" ? [colourOf(value), nameOf(value)] : [meta.objects[value], `object ${value}`];
}

// ---- what is under the pointer ----

const pixels = new Map();
const colours = {
  seg: new Map(meta.classes.map(([colour], value) => [colour, value])),
  inst: new Map(meta.objects.map((colour, value) => [colour, value])),
};

async function pixelsOf(url) {
  if (!pixels.has(url)) {
    const image = await picture(url, "");
    const canvas = make("canvas", { width: image.naturalWidth, height: image.naturalHeight });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    pixels.set(url, context.getImageData(0, 0, canvas.width, canvas.height));
  }
  return pixels.get(url);
}

async function valueAt(sample, layer, across, down) {
  if (!sample[layer]) return null;
  const { data, width, height } = await pixelsOf(sample[layer]);
  const at = 4 * (Math.min(Math.floor(down * height), height - 1) * width + Math.min(Math.floor(across * width), width - 1));
  if (!data[at + 3]) return 0;
  const colour = `#${[...data.slice(at, at + 3)].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  return colours[layer].get(colour) ?? null;
}

async function readout(event) {
  const sample = state.current;
  if (!sample) return;
  const frame = byId("picture").getBoundingClientRect();
  const across = (event.clientX - frame.left) / frame.width, down = (event.clientY - frame.top) / frame.height;
  if (across < 0 || down < 0 || across >= 1 || down >= 1) return;
  const [seg, inst] = await Promise.all([valueAt(sample, "seg", across, down), valueAt(sample, "inst", across, down)]);
  if (state.current !== sample) return;
  const parts = [make("span", { className: "soft" }, `x ${Math.floor(across * sample.width_px)}, y ${Math.floor(down * sample.height_px)}`)];
  if (seg !== null) parts.push(swatch(colourOf(seg)), `${nameOf(seg)} (${seg})`);
  if (inst !== null) parts.push(`${seg === null ? "" : " · "}object ${inst}`);
  const inside = sample.boxes.filter(({ corners }) => corners && across >= corners[0] && down >= corners[1] && across <= corners[2] && down <= corners[3]);
  if (inside.length) parts.push(`${seg === null && inst === null ? "" : " · "}box: ${inside.map((box) => `${box.name} (${box.class_id})`).join(", ")}`);
  if (seg === null && inst === null && !inside.length) parts.push("no label here");
  byId("readout").replaceChildren(...parts);
}

// ---- moving and playing ----

function track() {
  const now = state.current;
  if (!now) return [];
  return now.sequence === null ? visible : visible.filter((sample) => sample.sequence === now.sequence);
}

function fpsOf(frames) {
  const steps = frames.slice(1).map((sample, at) => sample.timestamp_ms - frames[at].timestamp_ms).filter((ms) => ms > 0).sort((a, b) => a - b);
  const fps = steps.length ? 1000 / steps[Math.floor(steps.length / 2)] : PLAY_FPS;
  return fps < SLOWEST_FPS ? PLAY_FPS : Math.min(fps, FASTEST_FPS);
}

function move(by) {
  stop();
  const position = visible.indexOf(state.current) + by;
  if (visible[position]) show(visible[position]);
}

function stop() {
  clearTimeout(state.timer);
  state.timer = null;
  byId("play").textContent = "Play";
}

function play() {
  if (state.timer !== null) return stop();
  const frames = track();
  if (frames.length < 2) return undefined;
  const wait_ms = 1000 / fpsOf(frames);
  byId("play").textContent = "Pause";
  const step = async () => {
    const due = performance.now() + wait_ms;
    await show(frames[(frames.indexOf(state.current) + 1) % frames.length]);
    if (state.timer !== null) state.timer = setTimeout(step, Math.max(due - performance.now(), 0));
  };
  state.timer = setTimeout(step, 0);
  return undefined;
}

function useLayer(layer) {
  if (!samples.some((sample) => sample[layer])) return;
  state.layer = layer;
  for (const part of byId("layers").children) part.setAttribute("aria-pressed", String(part.dataset.layer === layer));
  drawGrid();
  show(state.current);
}

function press(id, className, shows) {
  const pressed = byId(id).getAttribute("aria-pressed") !== "true";
  byId(id).setAttribute("aria-pressed", String(pressed));
  document.body.classList.toggle(className, pressed === shows);
}

function useSet(number) {
  for (const part of document.querySelectorAll(".about")) part.hidden = Number(part.dataset.set) !== number;
  choose({ set: number, classes: new Set(), sequence: null, label: "all", current: null });
}

const KEYS = {
  ArrowLeft: () => move(-1), ArrowRight: () => move(1), ArrowUp: () => move(-1), ArrowDown: () => move(1),
  " ": play, o: () => byId("overlay").click(), b: () => byId("boxes").click(), f: () => byId("large").click(),
  1: () => useLayer("seg"), 2: () => useLayer("inst"), "/": () => byId("search").focus(),
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select, textarea");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
byId("previous").onclick = () => move(-1);
byId("next").onclick = () => move(1);
byId("play").onclick = play;
byId("overlay").onclick = () => press("overlay", "no-overlay", false);
byId("boxes").onclick = () => press("boxes", "no-boxes", false);
byId("large").onclick = () => press("large", "large", true);
byId("unfold").onchange = (event) => document.body.classList.toggle("unfolded", event.target.checked);
byId("fade").oninput = (event) => document.body.style.setProperty("--fade", event.target.value / 100);
byId("search").oninput = (event) => choose({ text: event.target.value.trim().toLowerCase() });
byId("clear").onclick = () => choose({ classes: new Set() });
byId("layers").onclick = (event) => event.target.dataset.layer && useLayer(event.target.dataset.layer);
byId("stage").addEventListener("pointermove", readout);
byId("stage").addEventListener("pointerdown", readout);
byId("stage").addEventListener("pointerleave", () => byId("readout").replaceChildren());
if (byId("sets")) byId("sets").onchange = (event) => useSet(Number(event.target.value));

const present = ["seg", "inst"].filter((layer) => samples.some((sample) => sample[layer]));
if (present.length) state.layer = present[0];
for (const part of byId("layers").children) {
  part.disabled = !present.includes(part.dataset.layer);
  part.setAttribute("aria-pressed", String(part.dataset.layer === state.layer && !part.disabled));
}
const hasBoxes = samples.some((sample) => sample.boxes.length);
byId("overlay").disabled = !present.length && !hasBoxes;
byId("boxes").disabled = !hasBoxes;
byId("boxes").setAttribute("aria-pressed", String(hasBoxes));
if (byId("sets")) byId("sets").value = "0";
byId("fade").value = 55;
useSet(0);
document.body.dataset.ready = String(samples.length);
