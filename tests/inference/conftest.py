"""Fixtures for language models: real workers on the embedded model."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference import services
from inference.engines.base import EngineConfig
from inference.engines.worker.engine import WorkerEngine
from inference.library import embedded
from inference.loaded.registry import REGISTRY
from inference.mlx_worker.batch import BatchEngine
from inference.mlx_worker.gguf.folder import convert
from inference.mlx_worker.model import LoadedModel, model_load
from tests.inference.mlx_worker.fixtures import engine_make, gguf_path


def no_progress(stage: str, fraction: float) -> None:
    """Nobody watches."""


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


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model, converted for this process."""
    return convert(gguf_path(), tmp_path_factory.mktemp("models") / "smollm2")


@pytest.fixture(scope="session")
def loaded(model_folder: Path) -> LoadedModel:
    """The embedded model in memory, loaded once for all tests of this process."""
    return model_load(EngineConfig(model="smollm2", path=str(model_folder)), lambda *_: None)


@pytest.fixture
def engine(loaded: LoadedModel) -> BatchEngine:
    """A batch engine without a worker around it."""
    return engine_make(loaded)


@pytest.fixture
def registry(transactional_db: None) -> Iterator[None]:
    """The product's registry, empty before and after."""
    yield
    services.shutdown()
    assert not list(REGISTRY.loaded())
