"""One answer on its way to whoever asked: a stream of deltas, and the claim on its model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import TracebackType

from common.cancellation import on_cancel
from common.errors import CortexError
from inference import metrics
from inference.engines.base import DeltaStream, Engine, QueuePosition
from inference.loaded.registry import Registry
from inference.loaded.repetition import RepetitionGuard
from inference.loaded.slots import Slot
from inference.types import OVERTIME, Completion, Delta, GenerationRequest, Usage


class Generation(Iterator[Delta]):
    """The deltas of one answer. `model` is the id of the model that answers.

    Use it as a context manager, or close it: the model stays in memory while it is open. `close`
    cancels what is left; `cancel` asks the model to end, and the stream finishes as "cancelled"
    with its usage. Both are safe from any thread. An answer that runs in a circle is ended, unless
    its sampling says otherwise, and one whose time is up: what was given out by then stays, and its
    usage tells.
    """

    def __init__(self, registry: Registry, slot: Slot, request: GenerationRequest) -> None:
        self.model = slot.name
        self.request_id = request.id
        self._registry, self._slot = registry, slot
        self._lock = threading.Lock()
        self._open = True
        self._forget: Callable[[], None] = lambda: None
        self._clock: threading.Timer | None = None
        self._late = False  # its time is up
        self._guard = RepetitionGuard() if request.sampling.repetition_guard else None
        try:
            self._engine: Engine = slot.ready.result()
            self._stream: DeltaStream = self._engine.stream(request)
        except BaseException:
            registry.release(slot)
            raise
        self._forget = on_cancel(self.close)
        if request.seconds is not None:
            self._after(request.seconds, self._time_up)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        with self._lock:
            if self._open:
                self._clock = threading.Timer(max(seconds, 0.0), act)
                self._clock.daemon = True
                self._clock.start()

    def _time_up(self) -> None:
        """Have the engine end it; one that is in the middle of a long step is not waited for."""
        self._late = True
        self._after(OVERTIME, self._stream.close)
        self.cancel()

    def __next__(self) -> Delta:
        try:
            delta = self._in_time()
        except BaseException as error:
            self._end(outcome_of(error))
            raise
        if delta.finish_reason:
            self._note_speed(delta.usage)
            self._end(delta.finish_reason)
        return delta

    def _in_time(self) -> Delta:
        """The next delta; the last one says so where the time was up."""
        try:
            delta = self._next()
        except StopIteration:
            if not (self._late and self._open):
                raise
            delta = Delta(finish_reason="cancelled")
        if not self._late or delta.finish_reason != "cancelled":
            return delta
        usage = replace(delta.usage or Usage(), stopped_by="time")
        return replace(delta, finish_reason="stop", usage=usage)

    def _next(self) -> Delta:
        """The next delta. After the one with which the guard fires comes the last."""
        if self._guard is None:
            return next(self._stream)
        if self._guard.fired:
            return self._last()
        delta = next(self._stream)
        if delta.finish_reason is None and self._guard.feed(delta.thinking + delta.text):
            self.cancel()
        return delta

    def _last(self) -> Delta:
        """The end of an answer that ran in a circle, without what the engine still wrote of it."""
        for delta in self._stream:
            if delta.finish_reason:
                usage = replace(delta.usage or Usage(), stopped_by="repetition")
                return Delta(finish_reason="stop", usage=usage)
        raise StopIteration

    def _note_speed(self, usage: Usage | None) -> None:
        if usage and usage.tokens_per_second:
            self._slot.tokens_per_second = round(usage.tokens_per_second, 1)

    def place(self) -> QueuePosition | None:
        """Where the request waits in its model's queue; None once its turn has come."""
        return self._engine.place(self.request_id) if self._open else None

    def reading(self) -> float | None:
        """How much of the prompt has been read, from 0.0 to 1.0; None when it is not being read."""
        return self._engine.reading(self.request_id) if self._open else None

    def cancel(self) -> None:
        """End the answer within one decode step."""
        self._engine.cancel(self.request_id)

    def close(self) -> None:
        """Cancel what is left and let go of the model."""
        self._end("cancelled")

    def _end(self, outcome: str) -> None:
        """Once, however it came to it."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            if self._clock is not None:
                self._clock.cancel()
        metrics.request_count(self.model, outcome)
        self._stream.close()
        self._registry.release(self._slot)
        self._forget()

    def __del__(self) -> None:
        """One that was forgotten must not hold its model for ever."""
        if getattr(self, "_stream", None):
            self.close()

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def outcome_of(error: BaseException) -> str:
    """What the metrics call it: a stream that just ends was closed by the one who read it."""
    if isinstance(error, CortexError):
        return error.code
    return "cancelled" if isinstance(error, StopIteration) else "internal_error"


def collect(model: str, deltas: Iterable[Delta]) -> Completion:
    """The deltas of a stream, put together."""
    everything = list(deltas)
    last = everything[-1] if everything else Delta()
    return Completion(
        text="".join(delta.text for delta in everything),
        thinking="".join(delta.thinking for delta in everything),
        tool_calls=tuple(call for delta in everything for call in delta.tool_calls),
        logprobs=tuple(entry for delta in everything for entry in delta.logprobs),
        finish_reason=last.finish_reason or "cancelled",
        usage=last.usage or Usage(),
        model=model,
        prompt="".join(delta.prompt for delta in everything),
        prompt_logprobs=tuple(entry for delta in everything for entry in delta.prompt_logprobs),
    )
