"""What OpenAPI says of OpenAI's routes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)
from rest_framework import serializers

from chat.api.openai_requests import OpenAIChatSerializer, OpenAICompletionSerializer
from chat.api.schema import ID, MODEL

CREATED = 1767225600
USAGE = {
    "prompt_tokens": 37,
    "completion_tokens": 8,
    "total_tokens": 45,
    "prompt_tokens_details": {"cached_tokens": 24},
}


class OpenAIErrorDetailSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
    type = serializers.CharField()
    param = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_null=True)


class OpenAIErrorSerializer(serializers.Serializer[Any]):
    """OpenAI's error shape."""

    error = OpenAIErrorDetailSerializer()


class PromptTokensDetailsSerializer(serializers.Serializer[Any]):
    cached_tokens = serializers.IntegerField()


class OpenAIUsageSerializer(serializers.Serializer[Any]):
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    prompt_tokens_details = PromptTokensDetailsSerializer()


class OpenAIAnswerSerializer(serializers.Serializer[Any]):
    """An answer as OpenAI gives it; the choices are those of its own documentation."""

    id = serializers.CharField()
    object = serializers.CharField()
    created = serializers.IntegerField()
    model = serializers.CharField()
    choices = serializers.ListField(child=serializers.DictField())
    usage = OpenAIUsageSerializer()


class OpenAIModelSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    object = serializers.CharField()
    created = serializers.IntegerField()
    owned_by = serializers.CharField()


class OpenAIModelListSerializer(serializers.Serializer[Any]):
    object = serializers.CharField()
    data = OpenAIModelSerializer(many=True)  # type: ignore[assignment]  # a field, no property


def _error(
    status: int, description: str, message: str, kind: str, param: str | None, code: str | None
) -> dict[int, OpenApiResponse]:
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    example = OpenApiExample(description, body, response_only=True, status_codes=[str(status)])
    return {status: OpenApiResponse(OpenAIErrorSerializer, description, examples=[example])}


INVALID, SERVER = "invalid_request_error", "server_error"

COMMON: dict[Any, Any] = {
    **_error(
        401,
        "Nobody is signed in",
        "Authentication credentials were not provided.",
        "authentication_error",
        None,
        "not_authenticated",
    ),
    **_error(
        403, "Not allowed", "You may not do that.", "permission_error", None, "permission_denied"
    ),
    **_error(
        404,
        "There is no such model",
        "There is no model 'nobody/nothing' here.",
        INVALID,
        None,
        "model_not_found",
    ),
    **_error(500, "Something broke", "Something broke inside Cortex.", SERVER, None, None),
}

ERRORS: dict[Any, Any] = {
    **COMMON,
    **_error(
        400,
        "Something in the request is wrong, or the prompt is longer than the context",
        'messages.0.role: "robot" is not a valid choice.',
        INVALID,
        "messages[0].role",
        None,
    ),
    **_error(409, "The model is busy", "It is being unloaded.", INVALID, None, "model_busy"),
    **_error(413, "The body is too large", "At most 8 MB.", INVALID, None, "body_too_large"),
    **_error(415, "The body is not JSON", "Send JSON.", INVALID, None, "unsupported_media_type"),
    **_error(
        424,
        "The model is not on this machine, and the hub cannot be reached",
        "The model is not on this machine, and the hub cannot be reached.",
        INVALID,
        None,
        "hub_unreachable",
    ),
    **_error(
        429,
        "Too many requests; see Retry-After",
        "Request was throttled.",
        "rate_limit_error",
        None,
        "rate_limit_exceeded",
    ),
    **_error(
        502, "A remote engine failed", "It answered 401.", SERVER, None, "remote_engine_error"
    ),
    **_error(
        503,
        "The queue is full, or the model's process was lost; see Retry-After",
        "64 requests are waiting already.",
        SERVER,
        None,
        "queue_full",
    ),
}

MODEL_BODY = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "cortex"}


def _answer(prefix: str, kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{prefix}-{ID}",
        "object": kind,
        "created": CREATED,
        "model": MODEL,
        "choices": [choice],
    }


def _stream(chunk: dict[str, Any]) -> OpenApiResponse:
    example = OpenApiExample(
        "A stream",
        f"data: {chunk}\n\ndata: [DONE]\n\n".replace("'", '"').replace("None", "null"),
        response_only=True,
        status_codes=["200"],
        media_type="text/event-stream",
    )
    text = "Server-sent events with `stream: true`; `data: [DONE]` is the last."
    return OpenApiResponse(OpenApiTypes.STR, text, examples=[example])


def _examples(request: dict[str, Any], answer: dict[str, Any]) -> list[OpenApiExample]:
    return [
        OpenApiExample("A request", request, request_only=True),
        OpenApiExample(
            "Its answer",
            {**answer, "usage": USAGE},
            response_only=True,
            status_codes=["200"],
            media_type="application/json",
        ),
    ]


chat_completions = extend_schema(
    operation_id="openai_chat_completions",
    tags=["openai"],
    summary="Create a chat completion as OpenAI does",
    request=OpenAIChatSerializer,
    responses={
        (200, "application/json"): OpenAIAnswerSerializer,
        (200, "text/event-stream"): _stream(
            _answer(
                "chatcmpl",
                "chat.completion.chunk",
                {"index": 0, "delta": {"content": "Paris"}, "finish_reason": None},
            )
        ),
        **ERRORS,
    },
    examples=_examples(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": "What is the capital of France?"}],
            "max_tokens": 100,
        },
        _answer(
            "chatcmpl",
            "chat.completion",
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "The capital of France is Paris.",
                    "refusal": None,
                },
                "logprobs": None,
                "finish_reason": "stop",
            },
        ),
    ),
)

completions = extend_schema(
    operation_id="openai_completions",
    tags=["openai"],
    summary="Complete a text as OpenAI does",
    request=OpenAICompletionSerializer,
    responses={
        (200, "application/json"): OpenAIAnswerSerializer,
        (200, "text/event-stream"): _stream(
            _answer(
                "cmpl",
                "text_completion",
                {"index": 0, "text": " Paris", "logprobs": None, "finish_reason": None},
            )
        ),
        **ERRORS,
    },
    examples=_examples(
        {"model": MODEL, "prompt": "The capital of France is", "max_tokens": 8},
        _answer(
            "cmpl",
            "text_completion",
            {"index": 0, "text": " Paris.", "logprobs": None, "finish_reason": "stop"},
        ),
    ),
)

models = extend_schema(
    operation_id="openai_models",
    tags=["openai"],
    summary="List the models that can answer at once",
    responses={200: OpenAIModelListSerializer, **COMMON},
    examples=[
        OpenApiExample(
            "The models",
            {"object": "list", "data": [MODEL_BODY]},
            response_only=True,
            status_codes=["200"],
        )
    ],
)

model = extend_schema(
    operation_id="openai_model",
    tags=["openai"],
    summary="Retrieve a model",
    parameters=[
        OpenApiParameter(
            "model",
            str,
            OpenApiParameter.PATH,
            description="Its id; a slash may be written as it is or as %2F.",
            examples=[OpenApiExample("The embedded model", MODEL)],
        )
    ],
    responses={
        200: OpenAIModelSerializer,
        400: ERRORS[400],
        **COMMON,
    },
    examples=[OpenApiExample("The model", MODEL_BODY, response_only=True, status_codes=["200"])],
)
