"""A run's log over a WebSocket: as JSON for programs, as HTML for pages."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from urllib.parse import parse_qs

from autobahn.exception import Disconnected
from channels.generic.websocket import AsyncWebsocketConsumer

from agents.errors import ReaderTooSlow
from agents.log import flow
from agents.log.events import on_reader_thread
from agents.log.frames import html_frames, json_frames
from agents.models import HIGHEST_SEQ
from agents.services import run_get
from common.errors import CortexError, InvalidRequest
from common.jsons import json_read
from common.problems import error_body

MALFORMED, NOT_FOUND, TOO_SLOW, BROKEN = 4400, 4404, 4408, 1011  # close codes


class RunConsumer(AsyncWebsocketConsumer):
    """`/ws/runs/<id>/?after=<seq>&format=json|html`.

    Frames follow the log until the run is done, then the socket is closed with 1000. The client
    answers each frame with `{"type": "ack"}`; at most 32 are on their way. A page needs no `after`:
    its first frame is a snapshot.
    """

    method = "WS"  # with the path, where its errors happen, for the log

    async def connect(self) -> None:
        self.window = flow.Window()
        self.task: asyncio.Task[None] | None = None
        await self.accept()  # a refusal before this could not tell its reason
        try:
            frames = await self._frames()
        except CortexError as error:
            await self._refuse(error, NOT_FOUND if error.status == 404 else MALFORMED)
        else:
            self.task = asyncio.create_task(self._send_all(frames))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            is_ack = json_read(text_data or "")["type"] == "ack"
        except (ValueError, TypeError, KeyError):
            is_ack = False
        if is_ack:
            self.window.acknowledge()
        else:
            message = 'A frame must be {"type": "ack"}.'
            await self._refuse(InvalidRequest(message, field="type"), MALFORMED)

    async def disconnect(self, code: int) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def query(self) -> dict[str, str]:
        pairs = parse_qs(self.scope["query_string"].decode("latin-1"))
        return {name: values[-1] for name, values in pairs.items()}

    @property
    def is_html(self) -> bool:
        return self.query.get("format", "json") == "html"

    async def _frames(self) -> AsyncGenerator[str]:
        after = self.query.get("after", "0")
        if not after.isdecimal() or len(after) > len(str(HIGHEST_SEQ)):
            raise InvalidRequest("after must be the number of an event, or 0.", field="after")
        if self.query.get("format", "json") not in ("json", "html"):
            raise InvalidRequest("format must be json or html.", field="format")
        run_id = self.scope["url_route"]["kwargs"]["run_id"]
        run = await on_reader_thread(lambda: run_get(run_id=run_id, user=self.scope["user"]))
        return html_frames(run) if self.is_html else json_frames(run, int(after))

    async def _send_all(self, frames: AsyncGenerator[str]) -> None:
        try:
            async with contextlib.aclosing(frames):
                async for frame in frames:
                    await self.window.take()
                    await self.send(text_data=frame)
            await self.close(1000)
        except Disconnected:
            return  # the reader has left between two frames
        except TimeoutError:
            await self._refuse(ReaderTooSlow("No frame was acknowledged for too long."), TOO_SLOW)
        except Exception as error:  # noqa: BLE001  error_body logs it, and the client is told
            await self._refuse(error, BROKEN)

    async def _refuse(self, error: Exception, code: int) -> None:
        """The reason goes to programs; a page would show JSON as text, and has the close code."""
        body = error_body(error, self)
        if not self.is_html:
            await self.send(text_data=json.dumps(body))
        await self.close(code)
