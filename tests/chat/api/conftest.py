"""The client's end of a WebSocket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model

from chat.routing import websocket_urlpatterns
from tests.scripted import ScriptedEngine


class Socket:
    """The client's end."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self.communicator = communicator

    async def send(self, frame: Any) -> None:
        await self.communicator.send_to(text_data=json.dumps(frame))

    async def receive(self) -> Any:
        return json.loads(await self.communicator.receive_from(timeout=10))

    async def until_done(self) -> list[Any]:
        frames = [await self.receive()]
        while frames[-1]["type"] != "done":
            frames.append(await self.receive())
        return frames


@pytest_asyncio.fixture
async def socket(scripted: ScriptedEngine) -> AsyncIterator[Socket]:
    user = await database_sync_to_async(get_user_model().objects.create)(username="someone")
    communicator = WebsocketCommunicator(URLRouter(websocket_urlpatterns), "/api/chat/ws")
    communicator.scope["user"] = user
    assert (await communicator.connect())[0]
    yield Socket(communicator)
    await communicator.disconnect()
