// Shows the API's document. Swagger UI's own page would start it by inline script.

// Swagger UI has a dark theme, by a class of its own.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

const place = document.querySelector("#api-document");

// The page has a heading and an introduction already.
const withoutIntroduction = () => ({ wrapComponents: { InfoContainer: () => () => null } });

window.SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  deepLinking: true,
  plugins: [withoutIntroduction],
  // Nothing is sent to anybody else's validator.
  validatorUrl: null,
  // It takes itself for the whole page, which has a main part already.
  onComplete: () => place.querySelector("main")?.setAttribute("role", "presentation"),
});
