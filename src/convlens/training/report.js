"use strict";
// The page is complete without this script, except that a cell's pictures need it. It adds no content of its own:
// it opens templates that are already there, sorts rows and copies lines. All text is set as text, never as markup.
const run = JSON.parse(document.getElementById("run").textContent);
const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
const make = (tag, text, name) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
};

// ---- the confusion grid: one stop for the tab key, arrows move inside, enter or a click shows the pictures
const panel = document.getElementById("panel");
const matrix = document.querySelector(".matrix");
const counts = new Map(run.counts.map(([t, p, n]) => [`${t}-${p}`, n]));

function heading(t, p, shown) {
  const n = counts.get(`${t}-${p}`) || 0;
  const share = (100 * n / run.support[t]).toPrecision(3).replace(/\.?0+$/, "");
  const head = make("h3", t === p ? `${run.classes[t]}, rightly` : `${run.classes[t]} taken for ${run.classes[p]}`);
  const many = shown < n ? `, the ${shown} surest shown` : "";
  return [head, make("p", `${n} of ${run.support[t]} (${share} %)${many}`, "quiet")];
}

function open(pair) {
  const [t, p] = pair.split("-").map(Number);
  const stack = document.querySelector(`template[data-stack="${pair}"]`);
  const tiles = stack ? stack.content.cloneNode(true) : make("p", "No room on this page for pictures of this pair.");
  const shown = stack ? tiles.querySelectorAll(".tile").length : counts.get(pair);
  panel.replaceChildren(...heading(t, p, shown), tiles);
  all("[aria-pressed], .chosen").forEach((old) => { old.classList.remove("chosen"); old.removeAttribute("aria-pressed"); });
  all(`[data-pair="${pair}"]`).forEach((cell) => {
    cell.classList.add("chosen");
    if (cell.tagName === "BUTTON") cell.setAttribute("aria-pressed", "true");
  });
}

function step(cell, across, down) {
  let row = cell.parentElement.rowIndex, column = cell.cellIndex;
  for (;;) { // to the next cell with something in it
    row += down; column += across;
    const next = matrix.rows[row] && matrix.rows[row].cells[column];
    if (!next || next.classList.contains("total")) return cell;
    if (next.dataset.pair) return next;
  }
}

function focus(cell) {
  all("[tabindex='0']", matrix).forEach((old) => { old.tabIndex = -1; });
  cell.tabIndex = 0;
  cell.focus();
}

if (matrix) {
  const moves = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  const cells = all("td[data-pair]", matrix);
  cells.forEach((cell) => {
    const [t, p] = cell.dataset.pair.split("-").map(Number);
    cell.tabIndex = -1;
    cell.setAttribute("role", "button");
    cell.setAttribute("aria-label", `${run.classes[t]} taken for ${run.classes[p]}: ${cell.textContent}`);
    cell.title = `${run.classes[t]} → ${run.classes[p]}: ${cell.textContent} of ${run.support[t]}`;
  });
  if (cells.length) cells[0].tabIndex = 0;
  matrix.addEventListener("click", (event) => {
    const cell = event.target.closest("td[data-pair]");
    if (cell) { focus(cell); open(cell.dataset.pair); }
  });
  matrix.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td[data-pair]");
    if (!cell) return;
    if (event.key === "Enter" || event.key === " ") open(cell.dataset.pair);
    else if (moves[event.key]) focus(step(cell, ...moves[event.key]));
    else return;
    event.preventDefault();
  });
  all(".pairs button").forEach((button) => button.addEventListener("click", () => open(button.dataset.pair)));
  const first = document.querySelector(".pairs button") || cells[0];
  if (first) open(first.dataset.pair);
}

// ---- tables that their heads sort
all("table.sortable").forEach((table) => {
  const heads = all("thead th", table);
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === (column ? "descending" : "ascending") ? !column : !!column;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => Number(row.cells[column].dataset.v);
    const rows = all("tbody tr", table).sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b)));
    table.tBodies[0].append(...rows);
  }));
});

// ---- copying, also where a page from a file may not use the clipboard
all(".copy").forEach((button) => button.addEventListener("click", async () => {
  const code = button.parentElement.querySelector("code");
  let done = true;
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    getSelection().selectAllChildren(code);
    done = document.execCommand("copy");
  }
  button.textContent = done ? "copied" : "selected";
  setTimeout(() => { button.textContent = "copy"; }, 1500);
}));

// ---- on paper everything is open
addEventListener("beforeprint", () => all("details").forEach((one) => { one.open = true; }));
