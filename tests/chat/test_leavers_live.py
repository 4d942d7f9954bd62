"""Early leavers against a real server: `EARLY_LEAVERS=1000 pytest tests/chat/test_leavers_live.py`
tries as many as the issue asks for, on every route that generates."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from websockets.sync.client import connect

from tests.chat.api.test_leaving import AT_ONCE, ROUTES
from tests.prompts import LONG
from tests.server import CortexServer, ServerFactory
from tests.waiting import eventually

pytestmark = [pytest.mark.live, pytest.mark.model, pytest.mark.timeout(1800)]

LEAVERS = int(os.environ.get("EARLY_LEAVERS", "72"))
PATIENCE = 5.0  # seconds; an answer that nobody waits for would be written for a minute
LATEST = 0.3  # seconds after which a client has left
SOCKET = "websocket"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CortexServer]:
    """Answers are long, and nothing ends them."""
    factory = ServerFactory(tmp_path_factory.mktemp("leavers"))
    env = {"REPETITION_GUARD": "False", "DEFAULT_MAX_TOKENS": "4000", "MAX_QUEUE": "1000"}
    yield factory.start(env)
    factory.close()


def request_of(server: CortexServer, route: str) -> bytes:
    url, body = ROUTES[route]
    data = json.dumps(body).replace("Hello!", LONG).replace("Hello?", LONG).encode()
    head = (
        f"POST {url} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def leave(server: CortexServer, route: str, seconds: float) -> None:
    """Ask, wait a moment, and be gone."""
    if route == SOCKET:
        chat = {"type": "chat", "messages": [{"role": "user", "content": LONG}]}
        with connect(f"{server.ws_url}/api/chat/ws") as client:
            client.send(json.dumps(chat))
            time.sleep(seconds)
            with contextlib.suppress(OSError):
                client.socket.shutdown(socket.SHUT_RDWR)
        return
    with socket.create_connection(("127.0.0.1", int(server.port))) as client:
        client.sendall(request_of(server, route))
        time.sleep(seconds)


def runs(server: CortexServer) -> int:
    """How many runs are at work or wait to be."""
    states = ("queued", "running", "waiting")
    url = f"{server.url}/api/agents/runs"
    answers = [requests.get(url, {"state": state}, timeout=60).json() for state in states]
    return sum(len(answer["results"]) for answer in answers)


def test_early_leavers_keep_no_slot(server: CortexServer) -> None:
    chance = random.Random(11)
    hello = {"question": "Hello?", "max_tokens": 2}
    assert requests.post(f"{server.url}/ask", json=hello, timeout=120).ok  # the model is up
    routes = [*ROUTES, SOCKET]
    with ThreadPoolExecutor(AT_ONCE) as clients:
        left = [
            clients.submit(leave, server, routes[number % len(routes)], chance.uniform(0, LATEST))
            for number in range(LEAVERS)
        ]
        for each in left:
            each.result()
    begun = time.monotonic()
    eventually(lambda: not server.active_requests() and not runs(server), PATIENCE)
    print(f"{LEAVERS} left; nothing was active {time.monotonic() - begun:.2f} s later")
    log = server.log()
    assert "took too long to shut down" not in log
    assert "Traceback" not in log
    assert requests.post(f"{server.url}/ask", json=hello, timeout=120).ok
