"""The worker process: its protocol, and how it ends."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from inference.engines.base import EngineConfig
from inference.types import GenerationRequest, Sampling, decode_delta, encode
from tests.inference.mlx_worker.fixtures import ask, continue_, gguf_path

ROOT = Path(__file__).parents[3]


class Child:
    """A worker as its parent sees it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "inference.worker",
                "--engine",
                "mlx",
                "--fd",
                str(theirs.fileno()),
            ],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        self.connection = Connection(ours.detach())

    def send(self, **message: Any) -> None:
        self.connection.send_bytes(json.dumps(message).encode())

    def receive(self, *ops: str, timeout: float = 120) -> dict[str, Any]:
        """The next message of one of these kinds; others are passed over."""
        deadline = time.monotonic() + timeout
        while self.connection.poll(max(deadline - time.monotonic(), 0)):
            message = json.loads(self.connection.recv_bytes())
            if message["op"] in ops:
                return message
        raise TimeoutError(f"none of {ops} came")

    def load(self, path: Path, **options: Any) -> dict[str, Any]:
        config = EngineConfig(model="test", path=str(path), options=options)
        self.send(op="load", config=dataclasses.asdict(config))
        return self.receive("loaded", "failed")

    def generate(self, request: GenerationRequest) -> None:
        self.send(op="generate", request=encode(request))

    def answer(self, request: GenerationRequest) -> tuple[str, Any]:
        """Wait for a request's end: its text and its last delta."""
        text = ""
        while True:
            for request_id, data in self.receive("deltas")["deltas"]:
                delta = decode_delta(data)
                if request_id == request.id:
                    text += delta.text
                    if delta.finish_reason:
                        return text, delta

    def end(self) -> None:
        self.connection.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.end()


@pytest.mark.model
def test_it_converts_loads_generates_beats_and_shuts_down(child: Child, tmp_path: Path) -> None:
    loaded = child.load(gguf_path(), converted=str(tmp_path / "converted"))
    assert loaded["op"] == "loaded"
    assert loaded["description"]["context_length"] == 8192
    assert (tmp_path / "converted" / "config.json").exists()
    beat = child.receive("beat")
    assert beat["memory"] > 100_000_000
    assert beat["active"] == 0

    question = ask("What is the capital of France?")
    child.generate(question)
    text, last = child.answer(question)
    assert "Paris" in text
    assert last.finish_reason == "stop"
    assert last.usage.prompt_tokens == 37

    child.send(op="shutdown")
    assert child.process.wait(timeout=10) == 0


@pytest.mark.model
def test_bad_requests_get_typed_errors_and_the_worker_goes_on(
    child: Child,
    model_folder: Path,
) -> None:
    child.load(model_folder)
    long = continue_("word " * 9000)
    child.generate(long)
    error = child.receive("error")
    assert error["id"] == long.id
    assert error["error"]["code"] == "context_overflow"
    child.send(op="generate", request={"id": "odd", "nonsense": True})
    error = child.receive("error")
    assert (error["id"], error["error"]["code"]) == ("odd", "invalid_request")
    child.send(op="unheard-of")
    child.connection.send_bytes(b"not json")
    question = ask("Hello!", max_tokens=2)
    child.generate(question)
    assert child.answer(question)[1].usage.completion_tokens == 2


@pytest.mark.model
def test_cancel_and_an_interrupt_from_the_terminal(child: Child, model_folder: Path) -> None:
    child.load(model_folder)
    story = ask("Tell me a very long story.", max_tokens=1000, sampling=Sampling())
    child.generate(story)
    child.receive("deltas")
    os.kill(child.process.pid, signal.SIGINT)  # it is for the parent to decide
    child.receive("deltas")
    child.send(op="cancel", id=story.id)
    _, last = child.answer(story)
    assert last.finish_reason == "cancelled"


@pytest.mark.model
def test_it_beats_while_a_long_prompt_is_computed(child: Child, model_folder: Path) -> None:
    child.load(model_folder, interactive_stall_ms=60_000)
    child.generate(continue_("word " * 3000, max_tokens=1))
    while child.receive("beat", timeout=10)["active"] == 0:
        pass
    assert child.receive("beat", "deltas", timeout=10)["op"] == "beat"


def test_it_ends_at_once_when_the_parent_is_gone(child: Child) -> None:
    child.connection.close()
    assert child.process.wait(timeout=20) == 0


@pytest.mark.model
def test_it_ends_in_the_middle_of_an_answer_when_the_parent_is_gone(
    child: Child,
    model_folder: Path,
) -> None:
    child.load(model_folder)
    child.generate(ask("Tell me a very long story.", max_tokens=1000))
    child.receive("deltas")
    child.connection.close()
    assert child.process.wait(timeout=10) == 0


@pytest.mark.parametrize("content", [None, {"model_type": "llama", "model_file": "evil.py"}])
def test_a_model_that_cannot_be_loaded_is_told_before_the_end(
    child: Child, tmp_path: Path, content: dict[str, str] | None
) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(json.dumps(content))
        (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')")
    failed = child.load(tmp_path)
    assert failed["op"] == "failed"
    assert failed["error"]["code"] == "model_load_failed"
    assert child.process.wait(timeout=10) == 1
    assert not (tmp_path / "pwned").exists()


def test_the_worker_and_all_it_imports_know_no_django() -> None:
    modules = (
        "inference.worker.__main__, inference.mlx_worker.batch, inference.llamacpp_worker.backend"
    )
    code = f"import sys, {modules}; print(any('django' in name for name in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"
