"""What OpenAPI says of the model routes: shapes, examples and every status."""

from __future__ import annotations

from functools import partial

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from common.errors import DiskFull, InvalidRequest
from common.web.openapi import InternalError, NotAllowed, answer, route, shape
from inference.errors import (
    HubUnreachable,
    ModelBusy,
    ModelLoadFailed,
    ModelNotFound,
    ModelTooLarge,
    QueueFull,
    RemoteEngineError,
)
from inference.serializers import EngineSerializer, LoadSerializer, SearchSerializer

LLAMA = {
    "id": "mlx-community/Llama-3.2-3B-Instruct-4bit",
    "name": "mlx-community/Llama-3.2-3B-Instruct-4bit",
    "source": "huggingface",
    "engine": "mlx",
    "engines": ["mlx"],
    "engine_is_chosen": False,
    "format": "mlx",
    "quantization": "4-bit",
    "origin": "Hugging Face cache",
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
    "recommended": True,
    "fits": True,
    "fits_reason": "it needs 4.0 GB of 12.0 GB",
    "best_for": "Default, fast responses",
    "speed": 3,
    "context_length": 131072,
    "abilities": ["tools", "grammar", "logprobs"],
    "runtime": "MLX 0.32.4, Accelerate",
    "runtime_notes": [],
    "active_requests": 0,
    "tokens_per_second": 80.2,
    "speeds": {"mlx": 80.2},
    "problem": "",
    "note": "",
    "last_error": "",
    "last_used_at": "2026-01-31T12:00:00Z",
}
FITS = {"allow_null": True, "help_text": "Into MODEL_MEMORY_LIMIT."}
ModelShape = shape(
    "Model",
    LLAMA,
    source="embedded, huggingface, folder, lmstudio, ollama or remote.",
    engine="mlx, llamacpp or openai.",
    engines="Those of this machine that can run it, the one to take first; empty: not known yet, "
    "or none.",
    engine_is_chosen="By a person; else it follows the model and the machine.",
    format="mlx or gguf; empty: not known yet.",
    quantization="Such as 4-bit or Q4_K_M; empty: unknown.",
    origin="Where it is, in words: Cortex, Hugging Face cache, LM Studio, Ollama, "
    "MODEL_CACHE_DIR, Local path or Remote engine.",
    state="unloaded, downloading, paused, loading, loaded, unloading or failed. "
    "Paused: `progress` tells how much is here.",
    stage="What goes on: download, convert or load.",
    progress="Of the stage, 0 to 1.",
    default="It answers when nobody says which.",
    downloaded="It can be loaded without the network.",
    memory_bytes="Measured, or estimated before; 0: unknown.",
    recommended="By Cortex, for this kind of machine.",
    fits=FITS,
    speed="3 is fast, 1 slow, 0 unknown.",
    context_length="In tokens; 0: unknown.",
    runtime="What computed at the last load.",
    runtime_notes="Why something faster does not compute here.",
    tokens_per_second={"allow_null": True, "help_text": "Of the latest answer on this engine."},
    speeds=serializers.DictField(
        child=serializers.FloatField(),
        help_text="Tokens a second on each engine that it has run on, when it last did.",
    ),
    problem="Why its files cannot be loaded.",
    note="What is worth knowing of its files.",
    last_used_at=serializers.DateTimeField(allow_null=True),
)
MEMORY = {"used_bytes": 4294967296, "limit_bytes": 12884901888}
LISTED = {"models": [LLAMA], "default": LLAMA["id"], "memory": MEMORY}
ModelListShape = shape(
    "ModelList",
    LISTED,
    models=ModelShape,
    memory=shape("Memory", MEMORY, limit_bytes="0: no limit."),
)
CHANGED = {"success": True, **LLAMA}
ModelChangedShape = shape("ModelChanged", CHANGED, **ModelShape().get_fields())
_changed = answer(ModelChangedShape, "The model", CHANGED)
_started = answer(ModelChangedShape, "On its way", {**CHANGED, "state": "loading"}, status=202)


FOUND = {
    "id": "bartowski/Llama-3.2-3B-Instruct-GGUF",
    "format": "gguf",
    "size": "2.0 GB",
    "size_bytes": 2007968768,
    "license": "llama3.2",
    "downloads": 250000,
    "gated": False,
    "here": False,
    "fits": True,
    "fits_reason": "it needs 2.2 GB of 12.0 GB",
}
SEARCHED = {"query": "llama 3.2 instruct", "models": [FOUND]}
HubModelShape = shape(
    "HubModel",
    FOUND,
    id="To load it; a GGUF repository's best file is taken.",
    format="mlx or gguf.",
    size_bytes="About; 0: unknown.",
    license="As the hub names it; empty: unknown.",
    downloads="In the last month.",
    gated="Its licence must be accepted on the hub first.",
    here="It is on this machine already.",
    fits=FITS,
)
_found = answer(shape("SearchResult", SEARCHED, models=HubModelShape), "Models", SEARCHED)
ID = OpenApiParameter(
    "model_id",
    str,
    OpenApiParameter.PATH,
    description="An id as in the list. `__` may stand for `/`.",
    examples=[OpenApiExample("With __", "mlx-community__Llama-3.2-3B-Instruct-4bit")],
)
COMMON = (InvalidRequest, ModelNotFound, InternalError)
LOADING = (NotAllowed, DiskFull, ModelBusy, ModelTooLarge, HubUnreachable, ModelLoadFailed)
_route = partial(route, "models")
_one = partial(_route, parameters=[ID])

model_list = _route("models_list", answer(ModelListShape, "The models", LISTED), InternalError)
model_search = _route(
    "models_search",
    _found,
    *(InvalidRequest, HubUnreachable, InternalError),
    parameters=[SearchSerializer],
)
model_get = _one("models_retrieve", answer(ModelShape, "The model", LLAMA), *COMMON)
CHANGING = (*COMMON, NotAllowed, DiskFull)
model_delete = _one("models_delete", {204: None}, *CHANGING)
model_unload = _one("models_unload", _changed, *CHANGING)
model_pause = _one("models_pause", _changed, *CHANGING)
model_dismiss = _one("models_dismiss", _changed, *CHANGING)
model_default = _one("models_default", _changed, *CHANGING)
model_engine = _one(
    "models_engine",
    _changed,
    *CHANGING,
    takes=EngineSerializer,
    asks={
        "MLX": {"engine": "mlx"},
        "llama.cpp": {"engine": "llamacpp"},
        "As Cortex would": {"engine": "auto"},
    },
)
model_load = _one(
    "models_load",
    _changed | _started,
    *COMMON,
    *(*LOADING, RemoteEngineError, QueueFull),
    takes=LoadSerializer,
    asks={"In the background": {"wait": False}},
)
