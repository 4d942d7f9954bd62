"""Answers on their way: from the engine's deltas to the frames that SSE and WebSocket share."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, TypeVar

from django.conf import settings

from common.bridge import iterate
from common.problems import Origin, error_body
from inference import services
from inference.types import Completion, Delta, GenerationRequest, Usage

T = TypeVar("T")
Frame = dict[str, Any]


class AnswerStream:
    """A generation as an async iterator of deltas.

    `model` is the one that answers, known once the first delta came; until then, the one that was
    asked for. Leaving the iteration early cancels the generation.
    """

    def __init__(self, request: GenerationRequest) -> None:
        self.request = request
        self.id = request.id
        self.model = request.model or settings.DEFAULT_MODEL
        self.created = int(time.time())
        self._generation: services.Generation | None = None

    def _open(self) -> Iterator[Delta]:
        self._generation = services.generate(self.request)
        self.model = self._generation.model
        return self._generation

    def cancel(self) -> bool:
        """Ask the model to end, so that the stream finishes as "cancelled" with its usage.

        False when no model is at work yet; leaving the iteration cancels then.
        """
        if self._generation is None:
            return False
        self._generation.cancel()
        return True

    def __aiter__(self) -> AsyncGenerator[Delta]:
        return iterate(self._open)

    async def completion(self) -> Completion:
        """Give the whole answer, once it stands."""
        deltas = [delta async for delta in self]
        return services.collect(self.model, iter(deltas))


async def chain(first: T, rest: AsyncIterator[T]) -> AsyncGenerator[T]:
    """`first`, then `rest`: for a reader that had to look at the first item."""
    yield first
    async for item in rest:
        yield item


async def frames(
    answer: AnswerStream, deltas: AsyncIterator[Delta | None], origin: Origin
) -> AsyncGenerator[Frame | None]:
    """Yield the answer as frames: `start`, then `token` and `thinking`, then one `done` in any
    case.

    None stands for a heartbeat. What goes wrong is an `error` frame before the `done`.
    """
    started = False
    finish: Frame = {"type": "done", "finish_reason": "error", "usage": None}
    try:
        async for delta in deltas:
            if not started:
                started = True
                yield {"type": "start", "id": answer.id, "model": answer.model}
            if delta is None:
                yield None
                continue
            for frame in content_frames(delta):
                yield frame
            if delta.finish_reason:
                finish = done_frame(delta)
    except Exception as error:  # noqa: BLE001  error_body logs it, and the client is told
        yield {"type": "error", **error_body(error, origin)}
    yield finish


def content_frames(delta: Delta) -> Iterator[Frame]:
    if delta.thinking:
        yield {"type": "thinking", "content": delta.thinking}
    if delta.text:
        yield {"type": "token", "content": delta.text}


def done_frame(delta: Delta) -> Frame:
    usage = usage_body(delta.usage) if delta.usage else None
    return {"type": "done", "finish_reason": delta.finish_reason, "usage": usage}


def usage_body(usage: Usage) -> Frame:
    """Give the usage as clients of the native routes see it."""
    seconds = ("queue_seconds", "prefill_seconds", "first_token_seconds", "decode_seconds")
    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        **{name: round(getattr(usage, name), 4) for name in seconds},
        "stopped_by": usage.stopped_by,
    }
