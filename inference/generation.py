"""One answer on its way to whoever asked: a stream of deltas, and the claim on its model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType

from inference.cancellation import on_cancel
from inference.engines.base import DeltaStream, Engine
from inference.registry import Registry
from inference.slots import Slot
from inference.types import Completion, Delta, GenerationRequest, Usage


class Generation(Iterator[Delta]):
    """The deltas of one answer. `model` is the id of the model that answers.

    Use it as a context manager, or close it: the model stays in memory while it is open. `close`
    cancels what is left; `cancel` asks the model to end, and the stream finishes as "cancelled"
    with its usage. Both are safe from any thread.
    """

    def __init__(self, registry: Registry, slot: Slot, request: GenerationRequest) -> None:
        self.model = slot.name
        self.request_id = request.id
        self._registry, self._slot = registry, slot
        self._lock = threading.Lock()
        self._open = True
        self._forget: Callable[[], None] = lambda: None
        try:
            self._engine: Engine = slot.ready.result()
            self._stream: DeltaStream = self._engine.stream(request)
        except BaseException:
            registry.release(slot)
            raise
        self._forget = on_cancel(self.close)

    def __next__(self) -> Delta:
        try:
            delta = next(self._stream)
        except BaseException:
            self.close()
            raise
        if delta.finish_reason:
            self._note_speed(delta.usage)
            self.close()
        return delta

    def _note_speed(self, usage: Usage | None) -> None:
        if usage and usage.decode_seconds and usage.completion_tokens > 1:
            speed = (usage.completion_tokens - 1) / usage.decode_seconds
            self._slot.tokens_per_second = round(speed, 1)

    def cancel(self) -> None:
        """End the answer within one decode step."""
        self._engine.cancel(self.request_id)

    def close(self) -> None:
        """Cancel what is left and let go of the model."""
        with self._lock:
            if not self._open:
                return
            self._open = False
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
    )
