"""Answers and errors as OpenAI's clients read them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from chat.api.answers import Frame
from common.errors import InvalidRequest
from common.problems import Problem
from inference.types import Completion, Delta, FinishReason, TokenLogprob, Usage, WrittenCall

ERROR_CODES = {
    "context_overflow": "context_length_exceeded",
    "rate_limited": "rate_limit_exceeded",
    "invalid_request": None,
    "invalid_json": None,
}
BAD_REQUEST, OVERFLOW = 400, 422  # OpenAI answers 400 to a prompt that is too long
ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}


def error_format(problem: Problem) -> tuple[int, Frame]:
    """Write a problem in OpenAI's shape; `param` is written as in `messages[0].role`."""
    status = BAD_REQUEST if problem.status == OVERFLOW else problem.status
    kind = ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    error = {
        "message": problem.message,
        "type": kind,
        "param": re.sub(r"\.(\d+)", r"[\1]", problem.field) if problem.field else None,
        "code": ERROR_CODES.get(problem.code, problem.code),
    }
    return status, {"error": error}


def located(error: InvalidRequest, constraint_field: str) -> InvalidRequest:
    """Make the engine's error anew, its field named as in the request; so is a path in its text."""
    field = str(error.details.get("field") or "")
    named = re.sub(r"^constraint(\.value)?(?=\.|$)", lambda _: constraint_field, field)
    named = re.sub(r"^(tools\.\d+)\.parameters(?=\.|$)", r"\1.function.parameters", named)
    if named == field:
        return error
    return InvalidRequest(str(error).replace(field, named), **{**error.details, "field": named})


def usage_body(usages: Sequence[Usage]) -> Frame:
    """Give the usage of all choices. They share a prompt, whose tokens count once. `stopped_by`,
    which is none of OpenAI's, is there only where it tells something."""
    prompt = usages[0].prompt_tokens if usages else 0
    completion = sum(usage.completion_tokens for usage in usages)
    stopped_by = next((usage.stopped_by for usage in usages if usage.stopped_by), "")
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": usages[0].cached_tokens if usages else 0},
        **({"stopped_by": stopped_by} if stopped_by else {}),
    }


def tool_call_body(call: WrittenCall) -> Frame:
    """Give a call. `fault`, which is none of OpenAI's, is there only where the arguments break the
    tool's schema."""
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
        **({"fault": call.fault} if call.fault else {}),
    }


def token_body(token: str, logprob: float | None) -> Frame:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def chat_logprobs(entries: Iterable[TokenLogprob]) -> Frame:
    """Give the `logprobs` of a chat choice."""
    content = [
        {
            **token_body(entry.token, entry.logprob),
            "top_logprobs": [token_body(token, value) for token, value in entry.top],
        }
        for entry in entries
    ]
    return {"content": content, "refusal": None}


def text_logprobs(entries: Sequence[TokenLogprob], offset: int) -> Frame:
    """Give the `logprobs` of a text choice, whose first token stands at `offset`."""
    offsets = []
    for entry in entries:
        offsets.append(offset)
        offset += len(entry.token)
    return {
        "tokens": [entry.token for entry in entries],
        "token_logprobs": [entry.logprob for entry in entries],
        "top_logprobs": [_top(entry) for entry in entries],
        "text_offset": offsets,
    }


def _top(entry: TokenLogprob) -> dict[str, float] | None:
    """The likeliest, and in any case the one that was chosen."""
    return None if entry.logprob is None else {entry.token: entry.logprob} | dict(entry.top)


class ChatShape:
    """Chat completions. Keeps how many tool calls each choice has had; `logprobs` where they were
    asked for."""

    prefix, whole, piece = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def __init__(self, count: int, *, logprobs: bool = False) -> None:
        self._calls = [0] * count
        self._has_logprobs = logprobs

    def opening(self) -> list[Frame]:
        """Tell what a stream begins with."""
        return [
            self._piece(index, {"role": "assistant", "content": ""})
            for index in range(len(self._calls))
        ]

    def choice(self, index: int, completion: Completion) -> Frame:
        """Give a whole answer."""
        message: Frame = {"role": "assistant", "content": completion.text, "refusal": None}
        if completion.thinking:
            message["reasoning_content"] = completion.thinking
        if completion.tool_calls:
            message["content"] = completion.text or None
            message["tool_calls"] = [tool_call_body(call) for call in completion.tool_calls]
        return {
            "index": index,
            "message": message,
            "logprobs": self._logprobs(completion.logprobs),
            "finish_reason": finish(completion.finish_reason),
        }

    def part(self, index: int, delta: Delta) -> Frame | None:
        """Tell what a delta adds to an answer; None for nothing."""
        content: Frame = {}
        if delta.thinking:
            content["reasoning_content"] = delta.thinking
        if delta.text:
            content["content"] = delta.text
        if delta.tool_calls:
            content["tool_calls"] = self._numbered(index, delta)
        if not (content or delta.finish_reason or delta.logprobs):
            return None
        return self._piece(index, content, delta)

    def _numbered(self, index: int, delta: Delta) -> list[Frame]:
        first = self._calls[index]
        self._calls[index] += len(delta.tool_calls)
        numbered = enumerate(delta.tool_calls, start=first)
        return [{"index": number, **tool_call_body(call)} for number, call in numbered]

    def _piece(self, index: int, content: Frame, delta: Delta | None = None) -> Frame:
        delta = delta or Delta()
        return {
            "index": index,
            "delta": content,
            "logprobs": self._logprobs(delta.logprobs),
            "finish_reason": finish(delta.finish_reason),
        }

    def _logprobs(self, entries: Sequence[TokenLogprob]) -> Frame | None:
        return chat_logprobs(entries) if self._has_logprobs else None


class TextShape:
    """Text completions. `echoes` holds what each choice's text begins with, None where the engine
    tells it; keeps how long the texts have become."""

    prefix, whole, piece = "cmpl", "text_completion", "text_completion"

    def __init__(self, echoes: Sequence[str | None], *, logprobs: bool = False) -> None:
        self._echoes = list(echoes)
        self._has_logprobs = logprobs
        self._offsets = [0] * len(echoes)

    def opening(self) -> list[Frame]:
        """Tell what a stream begins with: nothing, the echo comes with the first piece."""
        return []

    def choice(self, index: int, completion: Completion) -> Frame:
        return self._piece(
            index,
            Delta(
                text=completion.text,
                logprobs=completion.logprobs,
                finish_reason=completion.finish_reason,
                prompt=completion.prompt,
                prompt_logprobs=completion.prompt_logprobs,
            ),
        )

    def part(self, index: int, delta: Delta) -> Frame | None:
        told = (
            delta.text,
            delta.finish_reason,
            delta.logprobs,
            delta.prompt,
            delta.prompt_logprobs,
        )
        return self._piece(index, delta) if any(told) else None

    def _piece(self, index: int, delta: Delta) -> Frame:
        echo, self._echoes[index] = self._echoes[index], ""
        text = (delta.prompt if echo is None else echo) + delta.text
        begins = self._offsets[index]
        self._offsets[index] += len(text)
        logprobs = None
        if self._has_logprobs:
            offset = begins if delta.prompt_logprobs else self._offsets[index] - len(delta.text)
            logprobs = text_logprobs((*delta.prompt_logprobs, *delta.logprobs), offset)
        return {
            "index": index,
            "text": text,
            "logprobs": logprobs,
            "finish_reason": finish(delta.finish_reason),
        }


def finish(reason: FinishReason | None) -> str | None:
    """OpenAI knows no other ends than these."""
    return reason if reason in (None, "stop", "length", "tool_calls") else "stop"
