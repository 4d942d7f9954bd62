"""OpenAI's routes under /v1, so that existing clients work by base URL alone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import openapi_openai as openapi
from chat.api.answers import AnswerStream, Frame, chain
from chat.api.choices import completions, merged
from chat.api.openai_bodies import located, usage_body
from chat.api.openai_requests import (
    OpenAIChatSerializer,
    OpenAICompletionSerializer,
    model_meant,
)
from common.errors import InvalidRequest
from common.problems import Origin, error_body
from common.web import sse
from common.web.rest import AsyncAPIView
from common.web.users import user_of
from inference import services
from inference.models import LanguageModel
from inference.types import Delta, Usage

DONE = "[DONE]"


class ChatCompletionsView(AsyncAPIView):
    """POST /v1/chat/completions."""

    @openapi.chat_completions
    async def post(self, request: Request) -> Response | StreamingHttpResponse:
        """Create a chat completion as OpenAI does."""
        return await CompletionResponse(
            await self.validated(request, OpenAIChatSerializer), request
        ).respond()


class CompletionsView(AsyncAPIView):
    """POST /v1/completions."""

    @openapi.completions
    async def post(self, request: Request) -> Response | StreamingHttpResponse:
        """Complete a text as OpenAI does."""
        body = await self.validated(request, OpenAICompletionSerializer)
        return await CompletionResponse(body, request).respond()


class CompletionResponse:
    """A request under way: one answer a choice, and how they are written down."""

    def __init__(
        self, body: OpenAIChatSerializer | OpenAICompletionSerializer, request: Request
    ) -> None:
        self.body, self.origin = body, request
        self.answers = [
            AnswerStream(each) for each in body.requests(owner=str(user_of(request).pk))
        ]
        self.shape = body.shape()

    async def respond(self) -> Response | StreamingHttpResponse:
        return await self._stream() if self.body.streams else await self._whole()

    @contextlib.contextmanager
    def _located(self) -> Iterator[None]:
        """Errors of the engine are told in the words of the request."""
        try:
            yield
        except InvalidRequest as error:
            raise located(error, self.body.constraint_field) from error

    async def _whole(self) -> Response:
        with self._located():
            whole = await completions(self.answers)
        choices = [self.shape.choice(index, each) for index, each in enumerate(whole)]
        usage = usage_body([each.usage for each in whole])
        return Response(self._envelope(self.shape.whole, choices, usage=usage))

    async def _stream(self) -> StreamingHttpResponse:
        """As in `native.event_stream`: the status waits for the first delta."""
        deltas = sse.heartbeats(merged(self.answers))
        with self._located():
            first = await anext(deltas, None)
        return sse.stream_response(events(self._chunks(chain(first, deltas)), self.origin))

    async def _chunks(
        self, deltas: AsyncIterator[tuple[int, Delta] | None]
    ) -> AsyncIterator[Frame | None]:
        usages: dict[int, Usage] = {}
        with_usage = self.body.includes_usage
        extra = {"usage": None} if with_usage else {}
        for choice in self.shape.opening():
            yield self._envelope(self.shape.piece, [choice], **extra)
        with self._located():
            async for item in deltas:
                if item is None:
                    yield None
                    continue
                index, delta = item
                if delta.usage:
                    usages[index] = delta.usage
                if part := self.shape.part(index, delta):
                    yield self._envelope(self.shape.piece, [part], **extra)
        if with_usage:
            usage = usage_body([usages[index] for index in sorted(usages)])
            yield self._envelope(self.shape.piece, [], usage=usage)

    def _envelope(self, kind: str, choices: list[Frame], **extra: Any) -> Frame:
        first = self.answers[0]
        return {
            "id": f"{self.shape.prefix}-{first.id}",
            "object": kind,
            "created": first.created,
            "model": first.model,
            "choices": choices,
            **extra,
        }


async def events(chunks: AsyncIterator[Frame | None], origin: Origin) -> AsyncIterator[str]:
    """Chunks as server-sent events, `[DONE]` last; an error is the last one in its stead."""
    try:
        async for event in sse.written(chunks):
            yield event
    except Exception as error:  # noqa: BLE001  error_body logs it, and the client is told
        yield sse.frame(error_body(error, origin))
    else:
        yield sse.frame(DONE)


class ModelsView(AsyncAPIView):
    """GET /v1/models."""

    @openapi.models
    async def get(self, request: Request) -> Response:
        """List the models that can answer at once."""
        rows = await sync_to_async(services.model_list)()
        data = [model_body(row) for row in rows if _is_here(row)]
        return Response({"object": "list", "data": data})


class ModelView(AsyncAPIView):
    """GET /v1/models/{id}; the id may hold a slash, written as it is or as %2F."""

    @openapi.model
    async def get(self, request: Request, model: str) -> Response:
        """Retrieve a model."""
        row = await sync_to_async(services.model_resolve)(model_meant(model))
        return Response(model_body(row))


def model_body(row: LanguageModel) -> Frame:
    organisation, slash, _ = row.name.partition("/")
    return {
        "id": row.name,
        "object": "model",
        "created": int(row.created_at.timestamp()),
        "owned_by": organisation if slash else "cortex",
    }


def _is_here(row: LanguageModel) -> bool:
    """Whether it can answer without a download first."""
    return services.model_is_here(row) or row.is_default or row.name == settings.DEFAULT_MODEL
