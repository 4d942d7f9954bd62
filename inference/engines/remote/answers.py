"""The chunks of an OpenAI-compatible stream, turned into deltas."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

from openai.types.chat import ChatCompletionChunk

from inference.errors import RemoteEngineError
from inference.types import Delta, FinishReason, TokenLogprob, Usage, WrittenCall

REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "stop",
}


class Reader:
    """Reads one stream; `last` is the delta that ends it."""

    def __init__(self, model: str, queue_seconds: float = 0.0) -> None:
        self._model = model
        self._queue_seconds = queue_seconds
        self._started_at = time.monotonic()
        self._first_at: float | None = None
        self._pieces = 0
        self._calls: dict[int, dict[str, str]] = {}
        self._reason = ""
        self._usage: Any = None

    def chat(self, chunk: ChatCompletionChunk) -> Iterator[Delta]:
        """What a chunk of /chat/completions adds."""
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices[:1]:
            self._reason = choice.finish_reason or self._reason
            for part in choice.delta.tool_calls or ():
                self._collect(part)
            text = choice.delta.content or ""
            thinking = _thinking(choice.delta)
            if text or thinking:
                self._count()
                yield Delta(text=text, thinking=thinking, logprobs=_logprobs(choice.logprobs))

    def text(self, chunk: Any) -> Iterator[Delta]:
        """What a chunk of /completions adds."""
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices[:1]:
            self._reason = choice.finish_reason or self._reason
            if choice.text:
                self._count()
                yield Delta(text=choice.text, logprobs=_text_logprobs(choice.logprobs))

    def last(self) -> Delta:
        """The end: whole tool calls, finish reason, usage. An end without a reason is a breach."""
        if not self._reason:
            raise RemoteEngineError(f"{self._model}: the answer broke off.", status=None)
        calls = tuple(self._call(parts) for _, parts in sorted(self._calls.items()))
        reason: FinishReason = "tool_calls" if calls else REASONS.get(self._reason, "stop")
        return Delta(tool_calls=calls, finish_reason=reason, usage=self._usage_made())

    def cancelled(self) -> Delta:
        """The end that the reader wanted."""
        return Delta(finish_reason="cancelled", usage=self._usage_made())

    def _count(self) -> None:
        self._pieces += 1
        self._first_at = self._first_at or time.monotonic()

    def _collect(self, part: Any) -> None:
        """Calls come in pieces: the name first, the arguments bit by bit."""
        call = self._calls.setdefault(part.index or 0, {"id": "", "name": "", "arguments": ""})
        call["id"] = part.id or call["id"]
        if part.function:
            call["name"] += part.function.name or ""
            call["arguments"] += part.function.arguments or ""

    def _call(self, parts: dict[str, str]) -> WrittenCall:
        return WrittenCall(
            id=parts["id"] or f"call_{uuid.uuid4().hex[:12]}",
            name=parts["name"],
            arguments=parts["arguments"] or "{}",
        )

    def _usage_made(self) -> Usage:
        """The server's counts; where it gives none, a piece counts as a token."""
        now = time.monotonic()
        first = self._first_at or now
        details = getattr(self._usage, "prompt_tokens_details", None)
        return Usage(
            prompt_tokens=getattr(self._usage, "prompt_tokens", 0) or 0,
            cached_tokens=getattr(details, "cached_tokens", 0) or 0,
            completion_tokens=getattr(self._usage, "completion_tokens", 0) or self._pieces,
            queue_seconds=self._queue_seconds,
            first_token_seconds=self._queue_seconds + first - self._started_at,
            decode_seconds=now - first,
        )


def _thinking(delta: Any) -> str:
    """Servers name it differently; the API itself knows no such field."""
    extra = delta.model_extra or {}
    value = extra.get("reasoning_content") or extra.get("reasoning") or ""
    return value if isinstance(value, str) else ""


def _logprobs(given: Any) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            token=entry.token,
            logprob=entry.logprob,
            top=tuple((other.token, other.logprob) for other in entry.top_logprobs or ()),
        )
        for entry in (given.content if given else None) or ()
    )


def _text_logprobs(given: Any) -> tuple[TokenLogprob, ...]:
    """Those of /completions, in columns."""
    tokens = getattr(given, "tokens", None) or ()
    values = getattr(given, "token_logprobs", None) or ()
    tops = getattr(given, "top_logprobs", None) or [{}] * len(tokens)
    return tuple(
        TokenLogprob(token=token, logprob=value, top=tuple((top or {}).items()))
        for token, value, top in zip(tokens, values, tops, strict=False)
    )
