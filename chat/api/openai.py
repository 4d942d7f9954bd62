"""OpenAI's routes under /v1, so that existing clients work by base URL alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import openai_schema as schema
from chat.api.answers import Answer, Frame, Origin, chain, error_response, heartbeats
from chat.api.choices import completions, merged
from chat.api.native import STREAM_HEADERS
from chat.api.openai_bodies import error_body, located, usage_body
from chat.api.openai_requests import OpenAIChatSerializer, OpenAICompletionSerializer
from inference import services
from inference.errors import InvalidRequest
from inference.models import LanguageModel
from inference.rest import AsyncAPIView
from inference.types import Delta, Usage

BAD_REQUEST, OVERFLOW = 400, 422  # OpenAI answers 400 to a prompt that is too long
DONE = "[DONE]"


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """The one exception handler's answer in OpenAI's shape."""
    response = error_response(error, context["request"])
    response.data = {"error": error_body(response.status_code, response.data["error"])}
    if response.status_code == OVERFLOW:
        response.status_code = BAD_REQUEST
    return response


class OpenAIView(AsyncAPIView):
    """A view whose errors are OpenAI's."""

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return exception_handler


class ChatCompletionsView(OpenAIView):
    """POST /v1/chat/completions."""

    @schema.chat_completions
    async def post(self, request: Request) -> Response | StreamingHttpResponse:
        return await Job(await self.validated(request, OpenAIChatSerializer), request).respond()


class CompletionsView(OpenAIView):
    """POST /v1/completions."""

    @schema.completions
    async def post(self, request: Request) -> Response | StreamingHttpResponse:
        body = await self.validated(request, OpenAICompletionSerializer)
        return await Job(body, request).respond()


class Job:
    """A request under way: one answer a choice, and how they are written down."""

    def __init__(
        self, body: OpenAIChatSerializer | OpenAICompletionSerializer, request: Request
    ) -> None:
        self.body, self.origin = body, request
        self.answers = [Answer(each) for each in body.requests(owner=str(request.user.pk))]
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
        deltas = heartbeats(merged(self.answers))
        with self._located():
            first = await anext(deltas, None)
        return StreamingHttpResponse(
            events(self._chunks(chain(first, deltas)), self.origin),
            content_type="text/event-stream",
            headers=STREAM_HEADERS,
        )

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
        async for chunk in chunks:
            yield ": keep-alive\n\n" if chunk is None else f"data: {json.dumps(chunk)}\n\n"
    except Exception as error:  # noqa: BLE001  the handler logs it, and the client is told
        body = exception_handler(error, {"request": origin}).data
        yield f"data: {json.dumps(body)}\n\n"
    else:
        yield f"data: {DONE}\n\n"


class ModelsView(OpenAIView):
    """GET /v1/models."""

    @schema.models
    async def get(self, request: Request) -> Response:
        rows = await sync_to_async(services.model_list)()
        data = [model_body(row) for row in rows if _is_here(row)]
        return Response({"object": "list", "data": data})


class ModelView(OpenAIView):
    """GET /v1/models/{id}; the id may hold a slash, written as it is or as %2F."""

    @schema.model
    async def get(self, request: Request, model: str) -> Response:
        row = await sync_to_async(services.model_resolve)(model)
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
    known = row.source != LanguageModel.Source.HUGGINGFACE or row.size_bytes > 0
    return known or row.is_default or row.name == settings.DEFAULT_MODEL
