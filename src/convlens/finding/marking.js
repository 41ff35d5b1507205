// A drag on a picture is a box, a click a point; a click on a mark takes it away. All of it becomes marks.csv.
const [said, save, undo, zoom] = ["said", "save", "undo", "zoom"].map((name) => document.getElementById(name));
const kinds = [...document.querySelectorAll("input[name=kind]")];
const sheets = [...document.querySelectorAll("svg[data-picture]")];
const CLICK = 4; // pixels of the screen: what moves less is no drag
const DOT = 6; // pixels of the screen: the radius of a point
const WIDE = 1100; // pixels of the screen: no picture is wider at first
let marks = told.marks, unsaved = false; // rows of image, kind, x, y, w, h as they are written; no w, h: a point

const kind = () => kinds.find((one) => one.checked).value;
const spelled = (n) => String(Math.round(10 * n) / 10);

function shape(name, attributes, style) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries({ ...attributes, class: style }).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}

// pixels of the screen a pixel of the picture
const scale = (sheet) => 2 ** (Math.floor(Math.log2(WIDE / sheet.viewBox.baseVal.width)) + Number(zoom.value));

function drawn(row, sheet) {
  const [, which, x, y, width, height] = row;
  const style = `mark ${which}`;
  const made = width === "" ? shape("circle", { cx: x, cy: y, r: DOT / scale(sheet) }, style)
    : shape("rect", { x, y, width, height }, style);
  made.row = row;
  return made;
}

function show() {
  sheets.forEach((sheet) => {
    const own = marks.filter(([image]) => image === sheet.dataset.picture);
    sheet.style.width = `${sheet.viewBox.baseVal.width * scale(sheet)}px`;
    sheet.querySelector("g").replaceChildren(...own.map((row) => drawn(row, sheet)));
  });
  const many = (which) => marks.filter((row) => row[1] === which).length;
  said.textContent = kinds.map(({ value }) => `${many(value)} ${value}`).join(", ");
  save.href = address(tabled(marks));
  undo.disabled = marks.length === 0;
}

function become(rows) {
  marks = rows;
  unsaved = true;
  show();
}

function place(sheet, event) {
  // in the picture's own pixels, within its borders
  const around = sheet.getBoundingClientRect(), { width, height } = sheet.viewBox.baseVal;
  const share = [(event.clientX - around.left) / around.width, (event.clientY - around.top) / around.height];
  return share.map((part, axis) => Math.min(1, Math.max(0, part)) * [width, height][axis]);
}

function box(from, to) {
  const corner = from.map((value, axis) => Math.min(value, to[axis]));
  return [...corner, ...from.map((value, axis) => Math.abs(value - to[axis]))].map(spelled);
}

sheets.forEach((sheet) => sheet.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  event.preventDefault();
  sheet.setPointerCapture(event.pointerId);
  const from = place(sheet, event), hit = event.target.row, image = sheet.dataset.picture;
  const draft = sheet.appendChild(shape("rect", {}, `mark ${kind()}`));
  const far = (now) => Math.hypot(now.clientX - event.clientX, now.clientY - event.clientY) >= CLICK;
  sheet.onpointermove = (now) => box(from, place(sheet, now)).forEach((value, at) =>
    draft.setAttribute(["x", "y", "width", "height"][at], value));
  sheet.onpointerup = sheet.onpointercancel = (now) => {
    sheet.onpointermove = sheet.onpointerup = sheet.onpointercancel = null;
    draft.remove();
    if (now.type === "pointercancel") return;
    if (far(now)) become([...marks, [image, kind(), ...box(from, place(sheet, now))]]);
    else if (hit) become(marks.filter((row) => row !== hit));
    else if (kind() !== "complete") become([...marks, [image, kind(), ...from.map(spelled), "", ""]]);
  };
}));

document.addEventListener("keydown", (event) => {
  const which = kinds[event.key - 1];
  if (which && !event.ctrlKey && !event.metaKey) which.checked = true;
});
undo.addEventListener("click", () => become(marks.slice(0, -1)));
zoom.addEventListener("input", show);
save.addEventListener("click", () => { unsaved = false; });
window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
show();
