// The chat page: staying at the newest words, copying, the state of the connection.
import { isComposing, toast } from "./app.js";
import "./writing.js";

const scroll = document.getElementById("scroll");
const thread = document.getElementById("thread");
const latest = document.querySelector("[data-latest]");
const composer = document.getElementById("composer");
const text = document.getElementById("composer-text");

document.addEventListener("keydown", (event) => {
  const stop = document.querySelector(".composer__stop");
  if (event.key !== "Escape" || event.defaultPrevented || isComposing(event)) return;
  if (!document.getElementById("dialog").open && stop?.checkVisibility()) stop.click();
});
composer?.addEventListener("click", (event) => { if (event.target === composer) text.focus(); });
composer?.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target === composer) atEnd = true;
});
composer?.addEventListener("htmx:afterRequest", (event) => {
  if (event.target !== composer || !event.detail.successful) return;
  thread.querySelector(":scope > .empty")?.remove();
  text.focus();
});

// Stay at the end while the reader is there; keep the place when older messages come in above.
let atEnd = true;
let before = null;
const toEnd = () => { if (scroll) scroll.scrollTop = scroll.scrollHeight; };
const isNear = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 48;
scroll?.addEventListener("scroll", () => {
  atEnd = isNear();
  latest.hidden = atEnd;
}, { passive: true });
latest?.addEventListener("click", toEnd);
if (scroll) {
  new ResizeObserver(() => {
    if (atEnd) toEnd();
    latest.hidden = isNear();
  }).observe(thread);
  const asked = new URLSearchParams(location.search);
  if (asked.has("before") || asked.has("message")) atEnd = false; else toEnd();
}
document.addEventListener("htmx:beforeSwap", (event) => {
  before = event.target.classList.contains("older") ? scroll.scrollHeight - scroll.scrollTop : null;
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (before !== null) scroll.scrollTop = scroll.scrollHeight - before;
  before = null;
});

// A setting that the browser refuses is looked for: it may be folded away.
document.addEventListener("invalid", (event) => {
  event.target.closest("details")?.setAttribute("open", "");
}, true);

// Copy code, or a whole message as it was written.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-message]");
  if (!button) return;
  const words = button.hasAttribute("data-copy")
    ? button.closest(".code").querySelector("code").textContent
    : button.parentElement.querySelector("[data-source]").content.textContent;
  try {
    await navigator.clipboard.writeText(words);
    toast("Copied");
  } catch {
    toast("The browser does not allow copying here.");
  }
});

// A tool call that waits for a person is said, and gets the focus unless somebody is writing: the
// card as a whole, so that no key that is on its way decides anything. Then the focus goes back.
const said = document.getElementById("said");
let asked = "";
function attend() {
  const call = document.querySelector('[data-live] .call[data-state="waiting"]');
  if ((call?.id ?? "") === asked) return;
  const wasAsked = asked !== "";
  asked = call?.id ?? "";
  said.textContent = call ? `${call.getAttribute("aria-label")} waits for your decision.` : "";
  const focused = document.activeElement;
  const isFree = focused === document.body || (focused === text && !text.value);
  if (call && isFree) call.focus({ preventScroll: atEnd });
  else if (wasAsked && focused === document.body) text.focus({ preventScroll: true });
}

// An agent's answer follows its run. When the run has said its last, the answer is asked for, once.
document.addEventListener("htmx:load", () => {
  for (const message of document.querySelectorAll(".message[data-live]")) {
    if (message.querySelector(".run:not([data-live])")) window.htmx.trigger(message, "run-ended");
  }
});

// Every frame is acknowledged: the server keeps only so many on their way.
document.addEventListener("htmx:wsAfterMessage", (event) => {
  event.detail.socketWrapper.send(JSON.stringify({ type: "ack" }));
  attend();
});
const connection = document.getElementById("connection");
document.addEventListener("htmx:wsOpen", () => { connection.hidden = true; });
document.addEventListener("htmx:wsClose", (event) => {
  connection.hidden = event.detail.event.code === 1000 || !document.querySelector("[data-live]");
});
