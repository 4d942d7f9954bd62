"""What OpenAPI says of the native chat routes: examples, streams and errors."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from chat.api.serializers import (
    AskRequestSerializer,
    AskResponseSerializer,
    ChatRequestSerializer,
    ChatResponseSerializer,
)
from inference.openapi import error_response

MODEL = "smollm2-135m-instruct"
ID = "5f0c7d3e1b9a4c02a6d8e4f1b7c39a20"
USAGE = {
    "prompt_tokens": 37,
    "cached_tokens": 24,
    "completion_tokens": 8,
    "total_tokens": 45,
    "queue_seconds": 0.0002,
    "prefill_seconds": 0.2104,
    "first_token_seconds": 0.2161,
    "decode_seconds": 0.6402,
}


ERRORS: dict[Any, Any] = {
    **error_response(
        400,
        "Something in the request is wrong",
        "invalid_request",
        'messages.0.role: "robot" is not a valid choice.',
        field="messages.0.role",
    ),
    **error_response(
        401,
        "Nobody is signed in",
        "not_authenticated",
        "Authentication credentials were not provided.",
    ),
    **error_response(
        403,
        "Not allowed",
        "permission_denied",
        "You do not have permission to perform this action.",
    ),
    **error_response(
        404,
        "There is no such model",
        "model_not_found",
        "There is no model nobody/nothing.",
    ),
    **error_response(
        409,
        "The model is being unloaded, or does not fit into memory",
        "model_busy",
        "The model is being unloaded.",
    ),
    **error_response(
        413, "The body is too large", "body_too_large", "The request body is too large."
    ),
    **error_response(
        415,
        "The body is not JSON",
        "unsupported_media_type",
        'Unsupported media type "text/plain" in request.',
    ),
    **error_response(
        422,
        "The prompt is longer than the model's context",
        "context_overflow",
        "The prompt has 9120 tokens; the model's context holds 8192.",
        details={"prompt_tokens": 9120, "context_length": 8192},
    ),
    **error_response(
        424,
        "The model is not on this machine, and the hub cannot be reached",
        "hub_unreachable",
        "The model is not on this machine, and the hub cannot be reached.",
    ),
    **error_response(
        429, "Too many requests; see Retry-After", "rate_limited", "Request was throttled."
    ),
    **error_response(
        500,
        "Something broke; the id stands in the server's log",
        "internal_error",
        "Something broke inside Cortex. The log has the details under id 3f9a0c1d2b4e.",
        id="3f9a0c1d2b4e",
    ),
    **error_response(
        502, "A remote engine failed", "remote_engine_error", "The remote engine answered with 401."
    ),
    **error_response(
        503,
        "The queue is full, or the model's process was lost; see Retry-After",
        "queue_full",
        "64 requests are waiting already.",
    ),
}

CHAT_EXAMPLE = OpenApiExample(
    "A conversation",
    {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "What is the capital of France?"},
        ],
        "temperature": 0.7,
        "max_tokens": 100,
    },
    request_only=True,
)

COMPLETION_EXAMPLE = OpenApiExample(
    "The answer",
    {
        "id": ID,
        "model": MODEL,
        "created": 1767225600,
        "message": {"role": "assistant", "content": "The capital of France is Paris."},
        "finish_reason": "stop",
        "usage": USAGE,
    },
    response_only=True,
    status_codes=["200"],
)

STREAM_TEXT = "\n\n".join(
    (
        f'data: {{"type": "start", "id": "{ID}", "model": "{MODEL}"}}',
        'data: {"type": "token", "content": "Paris"}',
        'data: {"type": "token", "content": "."}',
        'data: {"type": "done", "finish_reason": "stop", "usage": {"prompt_tokens": 37, '
        '"completion_tokens": 2, "total_tokens": 39}}',
        "",
    )
)

STREAM = OpenApiResponse(
    OpenApiTypes.STR,
    "Server-sent events. Each `data:` line is a frame: `start` with `id` and `model`; `token` and "
    "`thinking` with `content`; `error` with the error object; at the end, whatever happened, "
    "`done` with `finish_reason` and `usage`. Comment lines keep the connection alive.",
    examples=[
        OpenApiExample(
            "A stream",
            STREAM_TEXT,
            response_only=True,
            status_codes=["200"],
            media_type="text/event-stream",
        )
    ],
)

chat_completion = extend_schema(
    operation_id="chat_completion",
    tags=["chat"],
    summary="Create a chat completion",
    description="Answers a conversation when the whole answer stands; with `stream: true`, as the "
    "streaming route does. A client that disconnects cancels the generation.",
    request=ChatRequestSerializer,
    responses={
        (200, "application/json"): ChatResponseSerializer,
        (200, "text/event-stream"): STREAM,
        **ERRORS,
    },
    examples=[CHAT_EXAMPLE, COMPLETION_EXAMPLE],
)

chat_stream = extend_schema(
    operation_id="chat_completion_stream",
    tags=["chat"],
    summary="Create a streaming chat completion",
    description="Answers a conversation word by word. What goes wrong before the first token has "
    "an HTTP status of its own; after it, an `error` frame.",
    request=ChatRequestSerializer,
    responses={(200, "text/event-stream"): STREAM, **ERRORS},
    examples=[CHAT_EXAMPLE],
)

ask = extend_schema(
    operation_id="ask",
    tags=["chat"],
    summary="Ask a question",
    description="One question to the default model, one answer.",
    request=AskRequestSerializer,
    responses={200: AskResponseSerializer, **ERRORS},
    examples=[
        OpenApiExample(
            "A question",
            {"question": "What is machine learning?", "max_tokens": 1000},
            request_only=True,
        ),
        OpenApiExample(
            "Its answer",
            {"answer": "Machine learning is the study of programs that learn from data."},
            response_only=True,
            status_codes=["200"],
        ),
    ],
)
