// What every page needs: toasts, the dialog, the navigation drawer on a phone.

export function toast(text) {
  const box = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  box.textContent = text;
  const toasts = document.getElementById("toasts");
  for (const shown of [...toasts.children]) if (shown.textContent === text) shown.remove(); // said again
  toasts.append(box);
}

const keep = 8000; // ms that a toast stays
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) setTimeout(() => node.remove(), keep);
  }
}).observe(document.getElementById("toasts"), { childList: true });
for (const box of document.querySelectorAll("#toasts > .toast")) setTimeout(() => box.remove(), keep);

// A part that is asked for anew every moment waits while a pointer is down in it: a button that is
// replaced between press and release would not be clicked.
let pressed = null;
document.addEventListener("pointerdown", (event) => { pressed = event.target; }, true);
for (const name of ["pointerup", "pointercancel"]) {
  document.addEventListener(name, () => { pressed = null; }, true);
}
document.addEventListener("htmx:beforeSwap", (event) => {
  const { elt, target } = event.detail.requestConfig;
  const repeated = elt.getAttribute("hx-trigger")?.includes("every ");
  if (repeated && pressed && target.contains(pressed)) event.detail.shouldSwap = false;
});

// What was replaced while it was being asked for is not wanted any more: its answer is dropped.
function drop(event) {
  if (event.detail.requestConfig.verb === "get") event.preventDefault();
}
document.addEventListener("htmx:beforeCleanupElement", (event) => {
  event.target.addEventListener("htmx:beforeOnLoad", drop);
});

const dialog = document.getElementById("dialog");
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "dialog-body" && !dialog.open) dialog.showModal();
});
document.addEventListener("htmx:load", (event) => { // what came in may want the focus
  const field = event.target.querySelector?.('[aria-invalid="true"], [autofocus]');
  field?.focus();
  if (field?.ariaInvalid) field.scrollIntoView({ block: "center" }); // with what is wrong, below it
  if (field?.matches("input")) field.select();
});
document.addEventListener("dialog-close", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-dialog-close]")) dialog.close();
});

// While an input method composes a character, Enter and Escape belong to it. Safari ends the
// composition before it tells of the key, which the key's code alone shows.
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

function drawer(open) {
  document.body.classList.toggle("drawer-open", open);
  const opener = document.querySelector(".topbar__menu");
  opener?.setAttribute("aria-expanded", String(open));
  (open ? document.querySelector(".sidebar a") : opener)?.focus();
}
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-drawer]")) drawer(!document.body.classList.contains("drawer-open"));
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || isComposing(event)) return;
  const cancel = event.target.closest?.("form")?.querySelector("[data-cancel]");
  const isOpen = document.body.classList.contains("drawer-open");
  if (cancel || isOpen) event.preventDefault(); // it stops no answer as well
  if (cancel) cancel.click();
  else if (isOpen) drawer(false);
});

document.addEventListener("htmx:sendError", () => {
  toast("Cortex cannot be reached. Nothing you wrote is lost: try again in a moment.");
});
document.addEventListener("htmx:responseError", (event) => {
  let text = "That did not work.";
  try { text = JSON.parse(event.detail.xhr.responseText).error.message; } catch { /* not JSON */ }
  toast(text);
});
