// Loaded before the styles, so that a chosen theme never flashes. Without a choice the system rules.
const root = document.documentElement;
const mark = () => {
  const theme = localStorage.getItem("theme") || "system";
  root.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
};
mark();
document.addEventListener("DOMContentLoaded", mark);
addEventListener("storage", mark);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (!button) return;
  localStorage.setItem("theme", button.dataset.themeChoice);
  mark();
});
