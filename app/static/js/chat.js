// The chat works without this. It sends with Ctrl or Cmd and Enter, shows the newest message, and looks again for an answer
// that is still being written.

const box = document.querySelector(".chat-box");
const text = box?.querySelector("textarea");
const list = document.querySelector(".chat-list");
const isWide = window.matchMedia("(min-width: 62rem)").matches;
const LOOK_AGAIN_MS = 2000;

text?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    box.requestSubmit();
  }
});

// On a narrow screen the list stands above the conversation, and a keyboard would cover half of it.
if (list && !isWide) list.open = false;

// Going to the message that the address names takes the focus away, so this comes after it.
window.addEventListener("load", () => {
  if (isWide) text?.focus({ preventScroll: true });
});

if (!location.hash && !new URLSearchParams(location.search).has("before")) {
  document.querySelector(".chat-messages > li:last-child")?.scrollIntoView();
}

if (document.querySelector("[data-unfinished]")) {
  setInterval(() => {
    if (!text?.value) location.reload();
  }, LOOK_AGAIN_MS);
}
