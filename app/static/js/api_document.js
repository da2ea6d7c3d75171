// Shows the API's document. Swagger UI's own page would start it by inline script.

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
});
