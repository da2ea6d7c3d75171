// The desk works without this. It gives it keys (an element says which with data-key), the choice of many rows at once,
// and canned responses that can be changed before they are sent.

const ON = "desk-keys";
const help = document.querySelector("#desk-keys");
const use = document.querySelector("#desk-keys-on");
const rows = [...document.querySelectorAll("[data-row]")];

// --- keys ---

// On a keyboard without Latin letters the key counts that stands in the place of the letter.
function letterOf(event) {
  if (/^[a-z]$/i.test(event.key)) return event.key.toLowerCase();
  const place = /^Key([A-Z])$/.exec(event.code);
  return place ? place[1].toLowerCase() : event.key;
}

function isTyping(element) {
  const types = ["checkbox", "radio", "button", "submit"];
  return element.isContentEditable || element.matches("textarea, select") || (element.matches("input") && !types.includes(element.type));
}

const current = () => rows.findIndex((row) => row.contains(document.activeElement));

function go(step) {
  const row = rows[Math.max(0, Math.min(rows.length - 1, current() + step))];
  row.querySelector(".row-link").focus();
}

// Where no row is chosen, the first one is meant.
const chosen = () => rows[Math.max(0, current())];
const link = (row) => row.querySelector(".row-link");

const inList = {
  j: () => go(1),
  k: () => go(-1),
  o: () => link(chosen()).click(),
  a: () => location.assign(`${link(chosen()).href}#approve`),
  r: () => location.assign(`${link(chosen()).href}#reject`),
  x: () => chosen().querySelector("[name=selected]").click(),
};

// A decision is never one key: the key leads to its button, or first to the message without which it is refused.
let armed = null;

function lead(element) {
  if (element.matches("a, [data-key=n]")) return element.click();
  const words = element.form?.elements.response;
  armed = element;
  if ("needsWords" in element.dataset && !words.value) return words.focus();
  return element.focus();
}

function press(event) {
  if (event.target.matches("textarea") && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    if (armed?.form === event.target.form) armed.click();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target) || !use.checked) return;
  const key = letterOf(event);
  const element = [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  let act = element && (() => lead(element));
  if (key === "?") act = () => { help.open = !help.open; };
  else if (rows.length && inList[key]) act = inList[key];
  if (!act) return;
  event.preventDefault();
  act();
}

if (help) {
  help.hidden = false;
  use.checked = localStorage.getItem(ON) !== "off";
  use.addEventListener("change", () => localStorage.setItem(ON, use.checked ? "on" : "off"));
  document.addEventListener("keydown", press);
}

// Whoever comes from the list with a decision in mind is led to its button.
if (["#approve", "#reject"].includes(location.hash)) {
  const button = document.querySelector(location.hash);
  if (button) lead(button);
}

// A field is not focused by the address alone.
if (location.hash === "#q") document.querySelector("#q")?.focus();

// --- many rows at once ---

const bulk = document.querySelector("#desk-bulk");

if (bulk) {
  const all = document.querySelector("#select-all");
  const boxes = rows.map((row) => row.querySelector("[name=selected]"));
  const summary = bulk.querySelector("summary");
  const show = () => {
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    summary.textContent = summary.dataset.text.replace("%", count);
    bulk.hidden = count === 0;
  };
  document.querySelector("#desk-all").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  for (const box of boxes) box.addEventListener("change", show);
  // The browser may have kept what was selected before.
  window.addEventListener("pageshow", show);
  show();
}

// --- canned responses ---

for (const choice of document.querySelectorAll("select[data-fills]")) {
  const field = choice.form.elements[choice.dataset.fills];
  let filled = "";
  choice.addEventListener("change", () => {
    const text = choice.selectedOptions[0].dataset.text ?? "";
    const kept = field.value === filled ? "" : field.value.trim();
    field.value = kept && text ? `${kept}\n\n${text}` : kept || text;
    filled = kept ? "" : text;
    field.dispatchEvent(new Event("input"));
  });
}
