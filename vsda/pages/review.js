"use strict";
const SEEN = "seen", ALL_REGIONS = "*";
const [SPLIT, SEQUENCE, REGION, CATEGORY, CLASS, CERTAINTY] = [0, 1, 2, 3, 4, 5];
const byId = (id) => document.getElementById(id);
const table = JSON.parse(byId("table").textContent);
const regions = [...document.querySelectorAll(".region")].map((part) => {
  const proposed = JSON.parse(part.dataset.cells);
  return { part, proposed, cells: [...proposed], classes: part.querySelector(".class"), certainty: part.querySelector(".certainty") };
});
let current = null;

// ---- what is kept in the browser; without storage the page works and forgets ----

const nameOf = (cells) => cells.slice(SPLIT, CATEGORY).join("\t");

function kept() {
  try { return JSON.parse(localStorage.getItem(table.storage)) || {}; } catch { return {}; }
}

function keep() {
  const answers = regions.filter(({ cells, proposed }) => cells.join() !== proposed.join());
  const stored = Object.fromEntries(answers.map(({ cells }) => [nameOf(cells), [cells[CLASS], cells[CERTAINTY]]]));
  try { localStorage.setItem(table.storage, JSON.stringify(stored)); } catch { /* told by nothing: it only lasts less */ }
}

// ---- the table ----

function lines() {
  const groups = new Map();
  for (const { cells } of regions) {
    const key = nameOf(cells.slice(0, REGION));
    groups.set(key, [...(groups.get(key) || []), cells]);
  }
  const found = [];
  for (const row of table.rows) {
    const key = nameOf(row.slice(0, REGION));
    const group = groups.get(key) || [];
    const rest = group.filter((cells) => !named(cells));
    if (row[REGION] !== ALL_REGIONS) {
      found.push(group.find((cells) => cells[REGION] === row[REGION]) || row);
    } else {
      const answers = new Set(rest.map((cells) => cells.slice(CATEGORY).join("\t")));
      if (answers.size === 1) found.push([...row.slice(0, CATEGORY), ...rest[0].slice(CATEGORY)]);
      else found.push(...(rest.length ? rest : [row]));
      groups.delete(key);
    }
  }
  for (const group of groups.values()) found.push(...group.filter((cells) => !named(cells)));
  return found;
}

const names = new Set(table.rows.map(nameOf));
const named = (cells) => names.has(nameOf(cells));

function tableText() {
  const rows = [...table.header.map((line) => [line ? `# ${line}` : "#"]), table.columns, ...lines()];
  return `${rows.map((cells) => cells.join("\t")).join("\n")}\n`;
}

// ---- drawing ----

const isSettled = ({ cells }) => cells[CERTAINTY] === SEEN;

function draw(region) {
  const settled = isSettled(region);
  region.classes.value = region.cells[CLASS];
  region.certainty.value = region.cells[CERTAINTY];
  region.part.classList.toggle("settled", settled);
  const changed = region.cells[CLASS] !== region.proposed[CLASS];
  region.part.querySelector(".state").textContent =
    !settled ? "not settled" : changed ? `settled; proposed was ${region.proposed[CLASS]}` : "settled";
}

function drawTotal() {
  const settled = regions.filter(isSettled).length;
  byId("count").textContent = `${settled} of ${regions.length} settled`;
  byId("progress").value = regions.length ? settled / regions.length : 1;
  byId("done").hidden = settled < regions.length;
  byId("text").value = tableText();
  for (const heading of document.querySelectorAll("main h2")) {
    let part = heading.nextElementSibling, open = 0;
    for (; part && part.matches(".region"); part = part.nextElementSibling) open += !part.matches(".settled") || part.matches(".current");
    heading.classList.toggle("bare", !open);
  }
}

function answer(region, changes) {
  for (const [column, value] of changes) region.cells[column] = value;
  draw(region);
  keep();
  drawTotal();
}

function mark(region) {
  if (current) current.part.classList.remove("current");
  current = region;
  region.part.classList.add("current");
}

function go(region) {
  if (region) {
    mark(region);
    region.classes.focus({ preventScroll: true });
    region.part.scrollIntoView({ block: "nearest" });
  }
  drawTotal();
}

function nextUnsettled(from) {
  const at = regions.indexOf(from);
  return [...regions.slice(at + 1), ...regions.slice(0, at + 1)].find((region) => !isSettled(region));
}

function accept(region) {
  answer(region, [[CERTAINTY, SEEN]]);
  go(nextUnsettled(region) || region);
}

function restore() {
  const answers = kept();
  for (const region of regions) {
    region.cells = [...region.proposed];
    const [className, certainty] = answers[nameOf(region.cells)] || region.cells.slice(CLASS);
    const options = [...region.classes.options].map((option) => option.value);
    if (options.includes(className)) region.cells[CLASS] = className;
    region.cells[CERTAINTY] = certainty;
    draw(region);
  }
}

for (const region of regions) {
  if (![...region.classes.options].some((option) => option.value === region.proposed[CLASS])) {
    region.classes.prepend(new Option(`${region.proposed[CLASS]} (unknown)`, region.proposed[CLASS]));
  }
  region.classes.onchange = () => answer(region, [[CLASS, region.classes.value], [CERTAINTY, SEEN]]);
  region.certainty.onchange = () => answer(region, [[CERTAINTY, region.certainty.value]]);
  region.part.querySelector(".accept").onclick = () => accept(region);
  region.part.addEventListener("focusin", () => { if (current !== region) mark(region); });
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("button, summary, textarea, input")) return;
  event.preventDefault();
  if (!current) go(nextUnsettled(regions[regions.length - 1]) || regions[0]);
  else if (event.shiftKey) go(regions[Math.max(regions.indexOf(current) - 1, 0)]);
  else accept(current);
});
byId("only").onchange = (event) => document.body.classList.toggle("only", event.target.checked);
byId("only").checked = false;
byId("download").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([tableText()], { type: "text/tab-separated-values" }));
  link.download = "regions.tsv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
byId("forget").onclick = () => {
  if (!confirm("Forget every answer given on this page?")) return;
  try { localStorage.removeItem(table.storage); } catch { /* nothing was kept */ }
  restore();
  drawTotal();
};
byId("text").onfocus = () => byId("text").select();
restore();
go(regions.find((region) => !isSettled(region)) || regions[0]);
document.body.dataset.ready = String(regions.length);
