"""What OpenAPI says of the model routes: shapes, examples and every status."""

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

from inference.openapi import error_response

LLAMA = {
    "id": "mlx-community/Llama-3.2-3B-Instruct-4bit",
    "name": "mlx-community/Llama-3.2-3B-Instruct-4bit",
    "source": "huggingface",
    "engine": "mlx",
    "state": "loaded",
    "stage": "",
    "progress": 1.0,
    "loaded": True,
    "default": True,
    "downloaded": True,
    "size": "1.7 GB",
    "size_bytes": 1700000000,
    "memory": "4.0 GB",
    "memory_bytes": 4294967296,
    "fits": True,
    "fits_reason": "it needs 4.0 GB of 12.0 GB",
    "best_for": "Default, fast responses",
    "speed": 3,
    "context_length": 131072,
    "abilities": ["tools", "grammar", "logprobs"],
    "active_requests": 0,
    "tokens_per_second": 80.2,
    "last_error": "",
    "last_used_at": "2026-01-31T12:00:00Z",
}


class ModelSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    source = serializers.CharField(  # type: ignore[assignment]
        help_text="embedded, huggingface, folder or remote."
    )
    engine = serializers.CharField(help_text="mlx or openai.")
    state = serializers.CharField(
        help_text="unloaded, downloading, loading, loaded, unloading or failed."
    )
    stage = serializers.CharField(help_text="What goes on: download, convert or load.")
    progress = serializers.FloatField(help_text="Of the stage, 0 to 1.")
    loaded = serializers.BooleanField()
    default = serializers.BooleanField(help_text="It answers when nobody says which.")
    downloaded = serializers.BooleanField(help_text="It can be loaded without the network.")
    size = serializers.CharField()
    size_bytes = serializers.IntegerField()
    memory = serializers.CharField()
    memory_bytes = serializers.IntegerField(help_text="Measured, or estimated before; 0: unknown.")
    fits = serializers.BooleanField(allow_null=True, help_text="Into MODEL_MEMORY_LIMIT.")
    fits_reason = serializers.CharField()
    best_for = serializers.CharField()
    speed = serializers.IntegerField(help_text="3 is fast, 1 slow, 0 unknown.")
    context_length = serializers.IntegerField(help_text="In tokens; 0: unknown.")
    abilities = serializers.ListField(child=serializers.CharField())
    active_requests = serializers.IntegerField()
    tokens_per_second = serializers.FloatField(allow_null=True, help_text="Of the latest answer.")
    last_error = serializers.CharField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class MemorySerializer(serializers.Serializer[Any]):
    used_bytes = serializers.IntegerField()
    limit_bytes = serializers.IntegerField(help_text="0: no limit.")


class ModelListSerializer(serializers.Serializer[Any]):
    models = ModelSerializer(many=True)
    default = serializers.CharField()
    memory = MemorySerializer()


class ModelChangedSerializer(ModelSerializer):
    success = serializers.BooleanField()


class LoadSerializer(serializers.Serializer[Any]):
    wait = serializers.BooleanField(
        default=True, help_text="Answer when it is loaded; false: at once, with status 202."
    )


def _errors(*codes: tuple[int, str, str]) -> dict[int, OpenApiResponse]:
    return {
        status: response
        for status, code, message in codes
        for response in error_response(status, message, code, message).values()
    }


INVALID = (400, "invalid_request", "'../x' is not a model id.")
SIGN_IN = (401, "not_authenticated", "Authentication credentials were not provided.")
ADMINS = (403, "permission_denied", "Only an admin can change models.")
UNKNOWN = (404, "model_not_found", "There is no model 'gpt' here.")
CONFLICT = (
    409,
    "model_too_large",
    "It needs 48.0 GB of memory; MODEL_MEMORY_LIMIT is 12.0 GB. "
    "Or model_busy: it was unloaded while it was loading.",
)
HUB = (424, "hub_unreachable", "The model is not on this machine, and the hub cannot be reached.")
LARGE = (413, "body_too_large", "The request body is too large.")
MEDIA = (415, "unsupported_media_type", "JSON is asked for.")
LIMITED = (429, "rate_limited", "Too many requests; see Retry-After.")
BROKEN = (500, "model_load_failed", "The model's files are broken; the id stands in the log.")
REMOTE = (502, "remote_engine_error", "The engine cannot be reached.")
FULL = (503, "queue_full", "The other models are answering. Try again later.")

ONE = OpenApiParameter(
    "model_id",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    description="An id as in the list. `__` may stand for `/`.",
    examples=[OpenApiExample("With __", "mlx-community__Llama-3.2-3B-Instruct-4bit")],
)
CHANGED = OpenApiExample("The model", {"success": True, **LLAMA}, response_only=True)
STARTED = OpenApiExample(
    "On its way",
    {"success": True, **LLAMA, "state": "loading"},
    response_only=True,
    status_codes=["202"],
)
LISTED = OpenApiExample(
    "Models",
    {
        "models": [LLAMA],
        "default": LLAMA["id"],
        "memory": {"used_bytes": 4294967296, "limit_bytes": 12884901888},
    },
    response_only=True,
)
COMMON = (INVALID, SIGN_IN, UNKNOWN, LIMITED, BROKEN)

model_list = extend_schema(
    operation_id="models_list",
    tags=["models"],
    summary="List available models",
    responses={200: ModelListSerializer, **_errors(SIGN_IN, LIMITED, BROKEN)},
    examples=[LISTED],
)
model_get = extend_schema(
    operation_id="models_retrieve",
    tags=["models"],
    summary="One model",
    parameters=[ONE],
    responses={200: ModelSerializer, **_errors(*COMMON)},
    examples=[OpenApiExample("The model", LLAMA, response_only=True)],
)
model_delete = extend_schema(
    operation_id="models_delete",
    tags=["models"],
    summary="Delete a model's files",
    description="A recommended model stays in the list, to be downloaded again.",
    parameters=[ONE],
    responses={204: None, **_errors(*COMMON, ADMINS)},
)
model_load = extend_schema(
    operation_id="models_load",
    tags=["models"],
    summary="Load a specific model",
    description="Downloads it first if need be, also one that is not in the list yet: any MLX "
    "model of the hub by its id. With `wait` false the state in the list tells how it goes.",
    parameters=[ONE],
    request=LoadSerializer,
    responses={
        200: ModelChangedSerializer,
        202: ModelChangedSerializer,
        **_errors(*COMMON, ADMINS, CONFLICT, LARGE, MEDIA, HUB, REMOTE, FULL),
    },
    examples=[
        CHANGED,
        STARTED,
        OpenApiExample("In the background", {"wait": False}, request_only=True),
    ],
)


def _change(name: str, summary: str, description: str) -> Any:
    return extend_schema(
        operation_id=f"models_{name}",
        tags=["models"],
        summary=summary,
        description=description,
        parameters=[ONE],
        request=None,
        responses={200: ModelChangedSerializer, **_errors(*COMMON, ADMINS)},
        examples=[CHANGED],
    )


model_unload = _change(
    "unload",
    "Unload a model",
    "Its memory returns to the system, its running answers end. A load or a download under way is "
    "given up. Unloading what is not loaded does nothing.",
)
model_default = _change(
    "default", "Make a model the default one", "It answers when a request names no model."
)
