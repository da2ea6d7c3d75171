// Keeps the balance in the header right: asked for every 30 seconds while the page can be seen, and at once when it is
// looked at again. Without this it is right whenever a page is opened.

const EVERY_MS = 30_000;
const pill = document.querySelector("#balance");
let tag = null;
let timer = 0;
let isAsking = false;

export function showBalance({ shown, title, is_low: isLow }) {
  if (!pill) return;
  pill.querySelector("[data-available]").textContent = shown;
  pill.title = title;
  pill.classList.toggle("is-wait", isLow);
}

async function ask() {
  const headers = { Accept: "application/json", ...(tag && { "If-None-Match": tag }) };
  const response = await fetch(pill.dataset.balance, { headers, redirect: "manual", cache: "no-store" });
  if (!response.ok) return;
  tag = response.headers.get("ETag");
  showBalance(await response.json());
}

async function look() {
  if (isAsking || document.visibilityState !== "visible") return;
  isAsking = true;
  clearTimeout(timer);
  // What does not work now may work the next time; whoever was signed out meanwhile is told so by the next page.
  await ask().catch(() => {});
  isAsking = false;
  timer = setTimeout(look, EVERY_MS);
}

if (pill) {
  timer = setTimeout(look, EVERY_MS);
  window.addEventListener("focus", look);
  document.addEventListener("visibilitychange", look);
}
