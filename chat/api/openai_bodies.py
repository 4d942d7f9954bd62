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
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def token_body(token: str, logprob: float) -> Frame:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def chat_logprobs(entries: Iterable[TokenLogprob]) -> Frame | None:
    """Give the `logprobs` of a chat choice; None where none were asked for."""
    content = [
        {
            **token_body(entry.token, entry.logprob),
            "top_logprobs": [token_body(token, value) for token, value in entry.top],
        }
        for entry in entries
    ]
    return {"content": content, "refusal": None} if content else None


def text_logprobs(entries: Sequence[TokenLogprob], offset: int) -> Frame | None:
    """Give the `logprobs` of a text choice, whose first token stands at `offset`."""
    if not entries:
        return None
    offsets = [offset]
    for entry in entries[:-1]:
        offsets.append(offsets[-1] + len(entry.token))
    return {
        "tokens": [entry.token for entry in entries],
        "token_logprobs": [entry.logprob for entry in entries],
        "top_logprobs": [dict(entry.top) for entry in entries],
        "text_offset": offsets,
    }


class ChatShape:
    """Chat completions. Keeps how many tool calls each choice has had."""

    prefix, whole, piece = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def __init__(self, count: int) -> None:
        self._calls = [0] * count

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
            "logprobs": chat_logprobs(completion.logprobs),
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

    @staticmethod
    def _piece(index: int, content: Frame, delta: Delta | None = None) -> Frame:
        delta = delta or Delta()
        return {
            "index": index,
            "delta": content,
            "logprobs": chat_logprobs(delta.logprobs),
            "finish_reason": finish(delta.finish_reason),
        }


class TextShape:
    """Text completions. `echoes` holds what each choice's text begins with; keeps how long the
    texts have become."""

    prefix, whole, piece = "cmpl", "text_completion", "text_completion"

    def __init__(self, echoes: Sequence[str]) -> None:
        self._echoes = echoes
        self._offsets = [len(echo) for echo in echoes]

    def opening(self) -> list[Frame]:
        return [
            _text_piece(index, Delta(text=echo), 0)
            for index, echo in enumerate(self._echoes)
            if echo
        ]

    def choice(self, index: int, completion: Completion) -> Frame:
        echo = self._echoes[index]
        whole = Delta(
            text=echo + completion.text,
            logprobs=completion.logprobs,
            finish_reason=completion.finish_reason,
        )
        return _text_piece(index, whole, len(echo))

    def part(self, index: int, delta: Delta) -> Frame | None:
        if not (delta.text or delta.finish_reason or delta.logprobs):
            return None
        piece = _text_piece(index, delta, self._offsets[index])
        self._offsets[index] += len(delta.text)
        return piece


def _text_piece(index: int, delta: Delta, offset: int) -> Frame:
    return {
        "index": index,
        "text": delta.text,
        "logprobs": text_logprobs(delta.logprobs, offset),
        "finish_reason": finish(delta.finish_reason),
    }


def finish(reason: FinishReason | None) -> str | None:
    """OpenAI knows no other ends than these."""
    return reason if reason in (None, "stop", "length", "tool_calls") else "stop"
