"""Connections: how long a request may take to come in, and an answer to be taken.

Twisted's time limit begins anew with every byte, and it keeps whatever is written until a client
takes it. Here the parts of a request have limits of their own, and what is written waits until the
client has taken what was written before.
"""

from __future__ import annotations

import asyncio
import io
import logging
import socket
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from twisted.web.http import HTTPChannel

from common.problems import Problem
from cortex_site.limits import refusal, too_large

logger = logging.getLogger("cortex.requests")

HEADER_SECONDS = 20.0  # from the first byte of a request, or the opening of its connection
BODY_SECONDS = 20.0  # in which BODY_LEAST bytes of a body must come
BODY_LEAST = 200  # bytes
LINGER_SECONDS = 5.0  # in which a refused client may still send: a reset would take its answer away
TAKE_SECONDS = 30.0  # for a client to take what was written
SEND_BUFFER = 2**16  # bytes of an answer that the system keeps for a client
PIECE = 2**16  # bytes of an answer that are written at once
CLOSE_SECONDS = 5.0  # for a client to answer the closing of a WebSocket


class BoundedRequest(WebRequest):
    """A request whose body is kept in memory, and no more of it than is needed to refuse it.

    Twisted stores a body in full, on the disk if need be, before anybody can look at it.
    """

    def gotLength(self, length: int | None) -> None:
        self.content = io.BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        room = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1 - self.content.tell()
        if room > 0:
            super().handleContentChunk(data[:room])

    @property
    def is_too_large(self) -> bool:
        """More has come than may."""
        return self.content.tell() > settings.DATA_UPLOAD_MAX_MEMORY_SIZE


class BoundedChannel(HTTPChannel):
    """A connection with limits. It stays the transport's producer when it becomes a WebSocket, so
    that it hears of a client that takes nothing all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.room = asyncio.Event()  # set while the client takes what is written
        self.room.set()
        self._limit: Any = None  # the call that ends a request which comes too slowly
        self._patience: Any = None  # the call that ends a client which takes nothing
        self._came = 0  # bytes of a body since its limit began
        self._begun = False  # something of a request has come
        self._refused = False

    # --- What comes in ---------------------------------------------------------------------------

    def connectionMade(self) -> None:
        super().connectionMade()
        handle = getattr(self.transport, "getHandle", None)
        if handle is not None:
            handle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._limit_begin(HEADER_SECONDS, self._header_late)

    def dataReceived(self, data: bytes) -> None:
        if self._refused:
            return
        if not self._handlingRequest:
            self._begun = True
            if self._limit is None:  # the connection was kept for another request
                self._limit_begin(HEADER_SECONDS, self._header_late)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:
        if self.length is not None and self.length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            self.refuse(too_large())
            return
        super().allHeadersReceived()
        self._came = 0
        self._limit_begin(BODY_SECONDS, self._body_look)

    def rawDataReceived(self, data: bytes) -> None:
        if self._refused:
            return
        self._came += len(data)
        super().rawDataReceived(data)
        if not self._handlingRequest and self.requests and self.requests[-1].is_too_large:
            self.refuse(too_large())

    def allContentReceived(self) -> None:
        if self._refused:
            return
        self._limit_end()
        self._begun = False
        super().allContentReceived()

    def _header_late(self) -> None:
        """A connection that was opened in advance, and not used, just ends."""
        if self._begun:
            self.refuse(_late("header", HEADER_SECONDS))
        else:
            self.loseConnection()

    def _body_look(self) -> None:
        """See whether the body makes progress."""
        if self._came < BODY_LEAST:
            self.refuse(_late("body", BODY_SECONDS))
            return
        self._came = 0
        self._limit_begin(BODY_SECONDS, self._body_look)

    def refuse(self, problem: Problem) -> None:
        """Answer a request that has not come in whole, and end the connection."""
        if self._refused:
            return
        self._refused = True
        path = getattr(self, "_path", b"").decode("latin-1").partition("?")[0]
        method = getattr(self, "_command", b"GET").decode("latin-1")
        response = refusal(method, path, self._headers(), problem)
        response["Content-Length"] = str(len(response.content))
        head = f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in response.items()) + "\r\n"
        logger.info("%s %s, before it came in", path or "(no path)", response.status_code)
        self.transport.write(head.encode() + response.content)
        self._limit_begin(LINGER_SECONDS, self.loseConnection)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        """Those of the request that have come in."""
        if not self.requests:
            return []
        come = self.requests[-1].requestHeaders.getAllRawHeaders()
        return [(name.lower(), value) for name, values in come for value in values]

    def _limit_begin(self, seconds: float, act: Callable[[], None]) -> None:
        self._limit_end()
        self._limit = self.callLater(seconds, act)

    def _limit_end(self) -> None:
        _forget(self._limit)
        self._limit = None

    # --- What goes out ---------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """More is written than the client takes."""
        super().pauseProducing()
        self.room.clear()
        if self._patience is None:
            self._patience = self.callLater(TAKE_SECONDS, self._drop)
        if self._is_socket:  # what its frames ask for would only be written, too
            self._networkProducer.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has taken all that was written."""
        super().resumeProducing()
        self._release()
        if self._is_socket:
            self._networkProducer.resumeProducing()

    def stopProducing(self) -> None:
        """The connection is lost."""
        super().stopProducing()
        self._release()

    def connectionLost(self, reason: Any) -> None:
        self._limit_end()
        self._release()
        super().connectionLost(reason)

    @property
    def _is_socket(self) -> bool:
        return getattr(self.transport, "protocol", self) is not self

    def _drop(self) -> None:
        logger.info("A client took nothing for %.0f s and is dropped", TAKE_SECONDS)
        self._patience = None
        self._release()
        self.transport.abortConnection()

    def _release(self) -> None:
        _forget(self._patience)
        self._patience = None
        self.room.set()


class BoundedFactory(HTTPFactory):
    """Makes connections with limits."""

    protocol = BoundedChannel

    def buildProtocol(self, addr: Any) -> Any:
        made = super().buildProtocol(addr)
        made.requestFactory = BoundedRequest
        return made


class BoundedWebSocket(WebSocketProtocol):
    """A WebSocket that says why it closes on a frame that is too large: a connection that is merely
    dropped looks like a lost one, and the client sends the same frame again."""

    def _max_message_size_exceeded(self, *args: Any) -> None:
        self.failByDrop = False
        super()._max_message_size_exceeded(*args)


class BoundedWebSocketFactory(WebSocketFactory):
    protocol = BoundedWebSocket

    def setProtocolOptions(self, **options: Any) -> None:
        super().setProtocolOptions(**options, closeHandshakeTimeout=CLOSE_SECONDS)


async def room_for_more(protocol: Any) -> None:
    """Wait until the client of a request or a WebSocket has taken what was written."""
    channel = getattr(protocol, "channel", None)
    if channel is None:
        channel = getattr(getattr(protocol, "transport", None), "producer", None)
    if isinstance(channel, BoundedChannel):
        await channel.room.wait()


def pieces(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Cut what is sent of a body, so that a client which takes it slowly is seen to take it."""
    body = message.get("body", b"")
    if message["type"] != "http.response.body" or len(body) <= PIECE:
        yield message
        return
    for start in range(0, len(body), PIECE):
        is_last = start + PIECE >= len(body)
        more = message.get("more_body", False) if is_last else True
        yield {**message, "body": body[start : start + PIECE], "more_body": more}


def _late(part: str, seconds: float) -> Problem:
    message = f"The request's {part} did not come within {seconds:.0f} s."
    return Problem(408, "request_timeout", message)


def _forget(call: Any) -> None:
    if call is not None and call.active():
        call.cancel()
