"""A remote engine with a script: an OpenAI-compatible server on loopback, in a thread of the test.

What it answers depends on the request alone, so it does not matter how often a step is asked for:
the script of a goal is a list of texts, of which the one for the n-th turn of the model is given.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.server import ROOT, CortexServer, ServerFactory

MODEL = "scripted-remote"
GATE_AT = 20  # pieces of a text that come even when the gate is closed
REGISTER = """
from inference.models import LanguageModel
LanguageModel.objects.update_or_create(
    name="{model}",
    defaults=dict(engine="openai", source="remote", base_url="{url}", is_default={default}),
)
"""


@dataclass(frozen=True)
class Call:
    """A tool call that the model makes; `arguments` are JSON text."""

    name: str
    arguments: str

    def as_json(self) -> dict[str, Any]:
        function = {"name": self.name, "arguments": self.arguments}
        return {"index": 0, "id": "call_0", "type": "function", "function": function}


Turn = str | Call


def step(action: str, thought: str = "t", **action_input: Any) -> str:
    """A step as a model writes it."""
    return f"Thought: {thought}\nAction: {action}\nAction Input: {json.dumps(action_input)}"


class RemoteModel:
    """`scripts` maps a part of a goal, or of a chat message, to the model's turns: each a text, or
    a `Call` of a tool.

    `delay` is slept before each piece of text, `prefill` before the first. `requests` are the
    bodies that came in. While `gate` is cleared, long texts stop in their middle.
    """

    def __init__(self) -> None:
        self.scripts: dict[str, Sequence[Turn]] = {}
        self.delay = self.prefill = 0.0
        self.gate = threading.Event()
        self.gate.set()
        self.requests: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def register(self, server: CortexServer, name: str = MODEL, default: bool = True) -> None:
        """Make this a model, by default the default one, of a server (running or not yet)."""
        row = REGISTER.format(model=name, url=self.url, default=default)
        for command in (
            ["migrate", "--verbosity", "0"],
            ["shell", "--verbosity", "0", "-c", row],
        ):
            subprocess.run(
                [sys.executable, "manage.py", *command], cwd=ROOT, env=server.env, check=True
            )

    def turn_for(self, messages: list[dict[str, Any]]) -> Turn:
        """What the script has for these messages; an agent's goal comes after example runs."""
        users = [index for index, m in enumerate(messages) if m["role"] == "user"]
        goals = [index for index in users if messages[index]["content"].startswith("Goal: ")]
        start = goals[-1] if goals else users[0]
        asked = messages[start]["content"]
        turn = sum(message["role"] == "assistant" for message in messages[start:])
        for part, texts in self.scripts.items():
            if part in asked:
                return texts[min(turn, len(texts) - 1)]
        return "There is no script for this."

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        remote = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                self._reply("application/json", json.dumps({"object": "list", "data": []}))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                remote.requests.append(body)
                try:
                    self._reply("text/event-stream", "")
                    time.sleep(remote.prefill)
                    for chunk in remote._chunks(body):
                        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                        self.wfile.flush()
                    self.wfile.write(b"data: [DONE]\n\n")
                except OSError:
                    self.close_connection = True  # whoever asked is gone

            def _reply(self, kind: str, text: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(text.encode())

        return Handler

    def _chunks(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        turn = self.turn_for(body["messages"])
        if isinstance(turn, Call):
            delta = {"tool_calls": [turn.as_json()]}
            yield _chunk([{"index": 0, "delta": delta, "finish_reason": None}])
        pieces = re.findall(r"\S+\s*", turn) if isinstance(turn, str) else []
        for number, piece in enumerate(pieces):
            time.sleep(self.delay)
            if number >= GATE_AT:
                self.gate.wait(120)
            yield _chunk([{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
        reason = "tool_calls" if isinstance(turn, Call) else "stop"
        yield _chunk([{"index": 0, "delta": {}, "finish_reason": reason}])
        yield _chunk([], usage=_usage(body["messages"], len(pieces)))


def _usage(messages: list[dict[str, Any]], written: int) -> dict[str, Any]:
    """A word is a token; what was there the turn before is cached."""
    words = [len(str(message["content"]).split()) for message in messages]
    return {
        "prompt_tokens": sum(words),
        "completion_tokens": written,
        "total_tokens": sum(words) + written,
        "prompt_tokens_details": {"cached_tokens": sum(words[:-2])},
    }


def _chunk(choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    return {**head, "choices": choices, **more}


@contextmanager
def remote_model() -> Iterator[RemoteModel]:
    remote = RemoteModel()
    try:
        yield remote
    finally:
        remote.close()


@contextmanager
def scripted_site() -> Iterator[tuple[CortexServer, RemoteModel]]:
    """A running product whose default model is scripted (a server on loopback)."""
    with tempfile.TemporaryDirectory() as folder, remote_model() as remote:
        factory = ServerFactory(Path(folder))
        server = factory.make()
        remote.register(server)
        try:
            yield server.start(), remote
        finally:
            factory.close()
