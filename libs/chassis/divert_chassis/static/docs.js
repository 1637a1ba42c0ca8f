"use strict";

const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  // Its default sends the document's address to a public validator.
  validatorUrl: null,
  onComplete: () => {
    document.title = ui.specSelectors.info().get("title") ?? "API";
  },
});
