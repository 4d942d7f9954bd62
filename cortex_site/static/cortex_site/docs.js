// Swagger UI on our own description. Its "Execute" sends same-origin requests with JSON bodies.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reader",
  deepLinking: true,
  validatorUrl: null,
});
