"""The contract of an engine: what runs one loaded language model.

An `Engine` lives in the web process and is called from many threads at once. The work of `mlx` and
`llamacpp` happens in a child process (`inference.worker`); its half in the web process is
`inference.engines.worker.engine.WorkerEngine`. The `openai` engine talks HTTP and needs no child.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from common.types import JSON
from inference.types import Delta, GenerationRequest, ModelDescription

# Called with a stage ("download", "convert", "load") and a fraction from 0.0 to 1.0.
Progress = Callable[[str, float], None]


# Called when an engine changes on its own account, as after a crash of its process: with "loading",
# "loaded" or "failed", and the error.
OnChange = Callable[[str, str], None]


def ignore_change(state: str, error: str) -> None:
    """For those who do not care."""


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """Where a request waits: its number in the queue, from 1, and the seconds until its turn as
    expected; None where nothing is known."""

    position: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Where a model lives and within which limits it runs.

    `engine` is a key of ENGINES; `path` a local folder or file; `base_url`, `api_key` and
    `remote_name` are for remote engines.
    """

    model: str
    engine: str = "mlx"
    path: str = ""
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    remote_name: str = ""
    max_queue: int = 64
    max_batch: int = 16
    default_max_tokens: int = 2048
    options: JSON = field(default_factory=dict)


class DeltaStream(ABC, Iterator[Delta]):
    """One answer on its way. The last delta carries finish_reason and usage."""

    @abstractmethod
    def close(self) -> None:
        """Cancel what is left. Safe to call twice and from any thread: a `next` that is blocked
        in another thread ends (StopIteration)."""


class Engine(ABC):
    """One loaded model. All methods are thread-safe and raise only `CortexError`s."""

    def __init__(self, config: EngineConfig, on_change: OnChange = ignore_change) -> None:
        self.config = config
        self.on_change = on_change

    @abstractmethod
    def load(self, progress: Progress) -> ModelDescription:
        """Make the model ready to answer; blocks until it is. Raises ModelLoadFailed."""

    @abstractmethod
    def stream(self, request: GenerationRequest) -> DeltaStream:
        """Submit a request, and give out its answer.

        Submitting raises QueueFull or WorkerLost; iterating raises ContextOverflow, WorkerLost,
        InvalidRequest, GenerationFailed, or for a remote engine RemoteEngineError.
        """

    @abstractmethod
    def cancel(self, request_id: str) -> None:
        """End a request within one decode step; its stream finishes as "cancelled"."""

    @abstractmethod
    def unload(self) -> None:
        """Free the memory. Running requests end with WorkerLost. Safe to call twice."""

    @abstractmethod
    def describe(self) -> ModelDescription:
        """What is loaded. Raises ModelLoadFailed before `load` succeeded."""

    @abstractmethod
    def memory_bytes(self) -> int:
        """Resident memory that the model takes on this machine; 0 for a remote engine."""

    @abstractmethod
    def queued(self) -> int:
        """How many requests wait for their turn."""

    @abstractmethod
    def place(self, request_id: str) -> QueuePosition | None:
        """Where a request waits; None when its turn has come."""

    def reading(self, request_id: str) -> float | None:
        """How much of a request's prompt has been read, from 0.0 to 1.0, while it is being read;
        None when it is not, and of an engine that does not tell."""
        return None

    @abstractmethod
    def wait(self, position: int) -> float:
        """Seconds that number `position` of the queue can expect to wait."""
