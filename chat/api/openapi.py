"""What OpenAPI says of the native chat routes: examples, streams and errors."""

from __future__ import annotations

from functools import partial

from rest_framework import serializers

from chat.api.answers import usage_body
from chat.api.serializers import AskRequestSerializer, ChatRequestSerializer
from common.types import JSON
from common.web.openapi import InternalError, Kind, NotAllowed, answer, route, shape, stream
from common.web.sse import frame
from inference.errors import GENERATION_ERRORS
from inference.types import Usage

MODEL = "smollm2-135m-instruct"
ID = "5f0c7d3e1b9a4c02a6d8e4f1b7c39a20"
CREATED = 1767225600
ANSWER = "The capital of France is Paris."
COUNTED = Usage(
    prompt_tokens=37,
    cached_tokens=24,
    completion_tokens=8,
    queue_seconds=0.0002,
    prefill_seconds=0.2104,
    first_token_seconds=0.2161,
    decode_seconds=0.6402,
)
USAGE = usage_body(COUNTED)
SPOKEN = {"role": "assistant", "content": ANSWER}
COMPLETION = {
    "id": ID,
    "model": MODEL,
    "created": CREATED,
    "message": SPOKEN,
    "finish_reason": "stop",
    "usage": USAGE,
}
CONVERSATION = {
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the capital of France?"},
    ],
    "temperature": 0.7,
    "max_tokens": 100,
}
QUESTION = {"question": "What is machine learning?", "max_tokens": 1000}
REPLY = {"answer": "Machine learning is the study of programs that learn from data."}
FRAMES: tuple[JSON, ...] = (
    {"type": "start", "id": ID, "model": MODEL},
    {"type": "token", "content": ANSWER},
    {"type": "done", "finish_reason": "stop", "usage": USAGE},
)

AnswerShape = shape(
    "ChatResponse",
    COMPLETION,
    "A whole answer.",
    model="The model that answered.",
    created="Unix time.",
    message=shape(
        "AnswerMessage",
        SPOKEN,
        role={"choices": ["assistant"]},
        thinking=serializers.CharField(required=False, help_text="Only from models that think."),
    ),
    finish_reason={"choices": ["stop", "length", "cancelled", "error"]},
    usage=shape(
        "Usage",
        USAGE,
        "Tokens counted, and where the time went, in seconds.",
        cached_tokens="Prompt tokens that needed no prefill.",
        stopped_by='"repetition" if the answer ran in a circle and was ended; else empty.',
    ),
)
_completion = answer(AnswerShape, "The answer", COMPLETION)
_stream = stream(
    "Server-sent events. Each `data:` line is a frame: `start` with `id` and `model`; `token` and "
    "`thinking` with `content`; `error` with the error object; at the end, whatever happened, "
    "`done` with `finish_reason` and `usage`. Comment lines keep the connection alive.",
    *map(frame, FRAMES),
)
_reply = answer(shape("AskResponse", REPLY), "Its answer", REPLY)
_asks = {"A conversation": CONVERSATION}
_route = partial(route, "chat")
GENERATING: tuple[Kind, ...] = (NotAllowed, *GENERATION_ERRORS, InternalError)

chat_completion = _route(
    "chat_completion", _completion | _stream, *GENERATING, takes=ChatRequestSerializer, asks=_asks
)
chat_stream = _route(
    "chat_completion_stream", _stream, *GENERATING, takes=ChatRequestSerializer, asks=_asks
)
ask = _route("ask", _reply, *GENERATING, takes=AskRequestSerializer, asks={"A question": QUESTION})
