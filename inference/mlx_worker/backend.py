"""Brings a model up on MLX: the BLAS first, for it has to be in place before MLX is imported."""

from __future__ import annotations

import threading
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from inference.engines.base import EngineConfig, Progress
from inference.mlx_worker.blas import Blas, blas_load
from inference.types import GenerationRequest
from inference.worker.backend import Result, Wake

if TYPE_CHECKING:
    from inference.mlx_worker.batch import BatchEngine


def load(config: EngineConfig, progress: Progress, wake: Wake) -> MlxBackend:
    """Load the model. `wake` is not needed: MLX works within `step`. Raises ModelLoadFailed."""
    blas = blas_load(plain=config.options.get("plain", False))
    from inference.mlx_worker.batch import BatchEngine
    from inference.mlx_worker.model import model_load

    def watched(stage: str, fraction: float) -> None:
        blas.adapt()
        progress(stage, fraction)

    loaded = model_load(config, watched)
    engine = BatchEngine(loaded, config)
    threading.Thread(target=engine.prepare, name="prepare", daemon=True).start()
    return MlxBackend(engine, blas)


class MlxBackend:
    """A `BatchEngine` and the BLAS that it computes with."""

    def __init__(self, engine: BatchEngine, blas: Blas) -> None:
        self._engine, self._blas = engine, blas
        self.description = replace(
            engine.loaded.description,
            runtime=f"MLX {version('mlx')}, {blas.choice.name}",
            runtime_notes=blas.choice.passed_over,
        )

    @property
    def active(self) -> int:
        return self._engine.active

    @property
    def has_work(self) -> bool:
        return self._engine.has_work

    def submit(self, request: GenerationRequest) -> None:
        self._engine.submit(request)

    def cancel(self, request_id: str) -> None:
        self._engine.cancel(request_id)

    def step(self) -> list[Result]:
        return self._engine.step()

    def reading(self) -> dict[str, float]:
        return self._engine.reading()

    def memory(self) -> int:
        from inference.mlx_worker.model import memory_used

        self._blas.adapt()
        return memory_used()

    def close(self, timeout: float) -> None:
        self._engine.close(timeout)
