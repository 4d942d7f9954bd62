"""Daphne, started from Python: says where it listens, logs requests, ends in bounded time."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import daphne.server
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from django.core.exceptions import RequestAborted
from twisted.internet import defer, reactor

from cortex_site.serving.connections import (
    BoundedFactory,
    BoundedWebSocketFactory,
    pieces,
    room_for_more,
)

logger = logging.getLogger("cortex.server")
requests_logger = logging.getLogger("cortex.requests")

STOP_SECONDS = 4.0  # for open requests and streams to end after they were cancelled
FORCE_SECONDS = 8.0  # after which the process ends whatever hangs


class CortexServer(Server):
    """One process's server.

    `on_listen(host, port)` is called once the port is open, `on_stop()` on a thread when the
    server ends, before open requests are cancelled: those that wait for a model then return.
    """

    def __init__(
        self,
        application: Any,
        host: str,
        port: int,
        on_listen: Callable[[str, int], None],
        on_stop: Callable[[], None],
    ) -> None:
        super().__init__(
            application,
            endpoints=build_endpoint_description_strings(host=host, port=port),
            signal_handlers=False,  # ours, below
            action_logger=log_request,
            http_timeout=None,  # a long answer is not an error
            websocket_timeout=-1,
            websocket_max_message_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            websocket_max_frame_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            server_name="cortex",
        )
        self.on_listen = on_listen
        self.on_stop = on_stop
        self.failure: str | None = None  # why the port could not be opened
        self.stopping = False

    def run(self) -> None:
        """Serve until a signal ends it; `failure` is set if it could not even begin."""
        signal.signal(signal.SIGINT, self._signalled)
        signal.signal(signal.SIGTERM, self._signalled)
        daphne.server.HTTPFactory = BoundedFactory  # Daphne offers no parameters for them
        daphne.server.WebSocketFactory = BoundedWebSocketFactory
        super().run()

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send; what sends more waits until the client has taken it."""
        for piece in pieces(message):
            await super().handle_reply(protocol, piece)
            if piece.get("more_body") or piece["type"] == "websocket.send":
                await room_for_more(protocol)

    def listen_success(self, port: Any) -> None:
        address = port.getHost()
        reactor.callWhenRunning(self.on_listen, address.host, address.port)

    def listen_error(self, failure: Any) -> None:
        self.failure = failure.getErrorMessage()
        self.stop()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:  # asked twice: at once. Model processes end when their pipe closes
            os._exit(128 + number)
        self.stopping = True
        watchdog = threading.Timer(FORCE_SECONDS, os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()
        reactor.callFromThread(self.stop)

    def kill_all_applications(self) -> defer.Deferred[Any]:
        """Give what the reactor waits for before it ends (replaces Daphne's, which waits for
        ever)."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._wind_up()))

    async def _wind_up(self) -> None:
        logger.info("Stopping")
        asyncio.get_running_loop().set_exception_handler(forgive_aborted)
        tasks = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details and not details["application_instance"].done()
        ]
        ended = asyncio.get_running_loop().run_in_executor(None, self.on_stop)
        for task in tasks:
            task.cancel()
        await asyncio.wait([ended, *tasks], timeout=STOP_SECONDS)


def forgive_aborted(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Keep quiet of a cancelled request that leaves Django's watch for its client."""
    if not isinstance(context.get("exception"), RequestAborted):
        loop.default_exception_handler(context)


def log_request(protocol: str, action: str, details: dict[str, Any]) -> None:
    """One line for each HTTP answer and WebSocket, without its query."""
    path = details["path"].partition("?")[0]
    if protocol == "http":
        level = logging.DEBUG if path.startswith(settings.STATIC_URL) else logging.INFO
        requests_logger.log(
            level,
            "%s %s %s, %.0f ms, %s bytes",
            details["method"],
            path,
            details["status"],
            details["time_taken"] * 1000,
            details["size"],
        )
    elif action in ("connected", "disconnected", "rejected"):
        requests_logger.info("WebSocket %s %s", path, action)
