// Finds and near misses that are clicked become rows of marks. The page is complete without this script.
const [said, rows, save] = ["said", "rows", "save"].map((name) => document.getElementById(name));
const chosen = new Set();

function show() {
  const table = tabled([...chosen].sort((a, b) => a - b).map((at) => told.corrections[at]));
  said.textContent = `${chosen.size} ${chosen.size === 1 ? "correction" : "corrections"}`;
  rows.textContent = table;
  rows.hidden = save.hidden = chosen.size === 0;
  save.href = address(table);
}

function toggle(tile) {
  const at = Number(tile.dataset.at), off = chosen.delete(at);
  if (!off) chosen.add(at);
  tile.setAttribute("aria-pressed", String(!off));
  show();
}

document.querySelectorAll("[data-at]").forEach((tile) => {
  tile.addEventListener("click", () => toggle(tile));
  tile.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    toggle(tile);
  });
});
