"use strict";
addEventListener("load", () => {
  const at = document.getElementById("swagger");
  SwaggerUIBundle({
    url: at.dataset.spec, domNode: at, deepLinking: true, validatorUrl: null, displayRequestDuration: true,
    tryItOutEnabled: true, presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout",
  });
});
