"""The native chat routes: whole answers, streams of server-sent events, and single questions."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from chat.api import openapi
from chat.api.answers import AnswerStream, Frame, chain, frames, usage_body
from chat.api.serializers import AskRequestSerializer, ChatRequestSerializer
from common.problems import Origin
from common.web.rest import AsyncAPIView
from common.web.sse import heartbeats, stream_response, written
from common.web.users import user_of
from inference.types import Completion


class ChatCompletionView(AsyncAPIView):
    """POST /api/chat/completions."""

    @openapi.chat_completion
    async def post(self, request: Request) -> Response | StreamingHttpResponse:
        """Create a chat completion.

        Answers a conversation when the whole answer stands; with `stream: true`, as the streaming
        route does. A client that disconnects cancels the generation.
        """
        body = await self.validated(request, ChatRequestSerializer)
        answer = AnswerStream(body.generation(owner=str(user_of(request).pk)))
        if body.validated_data.get("stream"):
            return await event_stream(answer, request)
        return Response(completion_body(answer, await answer.completion()))


class ChatStreamView(AsyncAPIView):
    """POST /api/chat/completions/stream."""

    @openapi.chat_stream
    async def post(self, request: Request) -> StreamingHttpResponse:
        """Create a streaming chat completion.

        Answers a conversation word by word. What goes wrong before the first token has an HTTP
        status of its own; after it, an `error` frame.
        """
        body = await self.validated(request, ChatRequestSerializer)
        return await event_stream(
            AnswerStream(body.generation(owner=str(user_of(request).pk))), request
        )


class AskView(AsyncAPIView):
    """POST /ask."""

    @openapi.ask
    async def post(self, request: Request) -> Response:
        """Ask a question.

        One question to the default model, one answer.
        """
        body = await self.validated(request, AskRequestSerializer)
        answer = AnswerStream(body.generation(owner=str(user_of(request).pk)))
        return Response({"answer": (await answer.completion()).text})


def completion_body(answer: AnswerStream, completion: Completion) -> Frame:
    """Give a whole answer as JSON."""
    thinking = {"thinking": completion.thinking} if completion.thinking else {}
    return {
        "id": answer.id,
        "model": completion.model,
        "created": answer.created,
        "message": {"role": "assistant", "content": completion.text, **thinking},
        "finish_reason": completion.finish_reason,
        "usage": usage_body(completion.usage),
    }


async def event_stream(answer: AnswerStream, origin: Origin) -> StreamingHttpResponse:
    """Stream the answer as server-sent events.

    Waits for the first delta (or a heartbeat) before anything is sent, so that what fails until
    then still gets the HTTP status that it deserves.
    """
    deltas = heartbeats(aiter(answer))
    first = await anext(deltas, None)
    return stream_response(written(frames(answer, chain(first, deltas), origin)))
