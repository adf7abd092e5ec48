// Without this script all is readable; it fades masks, sorts tables and opens all for printing.
for (const slider of document.querySelectorAll(".fade input")) {
  slider.addEventListener("input", () => {
    const part = slider.closest("section");
    part.style.setProperty("--fade", slider.value / 100);
  });
  slider.closest(".fade").hidden = false;
}

const valueOf = (cell) => ("value" in cell.dataset ? cell.dataset.value : cell.textContent);

// Numbers by size, words by letters, cells without a value last in either direction.
const compareCells = (one, other, direction) => {
  const [first, second] = [valueOf(one), valueOf(other)];
  if (first === "" || second === "") return (first === "") - (second === "");
  const isNumber = "value" in one.dataset;
  return direction * (isNumber ? first - second : first.localeCompare(second));
};

const sortBy = (table, head, column) => {
  const direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  rows.sort((one, other) => compareCells(one.cells[column], other.cells[column], direction));
  body.append(...rows);
};

for (const table of document.querySelectorAll(".sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sortBy(table, head, column));
  });
}

let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  opened.forEach((part) => { part.open = true; });
});
addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
