// Boxes in which people write: which key sends, and drafts that outlive a reload.
// `data-enter` says that Enter sends; `data-draft` names what is kept of the box.
import { isComposing } from "./app.js";

const typesOnGlass = matchMedia("(pointer: coarse)"); // there Enter has no Shift beside it

function breakLine(box) {
  // As if it were typed: it can be undone.
  if (!document.execCommand("insertText", false, "\n")) {
    box.setRangeText("\n", box.selectionStart, box.selectionEnd, "end");
    box.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

// Shift and Alt break the line, Ctrl and Cmd send; Enter alone sends where there are keys.
document.addEventListener("keydown", (event) => {
  const box = event.target.closest?.("textarea[data-draft]");
  if (!box || event.key !== "Enter" || isComposing(event) || event.shiftKey) return;
  const chord = event.ctrlKey || event.metaKey;
  if (event.altKey) {
    event.preventDefault();
    breakLine(box);
  } else if (chord || ("enter" in box.dataset && !typesOnGlass.matches)) {
    event.preventDefault();
    if (box.value.trim() && !event.repeat) box.form.requestSubmit();
  }
});

const PREFIX = "draft:";
const KEEP = 30 * 24 * 3600 * 1000; // ms
const LEAVING = "draft-leaving"; // what a form that leads to another page has just sent

function read(key) {
  try { return JSON.parse(localStorage.getItem(PREFIX + key)); } catch { return null; }
}

function forget(key) {
  localStorage.removeItem(PREFIX + key);
}

function keep(box) {
  const key = box.dataset.draft;
  if (box.value === box.defaultValue && !read(key)) return;
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify({ text: box.value, at: Date.now() }));
  } catch { /* the browser keeps no more: the box itself still has the text */ }
}

function restore(box) {
  const draft = read(box.dataset.draft);
  if (!draft?.text || draft.text === box.value) return;
  box.value = draft.text;
  box.setSelectionRange(box.value.length, box.value.length);
}

const boxes = (root) => root.querySelectorAll?.("textarea[data-draft]") ?? [];

document.addEventListener("input", (event) => {
  if (event.target.matches?.("textarea[data-draft]")) keep(event.target);
});
document.addEventListener("htmx:load", (event) => boxes(event.target).forEach(restore));
document.addEventListener("click", (event) => {
  const box = event.target.closest("[data-cancel]")?.form?.querySelector("textarea[data-draft]");
  if (box) forget(box.dataset.draft);
});

// Sent by htmx: it goes when the server has it. What was typed meanwhile stays. (The form may be gone
// by then, and the event comes from what is left.)
const sent = new WeakMap();
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt } = event.detail.requestConfig;
  const box = elt.matches("form") && boxes(elt)[0];
  if (box) sent.set(elt, { box, text: box.value });
});
document.addEventListener("htmx:afterRequest", (event) => {
  const { elt } = event.detail.requestConfig;
  const { box, text } = sent.get(elt) ?? {};
  sent.delete(elt);
  if (!box || !event.detail.successful || !box.value.startsWith(text)) return;
  box.value = box.value.slice(text.length).trimStart();
  if (box.value) keep(box);
  else forget(box.dataset.draft);
});

// Sent by the browser: the server has it when the next page came from here and asks for no such
// text. Whoever comes back instead, or is given the text back, finds the draft.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const box = boxes(form)[0];
  if (!box || form.hasAttribute("hx-post") || event.submitter?.name === "example") return;
  sessionStorage.setItem(LEAVING, JSON.stringify({ key: box.dataset.draft, from: location.pathname }));
});
function arrive() {
  const leaving = JSON.parse(sessionStorage.getItem(LEAVING) ?? "null");
  sessionStorage.removeItem(LEAVING);
  if (!leaving || document.querySelector(`[data-draft="${leaving.key}"]`)) return;
  const from = document.referrer && new URL(document.referrer).pathname;
  if (from === leaving.from) forget(leaving.key);
}
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  sessionStorage.removeItem(LEAVING);
  for (const box of boxes(document)) box.value = read(box.dataset.draft)?.text ?? box.defaultValue;
});

arrive();
for (const key of Object.keys(localStorage)) {
  if (!key.startsWith(PREFIX)) continue;
  const draft = read(key.slice(PREFIX.length));
  if (!draft?.text || Date.now() - draft.at > KEEP) localStorage.removeItem(key);
}
boxes(document).forEach(restore);
