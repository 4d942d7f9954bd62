"""The queue as people and programs see it: their number, how long it takes, and 503 when full."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import ANSWER, GREEDY, Watch, new_chat, send
from tests.server import CortexServer, ServerFactory
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.model]

ENDLESS = {  # nothing keeps it from going round in a circle
    "prompt": "tick tock " * 30,
    "max_tokens": 6000,
    "temperature": 0,
    "frequency_penalty": 0,
    "repetition_guard": False,
    "stream": True,
}
MODEL = "smollm2-135m-instruct"
HELLO = {"model": MODEL, "messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 2}


class Streams:
    """Answers that are being written, or wait, until they are hung up."""

    def __init__(self, server: CortexServer) -> None:
        self.server = server
        self.open: list[requests.Response] = []

    def begin(self) -> Iterator[bytes]:
        """Its lines; returns when the first one, which may be a sign of waiting, is there."""
        body = {"model": MODEL, **ENDLESS}
        url = f"{self.server.url}/v1/completions"
        response = requests.post(url, json=body, stream=True, timeout=120)
        response.raise_for_status()
        self.open.append(response)
        return response.iter_lines()

    def hang_up(self) -> None:
        while self.open:
            self.open.pop().close()


@pytest.fixture
def narrow(server_factory: ServerFactory) -> CortexServer:
    """A server that writes one answer at a time, and lets two wait."""
    return server_factory.start(env={**GREEDY, "MAX_BATCH": "1", "MAX_QUEUE": "2"})


@pytest.fixture
def streams(narrow: CortexServer) -> Iterator[Streams]:
    streams = Streams(narrow)
    yield streams
    streams.hang_up()


def queued(server: CortexServer) -> str:
    """How many requests wait for the model, as the metrics say it."""
    told = requests.get(f"{server.url}/metrics", timeout=60).text
    found = re.search(r"^cortex_requests_queued\{.*\} (.*)$", told, re.M)
    return found[1] if found else ""


def test_people_see_their_number_and_programs_when_to_come_back(
    watch: Watch, context: BrowserContext, narrow: CortexServer, streams: Streams
) -> None:
    running = streams.begin()
    assert next(line for line in running if line.startswith(b"data: "))  # the model is loaded
    waiting = re.compile(r"^Waiting: number (\d) in the queue, about \d+ (s|min)$")
    first, second = new_chat(context, narrow), new_chat(context, narrow)
    for page in (first, second):
        send(page, "What is the capital of France?")
    places = [page.locator(".message--assistant .status span[id]") for page in (first, second)]
    expect(places[0]).to_have_text(re.compile("number 1 in"), timeout=ANSWER)
    expect(places[1]).to_have_text(re.compile("number 2 in"), timeout=ANSWER)
    assert all(waiting.match(place.inner_text()) for place in places)
    if folder := os.environ.get("CORTEX_TEST_PICTURES"):
        first.screenshot(path=Path(folder) / "waiting.png")

    streams.begin()  # the first page's answer and this one wait in the model's queue: it is full
    eventually(lambda: queued(narrow) == "2.0", 60)
    for path in ("/api/chat/completions", "/v1/chat/completions"):
        refused = requests.post(narrow.url + path, json=HELLO, timeout=60)
        assert refused.status_code == 503, refused.text
        assert refused.json()["error"]["code"] == "queue_full"
        assert int(refused.headers["Retry-After"]) >= 1
    assert queued(narrow) == "2.0"

    streams.hang_up()
    expect(first.locator(".message--assistant")).to_contain_text("Paris", timeout=ANSWER)
    expect(first.get_by_text("in the queue")).to_have_count(0)
    expect(second.locator(".message--assistant")).to_contain_text("Paris", timeout=ANSWER)
