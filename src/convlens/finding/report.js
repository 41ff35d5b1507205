"use strict";
// Finds and near misses that are clicked become rows of marks. The page is complete without this script.
const { corrections } = JSON.parse(document.getElementById("run").textContent);
const [said, rows, save] = ["said", "rows", "save"].map((name) => document.getElementById(name));
const chosen = new Set();
const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function show() {
  const listed = [...chosen].sort((a, b) => a - b).map((at) => corrections[at].map(cell).join(","));
  const table = ["image,kind,x,y,w,h", ...listed, ""].join("\n");
  said.textContent = `${chosen.size} ${chosen.size === 1 ? "correction" : "corrections"}`;
  rows.textContent = table;
  rows.hidden = save.hidden = chosen.size === 0;
  save.href = `data:text/csv;charset=utf-8,${encodeURIComponent(table)}`;
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
