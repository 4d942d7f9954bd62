"""The contract of what computes inside a model's process, and who keeps it.

Adding one is a package with a function `load(config, progress, wake) -> Backend`, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from common.errors import CortexError
from inference.engines.base import EngineConfig, Progress
from inference.types import Delta, GenerationRequest, ModelDescription

Result = tuple[str, Delta | CortexError]  # a request's id, and what it got
Wake = Callable[[], None]

BACKENDS: dict[str, str] = {  # modules that hold `load`; imported in the model's process alone
    "mlx": "inference.mlx_worker.backend",
    "llamacpp": "inference.llamacpp_worker.backend",
}


class Backend(Protocol):
    """One loaded model. All methods are called on the process's main thread, but for `memory`."""

    description: ModelDescription

    @property
    def active(self) -> int:
        """How many requests are being answered."""

    @property
    def has_work(self) -> bool:
        """Whether `step` has something to do now. What comes later is told by `wake`."""

    def submit(self, request: GenerationRequest) -> None:
        """Take a request; the parent sends no more than there are places, a moment's overlap aside.
        Raises InvalidRequest or ContextOverflow."""

    def cancel(self, request_id: str) -> None:
        """End a request before the next step; unknown ids have ended already."""

    def step(self) -> list[Result]:
        """What has come since the last step."""

    def reading(self) -> dict[str, float]:
        """How much of each prompt has been read that is being read now, from 0.0 to 1.0, by
        request id."""

    def memory(self) -> int:
        """Bytes that the process occupies now; called about once a second on another thread."""

    def close(self, timeout: float) -> None:
        """End all requests and keep what was computed, within `timeout` seconds."""


def backend_load(name: str, config: EngineConfig, progress: Progress, wake: Wake) -> Backend:
    """Load the model. Raises ModelLoadFailed."""
    loaded: Backend = import_module(BACKENDS[name]).load(config, progress, wake)
    return loaded
