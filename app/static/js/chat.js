// The chat works without this. With it, an answer is shown as it is written and can be stopped, Enter sends, the newest
// message stays in sight unless the reader has gone elsewhere, and code can be copied.

import { showBalance } from "./balance.js";
import { readEvents } from "./event_stream.js";

const box = document.querySelector(".chat-box");
const text = box?.querySelector("textarea");
const talk = document.querySelector(".chat-talk");
const list = document.querySelector(".chat-list");
const messages = document.querySelector(".chat-messages");
const error = document.querySelector("#chat-error");
const status = document.querySelector("#chat-status");
const isWide = window.matchMedia("(min-width: 62rem)").matches;
const hasKeyboard = window.matchMedia("(pointer: fine)").matches;
const LOOK_AGAIN_MS = 1000;
const NEAR_THE_END = 160;
// The answer that this page is receiving: its id, once it is known, and how to hang up.
let sending = null;

// --- what is shown ---

// What our own server has written, as elements.
function elements(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  enhance(template.content);
  return template.content;
}

// Code can be copied, and nobody need look again for an answer that is followed.
function enhance(root) {
  root.querySelectorAll(".message-again").forEach((link) => link.remove());
  if (navigator.clipboard) root.querySelectorAll(".markdown pre").forEach(addCopyButton);
}

function addCopyButton(code) {
  const block = document.createElement("div");
  const button = document.createElement("button");
  block.className = "code-block";
  button.type = "button";
  button.className = "btn btn-secondary btn-sm";
  button.textContent = talk.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = talk.dataset.copied;
    setTimeout(() => { button.textContent = talk.dataset.copy; }, 2000);
  });
  code.replaceWith(block);
  block.append(code, button);
}

const isAtTheEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - NEAR_THE_END;

// Changes the page and stays at its end; whoever has scrolled away from there reads on undisturbed.
function change(work) {
  const follows = isAtTheEnd();
  work();
  if (follows) scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
}

function showError(message) {
  change(() => {
    error.querySelector("p").textContent = message;
    error.hidden = !message;
  });
}

function showMessage(id, html) {
  change(() => document.getElementById(`message-${id}`).replaceWith(elements(html)));
}

// What an answer or a refusal means for the balance and the box.
function takeState(state) {
  if (state.balance) showBalance(state.balance);
  if (state.key && box) box.elements.key.value = state.key;
  if (state.notice === undefined) return;
  // What the answer did not use of what was held for it is there again.
  if (!state.is_out && !box?.isConnected && !document.querySelector("#unsent")) location.reload();
  change(() => {
    document.querySelector("#chat-notice").replaceChildren(elements(state.notice));
    if (!state.is_out || !box?.isConnected) return;
    const unsent = document.querySelector("#unsent-template").content.cloneNode(true);
    unsent.querySelector("textarea").value = text.value;
    box.replaceWith(...(text.value ? [unsent] : []));
  });
}

// --- sending ---

async function send() {
  sending = { hangUp: new AbortController() };
  box.setAttribute("aria-busy", "true");
  showError("");
  const sent = { text: text.value, key: box.elements.key.value };
  let id = null;
  let said = "";
  try {
    const headers = { Accept: "text/event-stream, application/json" };
    const call = { method: "POST", body: new FormData(box), headers, redirect: "manual", signal: sending.hangUp.signal };
    const response = await fetch(box.dataset.stream, call);
    if (!response.ok) return refuse(response);
    for await (const { name, data } of readEvents(response.body)) {
      if (name === "began") {
        id = sending.id = data.message;
        begin(data, sent);
      } else if (name === "delta") {
        said += data.text;
        const place = document.querySelector(`#message-${id}[data-unfinished] .message-text`);
        if (place) change(() => write(place, said));
      } else if (name === "done") {
        finish(id, data);
        return;
      } else if (name === "failed") {
        giveBack(id, sent, data);
        return;
      }
    }
  } catch {
    // The network, or Stop; below is what can be done about it.
  } finally {
    sending = null;
    box.removeAttribute("aria-busy");
  }
  if (id) follow(document.getElementById(`message-${id}`));
  else showError(box.dataset.broken);
}

async function refuse(response) {
  // Whoever was signed out meanwhile, or in again, is told by a page and not by JSON.
  if (!response.headers.get("Content-Type")?.includes("json")) return showError(box.dataset.stale);
  const state = await response.json();
  takeState(state);
  if (!state.is_out) showError(state.message);
}

// From here on the message is the server's; the page is that of its conversation.
function begin({ address, title, message, html, tools, key }, sent) {
  box.elements.key.value = key;
  if (text.value === sent.text) put("");
  document.querySelector(".chat-talk > .empty")?.remove();
  document.querySelector(`#message-${message}`)?.previousElementSibling?.remove();
  document.querySelector(`#message-${message}`)?.remove();
  messages.append(elements(html));
  messages.lastElementChild.scrollIntoView({ block: "nearest" });
  scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
  status.textContent = status.dataset.writing;
  if (new URL(box.action).pathname !== address) become(address, title, tools);
}

function put(value) {
  text.value = value;
  text.dispatchEvent(new Event("input"));
}

// Nothing was said and nothing is charged: the message is here again, to be sent once more.
function giveBack(id, sent, state) {
  const shown = document.getElementById(`message-${id}`);
  if (text.value) {
    // The box has the next one already; this one stays where it stands, and will say it.
    follow(shown);
  } else {
    shown.previousElementSibling.remove();
    shown.remove();
    put(sent.text);
    box.elements.key.value = sent.key;
  }
  status.textContent = "";
  takeState(state);
  showError(state.message);
}

function become(address, title, tools) {
  history.replaceState(null, "", address);
  document.title = document.title.replace(document.querySelector("h1").textContent, () => title);
  document.querySelector("h1").textContent = title;
  document.querySelector(".chat-tools").replaceChildren(elements(tools));
  document.querySelector(".chat-assistant")?.remove();
  box.action = address;
  box.dataset.stream = `${address}/stream`;
  const entry = document.createElement("li");
  const link = document.createElement("a");
  link.href = address;
  link.textContent = title;
  link.dir = "auto";
  link.setAttribute("aria-current", "page");
  entry.append(link);
  list.querySelector("[data-none]")?.remove();
  list.querySelector("ul").prepend(entry);
}

function write(place, said) {
  place.classList.add("is-written");
  place.textContent = said;
}

function finish(id, state) {
  showMessage(id, state.html);
  takeState(state);
  status.textContent = status.dataset.ended;
  const shown = document.getElementById(`message-${id}`);
  if (shown?.dataset.unfinished) follow(shown);
}

// --- an answer that is written elsewhere ---

async function look(shown) {
  const response = await fetch(shown.dataset.unfinished, { headers: { Accept: "application/json" }, redirect: "manual" });
  // What a server cannot say now it may say the next time; what is gone is over.
  if (!response.ok) return { isOver: response.status < 500 && response.status !== 429 };
  const state = await response.json();
  const id = shown.id.replace("message-", "");
  const isOver = state.status !== "streaming";
  if (isOver) {
    finish(id, state);
  } else {
    const place = shown.querySelector(".message-text");
    const fresh = elements(state.html).querySelector(".message-text");
    change(() => place.replaceChildren(...fresh.childNodes));
  }
  return { isOver };
}

function follow(shown) {
  const again = async () => {
    const { isOver } = await look(shown).catch(() => ({ isOver: false }));
    if (!isOver) setTimeout(again, LOOK_AGAIN_MS);
  };
  setTimeout(again, LOOK_AGAIN_MS);
}

async function stop(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  const headers = { Accept: "application/json" };
  const asked = await fetch(form.action, { method: "POST", body: new FormData(form), headers, redirect: "manual" }).catch(() => null);
  if (!asked?.ok) {
    button.disabled = false;
    return;
  }
  // A model that thinks may not notice for long; nobody has to wait for that before the next message.
  if (form.closest("li").id === `message-${sending?.id}`) sending.hangUp.abort();
}

// --- the page ---

box?.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!sending && text.value.trim()) send();
});

text?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  // On a phone there is no other way to begin a new line.
  const sends = event.ctrlKey || event.metaKey || (hasKeyboard && !event.shiftKey && !event.altKey);
  if (!sends) return;
  event.preventDefault();
  box.requestSubmit();
});

messages?.addEventListener("submit", (event) => {
  event.preventDefault();
  stop(event.target);
});

const hint = document.querySelector("[data-hint]");
if (hint) hint.hidden = !hasKeyboard;

// On a narrow screen the list stands above the conversation, and a keyboard would cover half of it.
if (list && !isWide) list.open = false;

// Going to the message that the address names takes the focus away, so this comes after it.
window.addEventListener("load", () => {
  if (isWide) text?.focus({ preventScroll: true });
});

enhance(document);
document.querySelectorAll("[data-unfinished]").forEach(follow);

if (!location.hash && !new URLSearchParams(location.search).has("before")) {
  document.querySelector(".chat-messages > li:last-child")?.scrollIntoView();
}
