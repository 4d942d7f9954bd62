"""Who may open a WebSocket, at a real server."""

from __future__ import annotations

import socket

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.server import CortexServer

pytestmark = pytest.mark.live

OURS = "OURS"  # stands for the server's own origin


def status(server: CortexServer, path: str, headers: dict[str, str]) -> int:
    """The HTTP status with which the server answers the handshake."""
    given = {name: server.url if value == OURS else value for name, value in headers.items()}
    try:
        with connect(server.ws_url + path, additional_headers=given, open_timeout=30):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 101),  # no browser: the seed's example
        ({"Origin": OURS}, 101),
        ({"Origin": "http://localhost:3000"}, 101),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"X-Forwarded-For": "127.0.0.1"}, 403),
        ({"Forwarded": "for=127.0.0.1"}, 403),
        ({"Via": "1.1 proxy"}, 403),
    ],
)
def test_origin_and_proxies(
    cortex_server: CortexServer, headers: dict[str, str], expected: int
) -> None:
    assert status(cortex_server, "/api/chat/ws", headers) == expected


def test_a_foreign_host_is_refused(cortex_server: CortexServer) -> None:
    """DNS rebinding: a foreign name that leads to our address."""
    sock = socket.create_connection(("127.0.0.1", int(cortex_server.port)))
    url = f"ws://evil.example:{cortex_server.port}/api/chat/ws"
    with pytest.raises(InvalidStatus) as refusal, connect(url, sock=sock, open_timeout=30):
        pass
    assert refusal.value.response.status_code == 403


def test_unknown_paths_are_refused_quietly(cortex_server: CortexServer) -> None:
    assert status(cortex_server, "/ws/nothing", {}) == 403
    assert "Traceback" not in cortex_server.log()
