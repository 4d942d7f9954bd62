"""Fixtures for language models: real workers on the embedded model."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inference import embedded, services
from inference.engines.base import EngineConfig
from inference.registry import REGISTRY
from inference.supervisor import WorkerEngine


def no_progress(stage: str, fraction: float) -> None:
    """Nobody watches."""


def eventually(condition: Callable[[], object], timeout: float = 30.0) -> None:
    """Fails unless the condition becomes true in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


def pid_of(engine: WorkerEngine) -> int:
    """The process that runs the engine's model now."""
    assert engine._process is not None
    return engine._process.pid


def kill(engine: WorkerEngine, number: int = signal.SIGKILL) -> int:
    """Send a signal to the engine's process; returns its id."""
    pid = pid_of(engine)
    os.kill(pid, number)
    return pid


@pytest.fixture(scope="session")
def embedded_folder() -> Path:
    """The embedded model as a model folder, converted if no test did so before."""
    if not embedded.is_converted():
        engine = WorkerEngine(
            EngineConfig(
                model=embedded.MODEL,
                path=str(embedded.gguf_file()),
                options={"converted": str(embedded.converted_folder())},
            )
        )
        engine.load(no_progress)
        engine.unload()
    return embedded.converted_folder()


@pytest.fixture
def registry(transactional_db: None) -> Iterator[None]:
    """The product's registry, empty before and after."""
    yield
    services.shutdown()
    assert not list(REGISTRY.loaded())
