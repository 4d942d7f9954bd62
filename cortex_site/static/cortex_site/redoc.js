// ReDoc on our own description.
window.Redoc.init(
  "/openapi.json",
  { disableGoogleFont: true, theme: { typography: { fontFamily: "system-ui, sans-serif", headings: { fontFamily: "system-ui, sans-serif" } } } },
  document.getElementById("reader"),
);
