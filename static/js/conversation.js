// The page follows the conversations: what another tab did, an answer that begins, a title.
const follower = document.getElementById("following");
const thread = document.getElementById("thread");

const shownOf = (id) => document.getElementById(`message-${id}`);
const whole = () => htmx.ajax("GET", follower.dataset.thread, { target: thread, swap: "innerHTML" });

// An answer that is being written follows its run, which brings its end; one that is being edited
// waits for whoever edits it.
function stands(shown, version) {
  if (!shown) return false;
  const sameRun = shown.dataset.version?.split("-")[0] === version.split("-")[0];
  return shown.dataset.version === version || shown.matches(".message--editing")
    || (shown.hasAttribute("data-live") && sameRun);
}

// Bring the thread to what it is made of now; messages that stand as they should are left alone.
function reconcile(entries) {
  const first = entries.length && shownOf(entries[0].id);
  if (!first) { whole(); return; }
  let last = null;
  for (const { id, version, html } of entries) {
    const shown = shownOf(id);
    if (!stands(shown, version)) {
      if (!html) { whole(); return; }
      htmx.swap(shown ?? last, html, { swapStyle: shown ? "outerHTML" : "afterend" });
    }
    last = shownOf(id);
  }
  const kept = new Set(entries.map(({ id }) => `message-${id}`));
  const stale = [...thread.querySelectorAll(`#${CSS.escape(`message-${entries[0].id}`)} ~ .message`)];
  for (const message of stale) {
    if (!kept.has(message.id)) htmx.swap(message, "", { swapStyle: "delete" });
  }
}

function follow({ list, title, thread: entries, picker, deleted }) {
  if (deleted) { location.assign(`${follower.dataset.home}?deleted=${deleted}`); return; }
  if (title) {
    document.title = `${title} · Cortex`;
    document.getElementById("page-title").textContent = title;
  }
  if (entries) reconcile(entries);
  if (picker) htmx.swap("#model-picker", picker, { swapStyle: "outerHTML" });
  // Somebody who is typing a new title is not interrupted: the list comes with the next change.
  if (list && !document.querySelector(".conversation--renaming")) {
    htmx.trigger(document.body, "conversations-changed");
  }
}

// A socket of its own: htmx complains of each one that a page is left with while it is being opened.
const address = new URL(follower.dataset.socket, location.href);
address.protocol = address.protocol.replace("http", "ws");
let pause = 500; // ms until the next try; twice as long each time
function connect() {
  const socket = new WebSocket(address);
  socket.addEventListener("open", () => { pause = 500; });
  socket.addEventListener("message", (event) => {
    socket.send(JSON.stringify({ type: "ack" }));
    follow(JSON.parse(event.data));
  });
  socket.addEventListener("close", () => {
    setTimeout(connect, pause * (1 + Math.random()));
    pause = Math.min(2 * pause, 30_000);
  });
}
connect();

// What was asked for from here may have come by that way already: it is brought together.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target !== thread || !event.detail.shouldSwap) return;
  const answer = document.createElement("template");
  answer.innerHTML = event.detail.serverResponse;
  const entries = [...answer.content.querySelectorAll(".message")].map((message) => ({
    id: message.id.replace("message-", ""), version: message.dataset.version, html: message.outerHTML,
  }));
  if (!entries.length || !shownOf(entries[0].id)) return;
  event.detail.shouldSwap = false;
  reconcile(entries);
});

// A hit that was opened: it gets the focus, and what was looked for is in the middle.
const hit = document.querySelector(".message--opened");
if (hit) {
  hit.focus({ preventScroll: true });
  (hit.querySelector("mark") ?? hit).scrollIntoView({ block: "center" });
}
