// The user menu is a details element and works by itself; this closes it as a menu closes: by Escape, or a click elsewhere.
const menu = document.querySelector(".user-menu");

document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});

menu?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// On a phone the second navigation scrolls sideways: the page that is open is in sight.
for (const link of document.querySelectorAll(".sub-nav [aria-current], .settings-nav [aria-current]")) {
  const strip = link.closest("ul");
  strip.scrollLeft = link.offsetLeft - (strip.clientWidth - link.offsetWidth) / 2;
}
