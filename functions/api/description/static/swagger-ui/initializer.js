// Starts Swagger UI on the page that functions/api/description/docs_page.py makes; a file of its own, as the policy of the page
// allows no inline script.
const element = document.getElementById("swagger-ui");
SwaggerUIBundle({
  domNode: element,
  url: element.dataset.description,
  deepLinking: true,
  validatorUrl: null, // it would send the description to another host
});
