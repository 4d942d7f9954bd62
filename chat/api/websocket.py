"""`/api/chat/ws`: chats over one WebSocket. docs/websocket.md describes every frame.

Each chat runs in a task of its own, so that the socket always hears `cancel`, `ping` and the
client's leaving.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from rest_framework.exceptions import APIException

from chat.api.answers import AnswerStream, Frame, frames
from chat.api.serializers import ChatRequestSerializer
from common.errors import CortexError, InvalidRequest
from common.problems import error_body
from common.web.parsers import body_read
from common.web.sse import heartbeats
from inference.types import GenerationRequest

MAX_CHATS = 4
MAX_FRAME_BYTES = 2**20  # a frame over DATA_UPLOAD_MAX_MEMORY_SIZE never gets here
MAX_ID = 128


class FrameTooLarge(CortexError):
    """The frame is longer than a WebSocket may send."""

    status = 413
    code = "frame_too_large"


class TooManyChats(CortexError):
    """More chats run on this WebSocket than it may have at once."""

    status = 429
    code = "too_many_chats"


@dataclass(eq=False)
class Chat:
    """A chat under way. Until it has an answer, its frame is still being checked."""

    task: asyncio.Task[None]
    answer: AnswerStream | None = None


class ChatConsumer(AsyncWebsocketConsumer):
    """One socket and the chats on it, by id."""

    method, path = "WS", "/api/chat/ws"  # where its errors happen, for the log

    async def connect(self) -> None:
        self.chats: dict[str, Chat] = {}
        await self.accept()

    async def disconnect(self, code: int) -> None:
        tasks = [chat.task for chat in self.chats.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        frame: Frame = {}
        try:
            frame = _parse(text_data)
            await self._handler(frame)(frame)
        except (CortexError, APIException) as error:
            await self._fail(error, frame)

    def _handler(self, frame: Frame) -> Callable[[Frame], Awaitable[None]]:
        handlers = {"chat": self._chat, "cancel": self._cancel, "ping": self._ping}
        kind = frame.get("type")
        if not isinstance(kind, str) or kind not in handlers:
            raise InvalidRequest(f"type: must be one of {', '.join(handlers)}.", field="type")
        return handlers[kind]

    async def _ping(self, frame: Frame) -> None:
        await self._send({"type": "pong"}, frame.get("id"))

    async def _chat(self, frame: Frame) -> None:
        """Begin a chat, whose frames carry the client's id for it, or one of ours."""
        chat_id = uuid.uuid4().hex if frame.get("id") is None else frame["id"]
        if not isinstance(chat_id, str) or not 0 < len(chat_id) <= MAX_ID:
            raise InvalidRequest(f"id: must be a text of 1 to {MAX_ID} characters.", field="id")
        if chat_id in self.chats:  # answered without the id, whose frames belong to that chat
            error = InvalidRequest("id: a chat with this id is under way.", field="id")
            await self._fail(error, {})
            return
        if len(self.chats) >= MAX_CHATS:
            raise TooManyChats(f"A socket carries at most {MAX_CHATS} chats at a time.")
        self.chats[chat_id] = Chat(asyncio.create_task(self._run(chat_id, frame)))

    async def _cancel(self, frame: Frame) -> None:
        """End one chat, or all of them; each still sends its `done`."""
        chat_id = frame.get("id")
        if chat_id is not None and (not isinstance(chat_id, str) or chat_id not in self.chats):
            raise InvalidRequest("id: no chat with this id is under way.", field="id")
        for each in [chat_id] if chat_id is not None else list(self.chats):
            await self._end(each)

    async def _end(self, chat_id: str) -> None:
        chat = self.chats[chat_id]
        if chat.answer is not None and await asyncio.to_thread(chat.answer.cancel):
            return  # the model finishes the stream
        chat.task.cancel()
        if self.chats.pop(chat_id, None):
            done = {"type": "done", "finish_reason": "cancelled", "usage": None}
            await self._send(done, chat_id)

    async def _run(self, chat_id: str, frame: Frame) -> None:
        chat = self.chats[chat_id]
        try:
            request = await asyncio.to_thread(_request, frame, str(self.scope["user"].pk))
            chat.answer = AnswerStream(request)
            deltas = heartbeats(aiter(chat.answer))
            async for item in frames(chat.answer, deltas, self):
                if item is not None:
                    await self._send_of(chat_id, item)
        except Exception as error:  # noqa: BLE001  whatever it is, the client is told
            await self._fail(error, {**frame, "id": chat_id})
        finally:
            self.chats.pop(chat_id, None)

    async def _send_of(self, chat_id: str, frame: Frame) -> None:
        if frame["type"] == "done":
            self.chats.pop(chat_id, None)  # first: the client may use the id again at once
        await self._send(frame, chat_id)

    async def _fail(self, error: Exception, frame: Frame) -> None:
        """Tell what was wrong with a client's frame; a chat ends with `done` even then."""
        chat_id = frame.get("id")
        await self._send({"type": "error", **error_body(error, self)}, chat_id)
        if frame.get("type") == "chat":
            done = {"type": "done", "finish_reason": "error", "usage": None}
            await self._send(done, chat_id)

    async def _send(self, frame: Frame, chat_id: Any) -> None:
        """Send a frame with the id it belongs to, if any."""
        known = {"id": chat_id} if isinstance(chat_id, str) else {}
        await self.send(text_data=json.dumps({"type": frame["type"], **frame, **known}))


def _parse(text: str | None) -> Frame:
    """A client's frame; what is wrong with it is an error that names the cause."""
    if text is None:
        raise InvalidRequest("Frames are JSON text, not binary.")
    if len(text.encode()) > MAX_FRAME_BYTES:
        raise FrameTooLarge("The frame is too large.", limit_bytes=MAX_FRAME_BYTES)
    frame = body_read(text)
    if not isinstance(frame, dict):
        raise InvalidRequest("A frame is a JSON object.")
    return frame


def _request(frame: Frame, owner: str) -> GenerationRequest:
    body = ChatRequestSerializer(data=frame)
    body.is_valid(raise_exception=True)
    return body.generation(owner)
