"""The parent's half of a model that lives in a process of its own.

When the process dies, requests that had produced nothing are asked again of its successor (once: a
request that kills two processes is at fault itself), the others end with WorkerLost, and the model
is started again, unless it keeps dying.

The protocol is JSON over a socket pair. To the child: `{"op": "load", "config"}` once, then
`{"op": "generate", "request"}`, `{"op": "cancel", "id"}`, `{"op": "shutdown"}`. From the child:
`{"op": "progress", "stage", "fraction"}`, `{"op": "loaded", "description"}` or
`{"op": "failed", "error"}`; then `{"op": "deltas", "deltas": [[request id, delta]]}`, one message a
decode step, `{"op": "error", "id", "error"}`, `{"op": "queue", "waiting": [request id]}` in the
order of their turns whenever that changes, and about once a second
`{"op": "beat", "active", "queued", "memory", "steps"}`.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import Any

from inference import metrics
from inference.engines.base import (
    Engine,
    EngineConfig,
    OnChange,
    Place,
    Progress,
    ignore_change,
)
from inference.engines.streams import QueuedStream
from inference.errors import InferenceError, ModelLoadFailed, QueueFull, WorkerLost, from_wire
from inference.pace import Pace
from inference.process import WorkerProcess
from inference.types import (
    JSON,
    Delta,
    GenerationRequest,
    ModelDescription,
    decode_delta,
    encode,
)

logger = logging.getLogger(__name__)

STALL = 120.0  # seconds without a step while requests run: the process hangs
LOAD_SILENCE = 600.0  # seconds without a message while it loads
CRASHES, CRASH_WINDOW = 3, 300.0  # so many crashes within so many seconds: give up
FIRST_BEAT = 2.0  # seconds to wait for the first report of memory


class Answer(QueuedStream):
    """One request and what has come back for it. Filled on the reader thread."""

    def __init__(self, engine: WorkerEngine, request: GenerationRequest) -> None:
        super().__init__()
        self.request = request
        self.asked_at = time.monotonic()
        self.produced = False  # something has come back
        self.requeued = False
        self.sent_to: WorkerProcess | None = None
        self._engine = engine

    def put(self, item: Delta | InferenceError | None) -> None:
        self.produced = True
        super().put(item)

    def close(self) -> None:
        self._engine.abandon(self)
        super().close()


class WorkerEngine(Engine):
    """One model in one `python -m inference.worker`, restarted when it crashes."""

    def __init__(self, config: EngineConfig, on_change: OnChange = ignore_change) -> None:
        super().__init__(config, on_change)
        self._lock = threading.Lock()
        self._answers: dict[str, Answer] = {}
        self._process: WorkerProcess | None = None
        self._loaded: Future[ModelDescription] = Future()
        self._progress: Progress = lambda stage, fraction: None
        self._crashes: list[float] = []
        self._ending = False
        self._memory = 0
        self._beat = threading.Event()
        self._steps = 0
        self._stepped_at = 0.0
        self._waiting: list[str] = []  # request ids, the next to be served first
        self._pace = Pace(config.max_batch)

    # --- The contract ----------------------------------------------------------------------------

    def load(self, progress: Progress) -> ModelDescription:
        self._progress = progress
        self._start()
        description = self._loaded.result()
        self._beat.wait(FIRST_BEAT)
        return description

    def stream(self, request: GenerationRequest) -> Answer:
        answer = Answer(self, request)
        with self._lock:
            if self._ending:
                raise WorkerLost(f"{self.config.model} is not loaded any more.")
            if len(self._answers) >= self.config.max_batch + self.config.max_queue:
                raise self._full()
            if not self._answers:
                self._stepped_at = time.monotonic()
            self._answers[request.id] = answer
            self._submit(answer)
        return answer

    def cancel(self, request_id: str) -> None:
        with self._lock:
            answer = self._answers.get(request_id)
            if answer is None:
                return
            if answer.sent_to is None:  # it waits for a restart: nobody else could end it
                del self._answers[request_id]
                answer.put(Delta(finish_reason="cancelled"))
                return
        self._tell(answer.sent_to, {"op": "cancel", "id": request_id})

    def unload(self) -> None:
        with self._lock:
            self._ending = True
            process = self._process
        self._fail_all(WorkerLost(f"{self.config.model} was unloaded while it was answering."))
        if process:
            process.stop()

    def describe(self) -> ModelDescription:
        if not self._loaded.done() or self._loaded.exception():
            raise ModelLoadFailed(f"{self.config.model} is not loaded.")
        return self._loaded.result()

    def memory_bytes(self) -> int:
        return self._memory

    def queued(self) -> int:
        return len(self._waiting)

    def place(self, request_id: str) -> Place | None:
        waiting = self._waiting
        if request_id not in waiting:
            return None
        position = waiting.index(request_id) + 1
        return Place(position, self.wait(position))

    def wait(self, position: int) -> float:
        with self._lock:
            return self._wait(position)

    def _wait(self, position: int) -> float:
        """The caller holds the lock."""
        oldest = next(iter(self._answers.values()), None)
        return self._pace.wait(position, time.monotonic() - oldest.asked_at if oldest else 0.0)

    def _full(self) -> QueueFull:
        queued = self.config.max_queue
        return QueueFull(
            f"{queued} requests wait for {self.config.model} already.",
            queued=queued,
            expected_wait=self._wait(queued + 1),
        )

    # --- Requests --------------------------------------------------------------------------------

    def _submit(self, answer: Answer) -> None:
        """Send it, if there is a process to send it to; a later one takes what is left over."""
        process = self._process
        if process is None or not self._loaded.done() or self._loaded.exception():
            return
        answer.sent_to = process
        self._tell(process, {"op": "generate", "request": encode(answer.request)})

    def _tell(self, process: WorkerProcess | None, message: JSON) -> None:
        """A process that is gone is dealt with where its end is noticed, by the reader thread."""
        try:
            if process:
                process.send(message)
        except WorkerLost:
            logger.info("%s: sent %r to a process that is gone", self.config.model, message["op"])

    def abandon(self, answer: Answer) -> None:
        """Nobody reads this answer any more."""
        with self._lock:
            known = self._answers.pop(answer.request.id, None)
        if known:
            self._tell(answer.sent_to, {"op": "cancel", "id": answer.request.id})

    def _fail_all(self, error: InferenceError) -> None:
        with self._lock:
            answers, self._answers = list(self._answers.values()), {}
        for answer in answers:
            answer.put(error)

    # --- Messages of the process (reader thread) -------------------------------------------------

    def _on_message(self, message: JSON) -> None:
        handler = getattr(self, f"_on_{message['op']}")
        handler(message)

    def _on_deltas(self, message: JSON) -> None:
        for request_id, data in message["deltas"]:
            self._give(request_id, decode_delta(data))

    def _on_error(self, message: JSON) -> None:
        self._give(message["id"], from_wire(message["error"]))

    def _on_queue(self, message: JSON) -> None:
        self._waiting = message["waiting"]

    def _give(self, request_id: str, item: Delta | InferenceError) -> None:
        if isinstance(item, Delta) and item.usage:  # counts, whoever still reads the answer
            self._pace.note(item.usage)
            metrics.usage_count(self.config.model, item.usage)
        answer = self._answers.get(request_id)
        if answer is None:
            return  # cancelled: what is still under way is of no use
        if isinstance(item, InferenceError) or item.finish_reason:
            self._answers.pop(request_id, None)
        answer.put(item)

    def _on_beat(self, message: JSON) -> None:
        """A thread of its own beats in the child; that its model works is told by the steps."""
        self._memory = message["memory"]
        self._beat.set()
        if message["steps"] != self._steps:
            self._steps, self._stepped_at = message["steps"], time.monotonic()
        self._check_stall()

    def _on_progress(self, message: JSON) -> None:
        self._progress(message["stage"], message["fraction"])

    def _on_loaded(self, message: JSON) -> None:
        plain: dict[str, Any] = message["description"]
        description = ModelDescription(**{**plain, "abilities": tuple(plain["abilities"])})
        with self._lock:
            self._loaded.set_result(description)
            self._steps, self._stepped_at = 0, time.monotonic()
            for answer in self._answers.values():
                self._submit(answer)

    def _on_failed(self, message: JSON) -> None:
        self._loaded.set_exception(from_wire(message["error"]))

    def _on_silence(self, seconds: float) -> None:
        """Not even a beat: it still loads, or it is frozen as a whole."""
        if self._process and not self._loaded.done() and seconds > LOAD_SILENCE:
            self._process.kill(f"its process was silent for {seconds:.0f} s while it loaded")
        self._check_stall()

    def _check_stall(self) -> None:
        if not self._process or not self._answers or not self._loaded.done():
            return
        if (stalled := time.monotonic() - self._stepped_at) > STALL:
            self._process.kill(f"it made no step for {stalled:.0f} s")

    # --- Life and death --------------------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._ending:
                raise ModelLoadFailed(f"{self.config.model} was unloaded while it was loading.")
            self._beat.clear()
            try:
                process = WorkerProcess(self._on_message, self._on_silence, self._on_end)
            except OSError as error:
                raise ModelLoadFailed(f"No process for {self.config.model}: {error}") from error
            self._process = process
        self._tell(process, {"op": "load", "config": encode(self.config)})

    def _on_end(self, reason: str) -> None:
        """The process is gone, whether asked to or not."""
        with self._lock:
            was_loaded = self._loaded.done() and not self._loaded.exception()
            if not self._loaded.done():
                text = f"{self.config.model} could not be loaded: {reason}."
                self._loaded.set_exception(ModelLoadFailed(text))
            self._process, self._memory, self._waiting = None, 0, []
            if self._ending or not was_loaded:
                return
            self._loaded = Future()
            lost = self._split_lost()
            self._crashes = [t for t in self._crashes if t > time.monotonic() - CRASH_WINDOW]
            self._crashes.append(time.monotonic())
        logger.error("%s crashed: %s; %d answers lost", self.config.model, reason, len(lost))
        for answer in lost:
            answer.put(WorkerLost(f"{self.config.model} crashed while it was answering: {reason}."))
        threading.Thread(target=self._revive, args=(reason,), daemon=True).start()

    def _split_lost(self) -> list[Answer]:
        """Take out the answers that cannot be asked again; the others wait for the new process."""
        lost = [a for a in self._answers.values() if a.produced or (a.requeued and a.sent_to)]
        for answer in lost:
            del self._answers[answer.request.id]
        for answer in self._answers.values():
            answer.requeued = answer.requeued or answer.sent_to is not None
            answer.sent_to = None
        return lost

    def _revive(self, reason: str) -> None:
        """Start the model again after a crash."""
        try:
            if len(self._crashes) >= CRASHES:
                raise ModelLoadFailed(
                    f"{self.config.model} crashed {CRASHES} times in a short while: {reason}."
                )
            self.on_change("loading", f"Crashed: {reason}.")
            self._start()
            metrics.WORKER_RESTARTS.labels(self.config.model).inc()
            self._loaded.result()
            self.on_change("loaded", f"Restarted after a crash: {reason}.")
        except InferenceError as error:
            self._give_up(error)

    def _give_up(self, error: InferenceError) -> None:
        with self._lock:
            wanted = not self._ending
            self._ending = True
        self._fail_all(error)
        if wanted:
            logger.error("%s is given up: %s", self.config.model, error)
            self.on_change("failed", str(error))
