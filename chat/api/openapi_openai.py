"""What OpenAPI says of OpenAI's routes."""

from __future__ import annotations

from functools import partial
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from chat.api.openai_bodies import ChatShape, TextShape, error_format, usage_body
from chat.api.openai_requests import OpenAIChatSerializer, OpenAICompletionSerializer
from chat.api.openapi import ANSWER, COUNTED, CREATED, GENERATING, ID, MODEL
from common.errors import InvalidRequest
from common.problems import Problem
from common.web.openapi import (
    InternalError,
    NotAllowed,
    Responses,
    answer,
    errors_of,
    route,
    shape,
    stream,
)
from common.web.sse import frame
from inference.errors import ModelNotFound
from inference.types import Completion, Delta

USAGE = usage_body([COUNTED])
MODEL_BODY = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "cortex"}
MODELS_BODY = {"object": "list", "data": [MODEL_BODY]}
TASK = {"model": MODEL, "max_tokens": 100}
CONVERSATION = {**TASK, "messages": [{"role": "user", "content": "What is the capital of France?"}]}
PROMPT = {**TASK, "prompt": "The capital of France is"}


def _body(of: ChatShape | TextShape, kind: str, choice: Any, **extra: Any) -> dict[str, Any]:
    named = {"id": f"{of.prefix}-{ID}", "object": kind, "created": CREATED, "model": MODEL}
    return {**named, "choices": [choice], **extra}


def _whole(of: ChatShape | TextShape, text: str) -> dict[str, Any]:
    completion = Completion(text, "", (), (), "stop", COUNTED, MODEL)
    return _body(of, of.whole, of.choice(0, completion), usage=USAGE)


def _answers(of: ChatShape | TextShape, text: str) -> Responses:
    """Make the responses of a route in both forms, written as the route writes them."""
    piece = _body(of, of.piece, of.part(0, Delta(text)))
    told = "Server-sent events with `stream: true`; `data: [DONE]` is the last."
    whole = answer(AnswerShape, "The answer", _whole(of, text))
    return whole | stream(told, frame(piece), frame("[DONE]"))


_problem = error_format(Problem(404, "model_not_found", ""))[1]["error"]
ErrorShape = shape(
    "OpenAIError",
    {"error": _problem},
    "OpenAI's error shape.",
    error=shape(
        "OpenAIErrorDetail",
        _problem,
        param=serializers.CharField(allow_null=True),
        code={"allow_null": True},
    ),
)
AnswerShape = shape(
    "OpenAIAnswer",
    _whole(ChatShape(1), ANSWER),
    "An answer as OpenAI gives it; the choices are those of its own documentation.",
    usage=shape(
        "OpenAIUsage",
        USAGE,
        prompt_tokens_details=shape("PromptTokensDetails", USAGE["prompt_tokens_details"]),
        stopped_by=serializers.CharField(
            required=False,
            help_text='An extension: "repetition" if a choice ran in a circle and was ended.',
        ),
    ),
)
ModelShape = shape("OpenAIModel", MODEL_BODY)
ModelListShape = shape("OpenAIModelList", MODELS_BODY, data=ModelShape)
NAME = OpenApiParameter(
    "model",
    str,
    OpenApiParameter.PATH,
    description="Its id; a slash may be written as it is or as %2F.",
    examples=[OpenApiExample("The embedded model", MODEL)],
)
_route = partial(
    route, "openai", errors_told=partial(errors_of, format=error_format, serializer=ErrorShape)
)
_chat, _text = _answers(ChatShape(1), ANSWER), _answers(TextShape([""]), " Paris.")
_models = answer(ModelListShape, "The models", MODELS_BODY)
_model = answer(ModelShape, "The model", MODEL_BODY)
_refused = (NotAllowed, InternalError)

chat_completions = _route(
    "openai_chat_completions",
    _chat,
    *GENERATING,
    takes=OpenAIChatSerializer,
    asks={"A request": CONVERSATION},
)
completions = _route(
    "openai_completions",
    _text,
    *GENERATING,
    takes=OpenAICompletionSerializer,
    asks={"A request": PROMPT},
)
models = _route("openai_models", _models, *_refused)
model = _route(
    "openai_model", _model, *(InvalidRequest, ModelNotFound, *_refused), parameters=[NAME]
)
