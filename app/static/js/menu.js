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
