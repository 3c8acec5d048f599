// Starts Swagger UI on the page of functions/api/description/docs_page.py. It is a separate file because the page's CSP allows no
// inline script.
const element = document.getElementById("swagger-ui");
SwaggerUIBundle({
  domNode: element,
  url: element.dataset.description,
  deepLinking: true,
  validatorUrl: null, // it would send the description to another host
});
