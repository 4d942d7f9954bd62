"""The parent's half of a model that lives in a process of its own.

When the process dies, requests that had produced nothing are asked again of its successor, one by
one: one of them may have killed it. What was in two processes that died is refused. The others end
with WorkerLost, and the model is started again, unless it keeps dying.

The protocol is JSON over a socket pair. To the child: `{"op": "load", "config"}` once, then
`{"op": "generate", "request"}`, `{"op": "cancel", "id"}`, `{"op": "shutdown"}`. From the child:
`{"op": "progress", "stage", "fraction"}`, `{"op": "loaded", "description"}` or
`{"op": "failed", "error"}`; then `{"op": "deltas", "deltas": [[request id, delta]]}`, one message a
decode step, `{"op": "error", "id", "error"}`, `{"op": "reading", "requests": {request id: part}}`
while prompts are read, and about once a second `{"op": "beat", "active", "memory", "steps"}`.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, NamedTuple

from common.errors import CortexError, InvalidRequest, from_wire
from common.types import JSON
from inference import metrics
from inference.engines import NAMES
from inference.engines.base import (
    EngineConfig,
    OnChange,
    Progress,
    ignore_change,
)
from inference.engines.streams import QueuedStream
from inference.engines.turns import QueuedEngine, cancelled_waiting, waited
from inference.engines.worker.process import End, WorkerProcess
from inference.engines.worker.suspects import MOST_DEATHS, Suspects
from inference.errors import EngineUnavailable, ModelLoadFailed, WorkerLost
from inference.types import (
    Delta,
    GenerationRequest,
    ModelDescription,
    Usage,
    decode_delta,
    encode,
)

logger = logging.getLogger(__name__)

STALL = 120.0  # seconds without a step while requests run: the process hangs
LOAD_SILENCE = 600.0  # seconds without a message while it loads
CRASHES, CRASH_WINDOW = 3, 300.0  # so many crashes within so many seconds: give up
FIRST_BEAT = 2.0  # seconds to wait for the first report of memory


class Setup(NamedTuple):
    """What computes; `plain` without faster native libraries, which may be what kills it."""

    engine: str
    plain: bool = False


TIMES = {2: "twice, the second time", 3: "three times, the last time"}
# How a model is tried, one after the other, when its process is killed while it loads.
SETUPS: dict[str, tuple[Setup, ...]] = {
    "mlx": (Setup("mlx"), Setup("mlx", plain=True)),
    "llamacpp": (Setup("llamacpp"), Setup("mlx"), Setup("mlx", plain=True)),
}

# What a person can do about a process that a signal ended while it loaded.
ADVICE = {
    "SIGILL": "A library in .venv is not made for this processor: remove .venv and start again, or "
    "use a model of another server (Models in the admin).",
    "SIGKILL": "The machine probably ran out of memory: choose a smaller model, or close other "
    "programs and load it again.",
}
OTHER_ADVICE = (
    "Its files may be damaged: delete the model and download it again, or choose another one. The "
    "server's log may tell more."
)


class WorkerAnswer(QueuedStream):
    """One request and what has come back for it. Filled on the reader thread."""

    def __init__(self, engine: WorkerEngine, request: GenerationRequest) -> None:
        super().__init__()
        self.request = request
        self.asked_at = time.monotonic()
        self.begun_at = 0.0
        self.produced = False  # something has come back
        self.read_part = 0.0  # of the prompt, from 0 to 1
        self.sent_to: WorkerProcess | None = None
        self._engine = engine

    def put(self, item: Delta | CortexError | None) -> None:
        self.produced = True
        super().put(item)

    def close(self) -> None:
        self._engine.abandon(self)
        super().close()


class WorkerEngine(QueuedEngine["WorkerAnswer"]):
    """One model in one `python -m inference.worker`, restarted when it crashes."""

    def __init__(self, config: EngineConfig, on_change: OnChange = ignore_change) -> None:
        super().__init__(config, on_change)
        self._process: WorkerProcess | None = None
        self._loaded: Future[ModelDescription] = Future()
        self._progress: Progress = lambda stage, fraction: None
        self._crashes: list[float] = []
        self._suspects = Suspects()
        self._ending = False
        self._setups = list(SETUPS[config.engine])  # the first is the one in use
        self._passed_over: list[str] = []  # why earlier ones are not
        self._unavailable = ""
        self._memory = 0
        self._beat = threading.Event()
        self._steps = 0
        self._stepped_at = 0.0

    # --- The contract ----------------------------------------------------------------------------

    def load(self, progress: Progress) -> ModelDescription:
        self._progress = progress
        self._start()
        description = self._loaded.result()
        self._beat.wait(FIRST_BEAT)
        return description

    def stream(self, request: GenerationRequest) -> WorkerAnswer:
        answer = WorkerAnswer(self, request)
        with self._lock:
            if self._ending:
                raise WorkerLost(f"{self.config.model} is not loaded any more.")
            if not self._turns.running:
                self._stepped_at = time.monotonic()
            if (deaths := self._suspects.deaths(request)) >= MOST_DEATHS:
                raise self._refusal()
            self._turns.enter(answer)
            if deaths:
                self._turns.part(answer)
            self._submit()
        return answer

    def cancel(self, request_id: str) -> None:
        with self._lock:
            answer = self._turns.find(request_id)
            if answer is None:
                return
            if answer.sent_to is None:
                self._turns.leave(answer)
                answer.put(cancelled_waiting(answer))
                return
        self._tell(answer.sent_to, {"op": "cancel", "id": request_id})

    def unload(self) -> None:
        with self._lock:
            self._ending = True
            process = self._process
        self._fail_all(WorkerLost(f"{self.config.model} was unloaded while it was answering."))
        if process:
            process.stop()

    def reading(self, request_id: str) -> float | None:
        with self._lock:
            answer = self._turns.find(request_id)
            if answer is None or answer.sent_to is None or answer.produced:
                return None
            return answer.read_part

    def describe(self) -> ModelDescription:
        if not self._loaded.done() or self._loaded.exception():
            raise ModelLoadFailed(f"{self.config.model} is not loaded.")
        return self._loaded.result()

    def memory_bytes(self) -> int:
        return self._memory

    # --- Requests --------------------------------------------------------------------------------

    def _submit(self) -> None:
        """Send those whose turn it is, if there is a process to send them to. The caller holds the
        lock."""
        process = self._process
        if process is None or not self._loaded.done() or self._loaded.exception():
            return
        while answer := self._turns.next():
            answer.sent_to = process
            self._tell(process, {"op": "generate", "request": encode(answer.request)})

    def _tell(self, process: WorkerProcess | None, message: JSON) -> None:
        """A process that is gone is dealt with where its end is noticed, by the reader thread."""
        try:
            if process:
                process.send(message)
        except WorkerLost:
            logger.info("%s: sent %r to a process that is gone", self.config.model, message["op"])

    def abandon(self, answer: WorkerAnswer) -> None:
        """Nobody reads this answer any more."""
        with self._lock:
            if not self._turns.leave(answer):
                return
            if answer.sent_to is not None:
                self._tell(answer.sent_to, {"op": "cancel", "id": answer.request.id})
            self._submit()

    def _fail_all(self, error: CortexError) -> None:
        with self._lock:
            answers = self._turns.clear()
        for answer in answers:
            answer.put(error)

    # --- Messages of the process (reader thread) -------------------------------------------------

    def _on_message(self, message: JSON) -> None:
        handler = getattr(self, f"_on_{message['op']}")
        handler(message)

    def _on_deltas(self, message: JSON) -> None:
        for request_id, data in message["deltas"]:
            self._give(request_id, decode_delta(data))

    def _on_reading(self, message: JSON) -> None:
        with self._lock:
            for request_id, part in message["requests"].items():
                if answer := self._turns.find(request_id):
                    answer.read_part = part

    def _on_error(self, message: JSON) -> None:
        self._give(message["id"], from_wire(message["error"]))

    def _give(self, request_id: str, item: Delta | CortexError) -> None:
        with self._lock:
            answer = self._turns.find(request_id)
            if isinstance(item, Delta) and item.usage:  # counts, whoever still reads the answer
                self._turns.note(item.usage)
            if answer and (isinstance(item, CortexError) or item.finish_reason):
                if isinstance(item, CortexError) or item.finish_reason != "cancelled":
                    self._suspects.acquit(answer.request)
                self._turns.leave(answer)
                self._submit()
        if isinstance(item, Delta) and item.usage:
            metrics.usage_count(self.config.model, item.usage)
            if answer:
                item = replace(item, usage=_with_wait(item.usage, waited(answer)))
        if answer:  # else it was cancelled: what is still under way is of no use
            answer.put(item)

    def _on_beat(self, message: JSON) -> None:
        """A thread of its own beats in the child; that its model works is told by the steps."""
        self._memory = message["memory"]
        self._beat.set()
        if message["steps"] != self._steps:
            self._steps, self._stepped_at = message["steps"], time.monotonic()
        self._check_stall()

    def _on_progress(self, message: JSON) -> None:
        """Whoever listens may fail; that is no reason to stop reading, which ends the process."""
        try:
            self._progress(message["stage"], message["fraction"])
        except Exception:
            logger.exception("The progress of %s could not be told", self.config.model)

    def _on_loaded(self, message: JSON) -> None:
        plain: dict[str, Any] = message["description"]
        tuples = {key: tuple(plain[key]) for key in ("abilities", "runtime_notes")}
        description = ModelDescription(**{**plain, **tuples})
        notes = (*self._passed_over, *description.runtime_notes)
        description = replace(description, runtime_notes=notes)
        with self._lock:
            self._loaded.set_result(description)
            self._steps, self._stepped_at = 0, time.monotonic()
            self._submit()

    def _on_failed(self, message: JSON) -> None:
        error = from_wire(message["error"])
        if isinstance(error, EngineUnavailable) and len(self._setups) > 1:
            self._unavailable = str(error)  # the next one is tried when this process has ended
            return
        if self._passed_over:
            error = ModelLoadFailed(" ".join([*self._passed_over, str(error)]))
        self._loaded.set_exception(error)

    def _on_silence(self, seconds: float) -> None:
        """Not even a beat: it still loads, or it is frozen as a whole."""
        if self._process and not self._loaded.done() and seconds > LOAD_SILENCE:
            self._process.kill(f"its process was silent for {seconds:.0f} s while it loaded")
        self._check_stall()

    def _check_stall(self) -> None:
        if not self._process or not self._turns.running or not self._loaded.done():
            return
        if (stalled := time.monotonic() - self._stepped_at) > STALL:
            self._process.kill(f"it made no step for {stalled:.0f} s")

    # --- Life and death --------------------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._ending:
                raise ModelLoadFailed(f"{self.config.model} was unloaded while it was loading.")
            self._beat.clear()
            setup = self._setups[0]
            try:
                process = WorkerProcess(
                    engine=setup.engine,
                    plain=setup.plain,
                    on_message=self._on_message,
                    on_silence=self._on_silence,
                    on_end=self._on_end,
                )
            except OSError as error:
                raise ModelLoadFailed(f"No process for {self.config.model}: {error}") from error
            self._process = process
        config = encode(self.config)
        config["options"] = {**self.config.options, "plain": setup.plain}
        self._tell(process, {"op": "load", "config": config})

    def _on_end(self, end: End) -> None:
        """The process is gone, whether asked to or not."""
        with self._lock:
            self._process, self._memory = None, 0
            if not self._loaded.done():
                self._ended_loading(end)
                return
            if self._ending or self._loaded.exception():
                return
            self._loaded = Future()
            if end.signal_name == "SIGILL" and len(self._setups) > 1:
                self._next_setup(end.reason)
            if not any(map(self._turns.is_parted, self._turns.running)):
                # Else the request that was alone in it is to blame, and not the model.
                self._note_crash()
            lost = self._split_lost(end.reason)
        model, reason = self.config.model, end.reason
        logger.error("%s crashed: %s; %d answers lost", model, reason, len(lost))
        for answer, error in lost:
            answer.put(error)
        threading.Thread(target=self._revive, args=(reason,), daemon=True).start()

    def _ended_loading(self, end: End) -> None:
        """A process that a signal ended while it loaded gets a successor with a plainer set-up:
        what killed it may be a library that is not made for this processor. The caller holds the
        lock."""
        model = self.config.model
        reason = self._unavailable or end.reason
        if not (end.signal_name or self._unavailable) or self._ending:
            self._loaded.set_exception(ModelLoadFailed(f"{model} could not be loaded: {reason}."))
        elif len(self._setups) > 1:
            self._next_setup(reason)
            setup = self._setups[0]
            how = f"{NAMES[setup.engine]}{', as plain as it can be' if setup.plain else ''}"
            logger.error("%s: %s; once more with %s", model, reason, how)
            threading.Thread(target=self._load_again, daemon=True).start()
        else:
            advice = ADVICE.get(end.signal_name, OTHER_ADVICE)
            times = TIMES[len(SETUPS[self.config.engine])]
            self._loaded.set_exception(
                ModelLoadFailed(
                    f"{model} could not be loaded: {reason}, {times} with the plainest set-up. "
                    f"{advice}"
                )
            )

    def _next_setup(self, reason: str) -> None:
        """Give up the set-up in use; the caller holds the lock."""
        setup, self._unavailable = self._setups.pop(0), ""
        if setup.engine != self._setups[0].engine:
            self._passed_over.append(f"{NAMES[setup.engine]} does not run here: {reason}.")

    def _load_again(self) -> None:
        try:
            self._start()
        except Exception as error:  # noqa: BLE001  it is told to those who wait for the load
            self._loaded.set_exception(self._known(error))

    def _note_crash(self) -> None:
        self._crashes = [t for t in self._crashes if t > time.monotonic() - CRASH_WINDOW]
        self._crashes.append(time.monotonic())

    def _split_lost(self, reason: str) -> list[tuple[WorkerAnswer, CortexError]]:
        """Take out the answers that cannot be asked again, with what is told to them; the others
        wait for the new process. The caller holds the lock."""
        running = self._turns.running
        self._suspects.note(answer.request for answer in running)
        lost: list[tuple[WorkerAnswer, CortexError]] = []
        for answer in [*running, *self._turns.waiting]:
            if (deaths := self._suspects.deaths(answer.request)) >= MOST_DEATHS:
                lost.append((answer, self._refusal()))
            elif answer.produced and answer.sent_to is not None:
                told = f"{self.config.model} crashed while it was answering: {reason}."
                lost.append((answer, WorkerLost(told)))
            elif deaths:
                self._turns.part(answer)
        for answer, _ in lost:
            self._turns.leave(answer)
        for answer in self._turns.running:
            answer.sent_to = None
        self._turns.return_running()
        return lost

    def _refusal(self) -> InvalidRequest:
        return InvalidRequest(
            f"The process of {self.config.model} died {MOST_DEATHS} times with this request in it, "
            "the last time with no other: it is not tried again."
        )

    def _revive(self, reason: str) -> None:
        """Start the model again after a crash."""
        try:
            if len(self._crashes) >= CRASHES:
                raise ModelLoadFailed(
                    f"{self.config.model} crashed {CRASHES} times in a short while: {reason}."
                )
            self._tell_change("loading", f"Crashed: {reason}.")
            self._start()
            metrics.WORKER_RESTARTS.labels(self.config.model).inc()
            self._loaded.result()
            self._tell_change("loaded", f"Restarted after a crash: {reason}.")
        except Exception as error:  # noqa: BLE001  it is told to those who wait for an answer
            self._give_up(self._known(error))

    def _known(self, error: Exception) -> CortexError:
        if isinstance(error, CortexError):
            return error
        logger.error("%s could not be started again", self.config.model, exc_info=error)
        return ModelLoadFailed(f"{self.config.model} could not be started again: {error}")

    def _tell_change(self, state: str, error: str) -> None:
        """Whoever listens may fail; the model comes back all the same."""
        try:
            self.on_change(state, error)
        except Exception:
            logger.exception("That %s is %s could not be told", self.config.model, state)

    def _give_up(self, error: CortexError) -> None:
        with self._lock:
            wanted = not self._ending
            self._ending = True
        self._fail_all(error)
        if wanted:
            logger.error("%s is given up: %s", self.config.model, error)
            self._tell_change("failed", str(error))


def _with_wait(usage: Usage, seconds: float) -> Usage:
    """The process knows nothing of the time before a request came to it."""
    return replace(
        usage,
        queue_seconds=usage.queue_seconds + seconds,
        first_token_seconds=usage.first_token_seconds + seconds,
    )
