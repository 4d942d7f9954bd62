"""Chats against a real server with a real model: what only the whole road can show."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator

import pytest
import requests
import websockets

from tests.prompts import LONG
from tests.server import CortexServer
from tests.waiting import eventually

pytestmark = [pytest.mark.live, pytest.mark.model]

STORY = {
    "messages": [{"role": "user", "content": LONG}],
    "max_tokens": 2000,
    "temperature": 0,
    "repetition_guard": False,  # it would end the story, on a fast machine before the test is done
}


def tokens(response: requests.Response) -> Iterator[str]:
    for line in response.iter_lines():
        if line.startswith(b"data: "):
            frame = json.loads(line.removeprefix(b"data: "))
            if frame["type"] == "token":
                yield frame["content"]


def test_a_disconnect_mid_stream_frees_the_model(cortex_server: CortexServer) -> None:
    url = f"{cortex_server.url}/api/chat/completions/stream"
    with requests.post(url, json=STORY, stream=True, timeout=120) as response:
        stream = tokens(response)
        next(stream)
        assert cortex_server.active_requests() == 1
    eventually(lambda: not cortex_server.active_requests())


@pytest.mark.parametrize("path", ["/api/chat/completions", "/v1/chat/completions"])
def test_a_client_that_gives_up_waiting_frees_the_model(
    cortex_server: CortexServer, path: str
) -> None:
    with pytest.raises(requests.Timeout):
        requests.post(f"{cortex_server.url}{path}", json=STORY, timeout=1)
    eventually(lambda: not cortex_server.active_requests())


async def test_a_socket_that_closes_frees_the_model(cortex_server: CortexServer) -> None:
    async with websockets.connect(f"{cortex_server.ws_url}/api/chat/ws") as socket:
        for name in "ab":
            await socket.send(json.dumps({"type": "chat", "id": name, **STORY}))
        while json.loads(await socket.recv())["type"] != "token":
            pass
    await asyncio.to_thread(eventually, lambda: not cortex_server.active_requests())


async def test_cancel_stops_the_model_and_tells_the_usage(cortex_server: CortexServer) -> None:
    async with websockets.connect(f"{cortex_server.ws_url}/api/chat/ws") as socket:
        await socket.send(json.dumps({"type": "chat", "id": "a", **STORY}))
        while json.loads(await socket.recv())["type"] != "token":
            pass
        await socket.send('{"type": "cancel"}')
        while (frame := json.loads(await socket.recv()))["type"] != "done":
            pass
        assert frame["finish_reason"] == "cancelled"
        assert 0 < frame["usage"]["completion_tokens"] < 2000
    await asyncio.to_thread(eventually, lambda: not cortex_server.active_requests())


async def test_a_huge_frame_closes_its_socket_only(
    cortex_server: CortexServer,
) -> None:
    async with websockets.connect(f"{cortex_server.ws_url}/api/chat/ws") as socket:
        await socket.send(json.dumps({"type": "ping", "id": "x" * 2_000_000}))
        assert json.loads(await socket.recv())["error"]["code"] == "frame_too_large"
        with contextlib.suppress(websockets.ConnectionClosed):  # it may close before it has all
            await socket.send("x" * 9_000_000)
        with pytest.raises(websockets.ConnectionClosed):
            await socket.recv()
    await asyncio.to_thread(eventually, lambda: not cortex_server.active_requests())


def test_a_prompt_past_the_context_names_both_numbers(cortex_server: CortexServer) -> None:
    url = f"{cortex_server.url}/api/chat/completions"
    messages = [{"role": "user", "content": "word " * 20_000}]
    for path in ("", "/stream"):
        response = requests.post(url + path, json={"messages": messages}, timeout=120)
        details = response.json()["error"]["details"]
        assert response.status_code == 422
        assert details["prompt_tokens"] > 20_000 > details["context_length"] > 0


def test_absurd_sampling_within_the_bounds_is_answered(cortex_server: CortexServer) -> None:
    url = f"{cortex_server.url}/api/chat/completions"
    hello = {"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 2}
    extremes = [
        {"temperature": 2, "top_k": 2**31 - 1, "min_p": 1},
        {"temperature": 2, "top_p": 0, "top_k": 1},
        {"temperature": 1e-300, "top_p": 1e-300, "seed": 2**63 - 1},
        {"repetition_penalty": 2, "presence_penalty": -2, "frequency_penalty": -2},
        {"stop": ["e", " ", "\n", "a"], "max_tokens": 2**62},
    ]
    for extreme in extremes:
        response = requests.post(url, json={**hello, **extreme}, timeout=120)
        assert response.status_code == 200, (extreme, response.text)


def test_the_same_seed_gives_the_same_text(cortex_server: CortexServer) -> None:
    url = f"{cortex_server.url}/api/chat/completions"
    messages = [{"role": "user", "content": "Name a colour, an animal and a town."}]
    body = {"messages": messages, "max_tokens": 12, "temperature": 1.5, "seed": 11}
    texts = {
        requests.post(url, json=body, timeout=120).json()["message"]["content"] for _ in range(2)
    }
    assert len(texts) == 1
