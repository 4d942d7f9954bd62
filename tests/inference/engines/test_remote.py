"""A remote engine: a real OpenAI-compatible server, and one that misbehaves in every way."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from inference import services
from inference.engines.base import EngineConfig
from inference.engines.remote import engine as remote
from inference.engines.remote.engine import RemoteEngine
from inference.errors import ContextOverflow, QueueFull, RemoteEngineError, WorkerLost
from inference.models import LanguageModel
from inference.types import (
    Constraint,
    GenerationRequest,
    PromptMessage,
    Sampling,
    ToolSpec,
    WrittenCall,
)
from tests.common.test_jsons import nested
from tests.inference.conftest import no_progress
from tests.prompts import LONG
from tests.waiting import eventually

SSE = "text/event-stream"
ROOT = Path(__file__).resolve().parents[3]
ASK = (PromptMessage("user", "What is the capital of France?"),)
CALCULATOR = ToolSpec("calculator", "Computes", {"type": "object", "properties": {}})


# --- A real server -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference_url(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mlx_lm.server` on the embedded model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("reference")
    command = [sys.executable, "-m", "tests.inference.engines.reference_server"]
    command += ["--model", str(embedded_folder), "--port", str(port)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(home)}
    with (home / "log").open("w") as log:
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        eventually(lambda: is_up(f"http://127.0.0.1:{port}/health"), seconds=120)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        child.kill()
        child.wait()


def is_up(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


@pytest.fixture
def reference(registry: None, reference_url: str, embedded_folder: Path) -> LanguageModel:
    return LanguageModel.objects.create(
        name="reference",
        engine="openai",
        source="remote",
        base_url=reference_url,
        remote_name=str(embedded_folder),
    )


@pytest.mark.model
def test_the_same_chat_through_a_real_server(reference: LanguageModel) -> None:
    request = GenerationRequest(
        messages=ASK, model="reference", max_tokens=12, sampling=Sampling(temperature=0)
    )
    with services.generate(request) as generation:
        deltas = list(generation)
    text = "".join(delta.text for delta in deltas)
    assert "Paris" in text
    assert len([delta for delta in deltas if delta.text]) > 3, "it came in pieces"
    assert deltas[-1].finish_reason == "stop"
    assert deltas[-1].usage.prompt_tokens > 10
    assert deltas[-1].usage.completion_tokens >= 7
    reference.refresh_from_db()
    assert reference.state == "loaded"


@pytest.mark.model
def test_cancelling_a_real_server_is_quick_and_leaves_it_usable(reference: LanguageModel) -> None:
    request = GenerationRequest(
        messages=(PromptMessage("user", LONG),), model="reference", max_tokens=500
    )
    with services.generate(request) as generation:
        next(generation)
        began = time.monotonic()
        generation.cancel()
        assert list(generation)[-1].finish_reason == "cancelled"
        assert time.monotonic() - began < 5
    short = GenerationRequest(messages=ASK, model="reference", max_tokens=2)
    assert services.complete(short).finish_reason == "length"


@pytest.mark.model
def test_a_raw_prompt_goes_to_the_completions_route(reference: LanguageModel) -> None:
    request = GenerationRequest(
        prompt="The capital of France is",
        model="reference",
        max_tokens=3,
        sampling=Sampling(temperature=0),
    )
    assert "Paris" in services.complete(request).text


# --- One that misbehaves -------------------------------------------------------------------------


class Misbehaving:
    """Answers POSTs with what `script` holds: (status, headers, body) or a list of SSE chunks;
    None within the chunks breaks off, an Event holds."""

    def __init__(self) -> None:
        self.url = ""
        self.script: Any = []
        self.props: tuple[int, dict[str, str], str] = (404, {}, "{}")
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.gone = threading.Event()  # the client has hung up

    def handler(owner) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.paths.append(self.path)
                if self.path == "/props":
                    self._whole(*owner.props)
                    return
                data = {"data": [{"id": "far", "object": "model", "max_model_len": 4096}]}
                self._whole(200, {}, json.dumps(data))

            def do_POST(self) -> None:
                owner.paths.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.bodies.append(json.loads(body))
                if isinstance(owner.script, tuple):
                    self._whole(*owner.script)
                else:
                    self._stream()

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

            def _whole(self, status: int, headers: dict[str, str], body: str) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def _stream(self) -> None:
                if isinstance(owner.script[0], threading.Event):
                    self._hold()  # not even headers
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for chunk in owner.script:
                    if chunk is None:
                        return
                    if isinstance(chunk, threading.Event):
                        self._hold()
                        return
                    self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                    self.wfile.flush()
                self.wfile.write(b"data: [DONE]\n\n")

            def _hold(self) -> None:
                self.connection.settimeout(30)
                if not self.connection.recv(1):
                    owner.gone.set()

        return Handler


@pytest.fixture
def far() -> Iterator[Misbehaving]:
    server = Misbehaving()
    http = ThreadingHTTPServer(("127.0.0.1", 0), server.handler())
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield server
    http.shutdown()
    http.server_close()


@pytest.fixture
def engine(far: Misbehaving) -> RemoteEngine:
    engine = RemoteEngine(
        EngineConfig(model="far-model", base_url=far.url, api_key="secret", remote_name="far")
    )
    engine.load(no_progress)
    return engine


def piece(reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "far",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }


def ask(**options: Any) -> GenerationRequest:
    return GenerationRequest(messages=ASK, max_tokens=9, **options)


def test_what_the_server_says_of_its_model_is_kept(engine: RemoteEngine) -> None:
    assert engine.describe().context_length == 4096
    assert "tools" in engine.describe().abilities
    assert engine.memory_bytes() == 0


JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("props", "places"),
    [
        ((200, JSON_TYPE, '{"total_slots": 2}'), 2),
        ((200, JSON_TYPE, '{"total_slots": 99}'), 3),  # MAX_BATCH holds too
        ((200, JSON_TYPE, '{"total_slots": 0}'), 3),
        ((200, JSON_TYPE, '{"total_slots": "x"}'), 3),
        ((200, JSON_TYPE, "[]"), 3),
        ((200, JSON_TYPE, "{"), 3),
        ((200, {"Content-Type": "text/html"}, "<p>Welcome"), 3),
        ((500, {}, ""), 3),
    ],
)
def test_a_server_is_given_no_more_than_its_slots(
    far: Misbehaving, props: tuple[int, dict[str, str], str], places: int
) -> None:
    far.props, far.script = props, [threading.Event()]
    engine = RemoteEngine(EngineConfig(model="far-model", base_url=far.url, max_batch=3))
    engine.load(no_progress)
    streams = [engine.stream(ask(id=str(number))) for number in range(4)]
    eventually(lambda: len(far.bodies) == places)
    assert engine.queued() == 4 - places
    engine.unload()
    assert len(streams) == 4


def test_the_request_says_everything(engine: RemoteEngine, far: Misbehaving) -> None:
    far.script = [piece(content="{}"), piece("stop")]
    request = GenerationRequest(
        messages=(
            *ASK,
            PromptMessage("assistant", "", tool_calls=(WrittenCall("c1", "calculator", "{}"),)),
            PromptMessage("tool", "4", tool_call_id="c1"),
        ),
        max_tokens=9,
        sampling=Sampling(temperature=0.5, top_p=0.8, top_k=5, presence_penalty=0.5, seed=7),
        stop=("END",),
        tools=(CALCULATOR,),
        tool_choice="calculator",
        parallel_tool_calls=False,
        constraint=Constraint("json_schema", {"type": "object"}),
        top_logprobs=2,
    )
    list(engine.stream(request))
    body = far.bodies[0]
    assert body["model"] == "far"
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == "calculator"
    assert body["messages"][2]["tool_call_id"] == "c1"
    assert (body["temperature"], body["top_p"], body["top_k"], body["seed"]) == (0.5, 0.8, 5, 7)
    assert body["presence_penalty"] == 0.5
    assert "min_p" not in body
    assert "repetition_guard" not in body
    assert body["stop"] == ["END"]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "calculator"}}
    assert body["parallel_tool_calls"] is False
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)
    assert body["stream_options"] == {"include_usage": True}


def test_the_messages_as_sent_come_first_where_they_are_asked_for(
    engine: RemoteEngine, far: Misbehaving
) -> None:
    far.script = [piece(content="Paris"), piece("stop")]
    first, *others = engine.stream(GenerationRequest(messages=ASK, echo_prompt=True))
    assert json.loads(first.prompt) == far.bodies[0]["messages"]
    assert not any(delta.prompt for delta in others)
    assert not any(delta.prompt for delta in engine.stream(GenerationRequest(messages=ASK)))


def test_thinking_tool_calls_and_usage_come_back(engine: RemoteEngine, far: Misbehaving) -> None:
    def call(index: int, **fields: Any) -> dict[str, Any]:
        return piece(tool_calls=[{"index": index, "type": "function", **fields}])

    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 5,
        "total_tokens": 35,
        "prompt_tokens_details": {"cached_tokens": 20},
    }
    far.script = [
        piece(reasoning_content="Hm."),
        piece(content="Let me see."),
        call(0, id="c1", function={"name": "calculator", "arguments": '{"a"'}),
        call(0, function={"arguments": ": 1}"}),
        call(1, function={"name": "calculator", "arguments": ""}),
        piece("tool_calls"),
        {**piece(), "choices": [], "usage": usage},
    ]
    deltas = list(engine.stream(ask(tools=(CALCULATOR,))))
    assert deltas[0].thinking == "Hm."
    assert deltas[1].text == "Let me see."
    first, second = deltas[-1].tool_calls
    assert (first.id, first.name, first.arguments) == ("c1", "calculator", '{"a": 1}')
    assert second.id
    assert second.arguments == "{}"
    assert deltas[-1].finish_reason == "tool_calls"
    assert deltas[-1].usage.prompt_tokens == 30
    assert deltas[-1].usage.cached_tokens == 20


@pytest.mark.parametrize(
    ("script", "error", "details"),
    [
        ((401, {}, "{}"), RemoteEngineError, {"status": 401}),
        ((404, {}, "no such model"), RemoteEngineError, {"status": 404, "body": "no such model"}),
        ((500, {}, "boom"), RemoteEngineError, {"status": 500, "body": "boom"}),
        ((302, {"Location": "http://127.0.0.1:9/"}, ""), RemoteEngineError, {"status": 302}),
        ((429, {"Retry-After": "17"}, "{}"), QueueFull, {"status": 429}),
        (
            (400, {}, '{"error": {"message": "maximum context length is 2048 tokens. However, '
             'you requested 3000 tokens"}}'),
            ContextOverflow,
            {"prompt_tokens": 3000, "context_length": 2048},
        ),
        (
            (400, {}, '{"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 70, '
             '"n_ctx": 64}}'),
            ContextOverflow,
            {"prompt_tokens": 70, "context_length": 64},
        ),
        ((200, {"Content-Type": SSE}, f"data: {nested(100_000)}\n\n"), RemoteEngineError, {}),
        ([piece(content="half"), None], RemoteEngineError, {}),
        ([piece(content="half"), {"error": {"message": "out of memory"}}], RemoteEngineError, {}),
    ],
)  # fmt: skip
def test_every_failure_is_typed(
    engine: RemoteEngine,
    far: Misbehaving,
    script: Any,
    error: type[Exception],
    details: dict[str, Any],
) -> None:
    far.script = script
    with pytest.raises(error) as caught:
        list(engine.stream(ask()))
    assert details.items() <= caught.value.details.items()
    assert "secret" not in str(caught.value)
    if isinstance(caught.value, QueueFull):
        assert caught.value.retry_after == 17


def test_nobody_there_and_no_answer_are_told_apart(
    engine: RemoteEngine, far: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RemoteEngineError, match="cannot be reached"):
        RemoteEngine(EngineConfig(model="m", base_url="http://127.0.0.1:9/v1")).load(no_progress)
    monkeypatch.setattr(remote, "SILENCE", 0.5)
    far.script = [threading.Event()]
    with pytest.raises(RemoteEngineError, match="no answer within"):
        list(engine.stream(ask()))


@pytest.mark.parametrize("begun", [True, False])
def test_cancelling_hangs_up_at_once(engine: RemoteEngine, far: Misbehaving, begun: bool) -> None:
    far.script = [*([piece(content="Well")] if begun else []), threading.Event()]
    stream = engine.stream(ask())
    if begun:
        assert next(stream).text == "Well"
    else:
        eventually(lambda: far.bodies)
    engine.cancel(stream.request.id)
    assert list(stream)[-1].finish_reason == "cancelled"
    assert far.gone.wait(5), "the server saw the line end"


def test_closing_ends_the_stream_without_a_word(engine: RemoteEngine, far: Misbehaving) -> None:
    far.script = [piece(content="Well"), threading.Event()]
    stream = engine.stream(ask())
    next(stream)
    threading.Timer(0.05, stream.close).start()
    assert list(stream) == []
    assert far.gone.wait(5)


def test_unloading_ends_running_answers(engine: RemoteEngine, far: Misbehaving) -> None:
    far.script = [piece(content="Well"), threading.Event()]
    stream = engine.stream(ask())
    next(stream)
    engine.unload()
    with pytest.raises(WorkerLost):
        list(stream)
