// The page of a run: acknowledge frames, follow the newest step, say when the connection is lost.
import "./writing.js";

const main = document.getElementById("content");
let atEnd = true;
let live = Boolean(document.querySelector("[data-live]"));
main.addEventListener("scroll", () => {
  atEnd = main.scrollHeight - main.scrollTop - main.clientHeight < 64;
}, { passive: true });
new MutationObserver(() => {
  if (!live) return;
  live = Boolean(document.querySelector("[data-live]"));
  if (!atEnd) return;
  if (live) main.scrollTop = main.scrollHeight;
  else document.querySelector(".answer, .run .notice")?.scrollIntoView({ block: "center" });
}).observe(main, { childList: true, subtree: true });

// Every frame is acknowledged: the server keeps only so many on their way.
document.addEventListener("htmx:wsAfterMessage", (event) => {
  event.detail.socketWrapper.send(JSON.stringify({ type: "ack" }));
});
const connection = document.getElementById("connection");
document.addEventListener("htmx:wsOpen", () => { if (connection) connection.hidden = true; });
document.addEventListener("htmx:wsClose", (event) => {
  if (connection) connection.hidden = event.detail.event.code === 1000 || !document.querySelector("[data-live]");
});
