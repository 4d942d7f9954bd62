"""A client of the HTTP application itself, which can leave at any moment as real clients do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application

from common.cancellation import WhileConnected
from cortex_site.limits import BodyLimit

application = WhileConnected(BodyLimit(get_asgi_application()))
TIMEOUT = 10


class Exchange:
    """One HTTP request and what comes back."""

    def __init__(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        given = {"host": "localhost", "content-length": str(len(body)), **headers}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": parts.path,
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
        }
        self._body = body
        self._communicator = ApplicationCommunicator(application, scope)
        self.status = 0
        self.headers: dict[str, str] = {}

    async def send(self) -> Exchange:
        await self._communicator.send_input({"type": "http.request", "body": self._body})
        return self

    async def begin(self) -> Exchange:
        """Wait for status and headers."""
        start = await self._communicator.receive_output(TIMEOUT)
        self.status = start["status"]
        pairs = ((name.decode().lower(), value.decode()) for name, value in start["headers"])
        self.headers = dict(pairs)
        return self

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        while True:
            message = await self._communicator.receive_output(TIMEOUT)
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                await self._communicator.wait(TIMEOUT)
                return

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])

    async def json(self) -> Any:
        return json.loads(await self.read())

    async def frames(self) -> AsyncIterator[Any]:
        """The data of server-sent events; text that is no JSON as it is, comments left out."""
        async for piece in self.pieces():
            for event in piece.decode().split("\n\n"):
                if event.startswith("data: "):
                    data = event.removeprefix("data: ")
                    yield data if data == "[DONE]" else json.loads(data)

    async def leave(self) -> None:
        """Disconnect, and wait until the server has noticed."""
        await self._communicator.send_input({"type": "http.disconnect"})
        await self._communicator.wait(TIMEOUT)


async def start(
    method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
) -> Exchange:
    """Send a request without waiting for its answer. `body` is sent as JSON unless it is bytes."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    kind = {"content-type": "application/json"} if body is not None else {}
    return await Exchange(method, url, raw, {**kind, **(headers or {})}).send()


async def request(
    method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
) -> Exchange:
    """Send a request and wait for status and headers."""
    return await (await start(method, url, body, headers)).begin()


async def post(url: str, body: Any = None, headers: dict[str, str] | None = None) -> Exchange:
    return await request("POST", url, body, headers)
