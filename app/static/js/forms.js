// Forms work without this. It counts what is left of a text, and keeps a second click from sending a form twice.

for (const field of document.querySelectorAll("[data-counter][maxlength]")) {
  const counter = field.nextElementSibling;
  const show = () => {
    const left = field.maxLength - field.value.length;
    counter.textContent = `${field.dataset.counter} ${left}`;
    counter.classList.toggle("is-short", left < 50);
  };
  field.addEventListener("input", show);
  show();
}

function release(form) {
  delete form.dataset.sent;
  form.removeAttribute("aria-busy");
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
  // Whoever stopped the page from loading may send it again.
  setTimeout(release, 10_000, form);
});

// A page that comes back from the browser's memory may be sent again.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach(release);
});
