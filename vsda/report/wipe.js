// A slider between two predictions of a frame. Pictures and names are those of the rows below it.
const canvases = new WeakMap();

const pixels = (picture) => {
  if (!canvases.has(picture)) {
    const canvas = document.createElement("canvas");
    canvas.width = picture.naturalWidth;
    canvas.height = picture.naturalHeight;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0);
    canvases.set(picture, context);
  }
  return canvases.get(picture);
};

const colourAt = (context, x, y) => {
  const [red, green, blue, alpha] = context.getImageData(x, y, 1, 1).data;
  const hex = [red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("");
  return alpha ? `#${hex}` : "";
};

// What a mask says at a place of the picture, in fractions of its sides.
const classAt = (picture, swatches, across, down) => {
  const context = pixels(picture);
  const x = Math.min(picture.naturalWidth - 1, Math.floor(across * picture.naturalWidth));
  const y = Math.min(picture.naturalHeight - 1, Math.floor(down * picture.naturalHeight));
  const named = (colour) => swatches.find((swatch) => swatch.dataset.colour === colour);
  const found = named(colourAt(context, x, y));
  if (found) return found.textContent;
  const beside = [x - 3, x + 3].map((place) => named(colourAt(context, place, y)));
  const inHatching = beside.every((swatch) => swatch && "hatched" in swatch.dataset);
  return inHatching ? beside[0].textContent : "background";
};

const setUpWipe = (gallery, wipe) => {
  const part = (selector) => wipe.querySelector(selector);
  const rows = [...gallery.querySelectorAll(".row")];
  const swatches = [...gallery.querySelectorAll(".legend [data-colour]")];
  const stage = part(".stage"), slider = part("input"), readOut = part(".read-out");
  const sides = ["left", "right"].map((name) => {
    const layer = document.createElement("img");
    layer.className = `layer layer-${name}`;
    layer.alt = "";
    stage.prepend(layer);
    return { select: part(`.choose-${name}`), tag: part(`.tag-${name}`), layer };
  });
  let number = 0;

  const cell = (layer) => rows[number].querySelector(`[data-layer="${layer}"]`);
  const chosen = ({ select }) => select.selectedOptions[0].textContent;
  const mask = (layer) => (layer === "frame" ? null : cell(layer)?.querySelector("img"));

  const shares = () => sides.map((side) => {
    const share = cell(side.select.value)?.dataset.right;
    return share ? `${chosen(side)}: ${share} of the labelled pixels right. ` : "";
  }).join("");

  const showSide = (side) => {
    const picture = mask(side.select.value);
    side.layer.hidden = !picture;
    if (picture) side.layer.src = picture.src;
    side.tag.textContent = chosen(side) + (picture || side.select.value === "frame" ? "" : ": none");
  };

  const show = () => {
    const frame = rows[number].style.getPropertyValue("--frame");
    stage.style.setProperty("--frame", frame);
    stage.style.aspectRatio = cell("frame").querySelector(".view").style.aspectRatio;
    stage.classList.toggle("with-frame", frame !== "");
    stage.classList.toggle("bare", frame === "");
    sides.forEach(showSide);
    part(".which").textContent = `frame ${number + 1} of ${rows.length}`;
    readOut.textContent = shares();
  };

  const turn = (step) => {
    number = (number + step + rows.length) % rows.length;
    show();
  };

  const slide = () => {
    stage.style.setProperty("--at", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${Math.round(slider.value)} % ${chosen(sides[0])}`);
  };

  const tell = (event) => {
    const box = stage.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    const down = (event.clientY - box.top) / box.height;
    if (Math.min(across, down) < 0 || Math.max(across, down) >= 1) return;
    const layers = [["truth", "ground truth"], ...sides.map((side) => [side.select.value, chosen(side)])];
    const words = new Map(layers.flatMap(([layer, name]) => {
      const picture = mask(layer);
      return picture ? [[name, classAt(picture, swatches, across, down)]] : [];
    }));
    readOut.textContent = `Here: ${[...words].map((pair) => pair.join(": ")).join(", ")}.`;
  };

  sides.forEach(({ select }) => select.addEventListener("change", () => { show(); slide(); }));
  slider.addEventListener("input", slide);
  slider.addEventListener("pointermove", tell);
  slider.addEventListener("pointerleave", () => { readOut.textContent = shares(); });
  part(".before").addEventListener("click", () => turn(-1));
  part(".after").addEventListener("click", () => turn(1));
  rows.forEach((row, place) => {
    const button = row.querySelector(".put");
    button.hidden = false;
    button.addEventListener("click", () => {
      number = place;
      show();
      wipe.scrollIntoView({ block: "nearest" });
      slider.focus({ preventScroll: true });
    });
  });
  wipe.hidden = false;
  show();
  slide();
};

for (const wipe of document.querySelectorAll(".wipe")) setUpWipe(wipe.closest(".gallery"), wipe);
