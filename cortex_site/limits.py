"""How much a request may carry, counted on the wire: a chunked body announces no length."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpResponse
from django.urls import re_path

from common.problems import Problem
from cortex_site.errors import respond
from cortex_site.security import policy

ASGIApplication = Callable[[dict[str, Any], Any, Any], Awaitable[Any]]


def too_large() -> Problem:
    """Tell that a body is over DATA_UPLOAD_MAX_MEMORY_SIZE."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    message = f"The request body is too large: at most {limit // 2**20} MB are taken."
    return Problem(413, "body_too_large", message, details={"limit_bytes": limit})


def refusal(method: str, path: str, headers: Any, problem: Problem) -> HttpResponse:
    """Answer a request that no middleware sees, as JSON or as a page, and end its connection."""
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    response = respond(ASGIRequest({**scope, "query_string": b""}, BytesIO()), problem)
    response["Content-Security-Policy"] = policy(path)
    response["Connection"] = "close"
    return response


class BodyLimit:
    """Answers 413 to a body over DATA_UPLOAD_MAX_MEMORY_SIZE; hands on what is within it, with its
    length: the REST framework and Django's forms take a body that announces none for no body."""

    def __init__(self, application: ASGIApplication) -> None:
        self.application = application
        self.limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if _announced(scope) > self.limit:
            await self._refuse(scope, send)
            return
        messages, size = [], 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > self.limit:
                await self._refuse(scope, send)
                return
            if not message.get("more_body", False):
                break
        messages.reverse()
        scope = {**scope, "headers": _with_length(scope["headers"], size)}

        async def replay() -> Any:
            return messages.pop() if messages else await receive()

        await self.application(scope, replay, send)

    async def _refuse(self, scope: dict[str, Any], send: Any) -> None:
        response = refusal(scope["method"], scope["path"], scope["headers"], too_large())
        headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": response.content})


def _announced(scope: dict[str, Any]) -> int:
    """The Content-Length, 0 where there is none that makes sense."""
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() else 0


def _with_length(headers: Any, size: int) -> list[tuple[bytes, bytes]]:
    """The headers of the body as it is now: read to its end, and no longer in chunks."""
    framing = (b"content-length", b"transfer-encoding")
    if not any(name in framing for name, _ in headers):
        return list(headers)
    others = [(name, value) for name, value in headers if name not in framing]
    return [*others, (b"content-length", str(size).encode())]


refuse_socket = re_path("", WebsocketDenier.as_asgi())  # last: any other path is refused, not a 500
