"""Connections end that bring nothing or take nothing; those that make progress live on."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from cortex_site.serving.connections import PIECE, pieces
from tests.server import ROOT, CortexServer

pytestmark = pytest.mark.live

FAST = ("HEADER_SECONDS=1", "BODY_SECONDS=1", "LINGER_SECONDS=0.2", "TAKE_SECONDS=1")
POST = b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
TERABYTE = 10**12


class Served:
    """The process of `served.py`."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.cortex_site.serving.served", *arguments]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.port = int(self.noted("port"))

    def noted(self, word: str) -> str:
        """What the application noted next, after this word."""
        assert self._process.stdout
        line = self._process.stdout.readline().split()
        assert line[:1] == [word], line
        return line[1]

    def open(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def hasty() -> Iterator[Served]:
    """A server that tells the length of bodies, and has little patience."""
    server = Served("length", *FAST)
    yield server
    server.close()


@pytest.fixture(scope="module")
def patient() -> Iterator[Served]:
    """The same with the patience that it has."""
    server = Served("length")
    yield server
    server.close()


@pytest.fixture
def served() -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def start(*arguments: str) -> Served:
        made.append(Served(*arguments))
        return made[-1]

    yield start
    for each in made:
        each.close()


def all_of(sock: socket.socket) -> bytes:
    """What comes until the other side closes."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            answer += piece
    return answer


def told(answer: bytes) -> tuple[int, str]:
    """Status and code of an error."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["code"]


# --- What comes in -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "begin",
    [
        POST,
        b"POST /api/x HT",
        POST + b"Content-Length: 100\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n",
    ],
)
def test_what_never_comes_is_waited_for_so_long(hasty: Served, begin: bytes) -> None:
    with hasty.open() as sock:
        sock.sendall(begin)
        assert told(all_of(sock)) == (408, "request_timeout")


def test_a_header_that_drips_in_is_not_waited_for(hasty: Served) -> None:
    with hasty.open() as sock:
        sock.sendall(POST)
        began = time.monotonic()
        while not select.select([sock], [], [], 0.2)[0]:  # a header every now and then
            assert time.monotonic() - began < 20
            sock.sendall(b"X-A: b\r\n")
        assert told(all_of(sock)) == (408, "request_timeout")


def test_a_connection_that_says_nothing_just_ends(hasty: Served) -> None:
    with hasty.open() as sock:
        assert all_of(sock) == b""


def test_a_terabyte_is_refused_before_it_comes(patient: Served) -> None:
    with patient.open() as sock:
        sock.sendall(POST + b"Content-Length: %d\r\n\r\n" % TERABYTE)
        assert told(all_of(sock)) == (413, "body_too_large")


def test_chunks_without_end_are_refused_while_they_come(patient: Served) -> None:
    with patient.open() as sock:
        sock.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        with contextlib.suppress(ConnectionError):
            while not select.select([sock], [], [], 0)[0]:
                sock.sendall(chunk)
        assert told(all_of(sock)) == (413, "body_too_large")


def test_a_slow_upload_that_makes_progress_is_taken(hasty: Served) -> None:
    with hasty.open() as sock:
        sock.sendall(POST + b"Connection: close\r\nContent-Length: 3000\r\n\r\n")
        for _ in range(10):
            time.sleep(0.3)
            sock.sendall(b"x" * 300)
        assert b"3000 3000" in all_of(sock)


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 100_000, 1_000_000])
def test_a_body_in_chunks_is_handed_on_with_its_length(patient: Served, size: int) -> None:
    url = f"http://127.0.0.1:{patient.port}/"
    portions = (b"x" * min(5000, size - start) for start in range(0, size, 5000))
    answer = requests.post(url, data=portions, timeout=30)
    assert answer.text == f"{size} {size}"


def test_a_second_request_on_the_connection_has_its_own_time(
    hasty: Served,
) -> None:
    request = POST + b"Content-Length: 2\r\n\r\n{}"
    with hasty.open() as sock:
        for _ in range(3):
            sock.sendall(request)
            assert b"2 2" in sock.recv(65536)
            time.sleep(0.7)
        sock.sendall(request[:20])
        assert told(all_of(sock)) == (408, "request_timeout")


def test_twenty_slow_connections_are_closed_within_thirty_seconds(
    cortex_server: CortexServer,
) -> None:
    beginnings = [
        POST,
        POST + b"Content-Length: 1000\r\n\r\n{",
        POST + b"Content-Length: %d\r\n\r\n" % TERABYTE,
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"",
    ]
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", int(cortex_server.port))
        socks = [
            stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(20)
        ]
        began = time.monotonic()
        for number, sock in enumerate(socks):
            sock.sendall(beginnings[number % len(beginnings)])
        answered = requests.get(f"{cortex_server.url}/api/health", timeout=30)
        assert answered.status_code == 200
        for sock in socks:
            sock.settimeout(max(30 - (time.monotonic() - began), 0.1))
            all_of(sock)
        assert time.monotonic() - began < 30


# --- What goes out -------------------------------------------------------------------------------


def test_a_client_that_takes_nothing_is_dropped_with_little_written(
    served: Callable[..., Served],
) -> None:
    server = served("endless", *FAST)
    with server.open() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert int(server.noted("gone")) < 20_000_000  # what the system's buffers hold, ours apart


def test_so_is_a_websocket_that_takes_nothing(served: Callable[..., Served]) -> None:
    server = served("endless", *FAST)
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    with server.open() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + upgrade + key + b"\r\n")
        assert int(server.noted("gone")) < 20_000_000


def test_a_client_that_takes_its_time_gets_everything(served: Callable[..., Served]) -> None:
    with served("large", "TAKE_SECONDS=1").open() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        size = 0
        while piece := sock.recv(2**18):
            size += piece.count(b"y")
            time.sleep(0.02)
    assert size == 2**23


def test_a_body_is_cut_into_pieces() -> None:
    body = bytes(range(256)) * 1000
    message = {"type": "http.response.body", "body": body, "more_body": False}
    cut = list(pieces(message))
    assert b"".join(piece["body"] for piece in cut) == body
    assert [piece["more_body"] for piece in cut] == [True] * (len(cut) - 1) + [False]
    assert max(len(piece["body"]) for piece in cut) == PIECE
    assert [each["more_body"] for each in pieces({**message, "more_body": True})] == [True] * len(
        cut
    )


# --- Frames --------------------------------------------------------------------------------------


@pytest.mark.parametrize("fragments", [1, 5])
def test_a_frame_over_the_limit_closes_with_1009(
    served: Callable[..., Served], fragments: int
) -> None:
    server = served("echo")
    with connect(f"ws://127.0.0.1:{server.port}/", max_size=None) as sock:
        sock.send("x" * 2**20)
        assert sock.recv() == str(2**20)
        part = "x" * (9 * 2**20 // fragments)

        def send_and_listen() -> None:
            sock.send([part] * fragments if fragments > 1 else part)
            sock.recv(timeout=30)

        with pytest.raises(ConnectionClosed) as closed:
            send_and_listen()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == 1009
    assert server.noted("closed") == "1009"
