"""The native chat routes: whole answers, streams of server-sent events, and single questions."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import schema
from chat.api.answers import Answer, Frame, Origin, chain, frames, heartbeats, usage_body
from chat.api.serializers import AskRequestSerializer, ChatRequestSerializer
from inference.rest import AsyncAPIView
from inference.types import Completion

STREAM_HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


class ChatCompletionView(AsyncAPIView):
    """POST /api/chat/completions."""

    @schema.chat_completion
    async def post(self, request: Request) -> Response | StreamingHttpResponse:
        body = await self.validated(request, ChatRequestSerializer)
        answer = Answer(body.generation(owner=str(request.user.pk)))
        if body.validated_data.get("stream"):
            return await event_stream(answer, request)
        return Response(completion_body(answer, await answer.completion()))


class ChatStreamView(AsyncAPIView):
    """POST /api/chat/completions/stream."""

    @schema.chat_stream
    async def post(self, request: Request) -> StreamingHttpResponse:
        body = await self.validated(request, ChatRequestSerializer)
        return await event_stream(Answer(body.generation(owner=str(request.user.pk))), request)


class AskView(AsyncAPIView):
    """POST /ask."""

    @schema.ask
    async def post(self, request: Request) -> Response:
        body = await self.validated(request, AskRequestSerializer)
        answer = Answer(body.generation(owner=str(request.user.pk)))
        return Response({"answer": (await answer.completion()).text})


def completion_body(answer: Answer, completion: Completion) -> Frame:
    """A whole answer as JSON."""
    thinking = {"thinking": completion.thinking} if completion.thinking else {}
    return {
        "id": answer.id,
        "model": completion.model,
        "created": answer.created,
        "message": {"role": "assistant", "content": completion.text, **thinking},
        "finish_reason": completion.finish_reason,
        "usage": usage_body(completion.usage),
    }


async def event_stream(answer: Answer, origin: Origin) -> StreamingHttpResponse:
    """The answer as server-sent events.

    Waits for the first delta (or a heartbeat) before anything is sent, so that what fails until
    then still gets the HTTP status that it deserves.
    """
    deltas = heartbeats(aiter(answer))
    first = await anext(deltas, None)
    events = sse(frames(answer, chain(first, deltas), origin))
    return StreamingHttpResponse(events, content_type="text/event-stream", headers=STREAM_HEADERS)


async def sse(items: AsyncIterator[Frame | None]) -> AsyncIterator[str]:
    """Frames as server-sent events; a heartbeat is a comment, which clients skip."""
    async for frame in items:
        yield ": keep-alive\n\n" if frame is None else f"data: {json.dumps(frame)}\n\n"
