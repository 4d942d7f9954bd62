"""One model in this process, and what its `LanguageModel` row is told of it."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from django.db import Error as DatabaseError

from common.cancellation import CancelScope
from common.disk import disk_full_seen
from inference.engines.base import Engine
from inference.errors import ModelTooLarge, QueueFull
from inference.models import LanguageModel

logger = logging.getLogger(__name__)
State = LanguageModel.State

MIRROR_EVERY = 0.3  # seconds between two writes of a progress


@dataclass(eq=False)
class Slot:
    """One model in this process. `active` counts those who use it or wait for it."""

    name: str
    ready: Future[Engine] = field(default_factory=Future)
    gone: threading.Event = field(default_factory=threading.Event)
    scope: CancelScope = field(default_factory=CancelScope)  # of the load
    engine: Engine | None = None
    leaving: bool = False
    active: int = 0
    used_at: float = field(default_factory=time.monotonic)
    noted_at: float = float("-inf")
    reserved: int = 0  # bytes that it was let in with
    tokens_per_second: float | None = None  # of the latest answer

    @property
    def loaded(self) -> bool:
        return self.engine is not None and not self.leaving

    @property
    def memory(self) -> int:
        """Bytes it takes, or is expected to take."""
        return max(self.reserved, self.engine.memory_bytes() if self.engine else 0)


class ProgressMirror:
    """Writes the progress of a download or load to the model's row, not oftener than needed."""

    STATES = {"download": State.DOWNLOADING}

    def __init__(self, name: str) -> None:
        self._name, self._stage, self._written_at = name, "", 0.0

    def __call__(self, stage: str, fraction: float) -> None:
        now = time.monotonic()
        if stage == self._stage and now - self._written_at < MIRROR_EVERY:
            return
        self._stage, self._written_at = stage, now
        state = self.STATES.get(stage, State.LOADING)
        mirror(self._name, state=state, stage=stage, progress=fraction)


def mirror(name: str, **fields: Any) -> None:
    """Write to the model's row; a row that was deleted meanwhile is no matter. What happens to the
    model never depends on it: a database that fails is logged."""
    try:
        LanguageModel.objects.filter(name=name).update(**fields)
    except DatabaseError as error:
        if not disk_full_seen(error, f"the row of {name}"):
            logger.warning("The row of %s is not up to date: %s", name, error)


def speed_note(name: str, engine: str, speed: float) -> None:
    """Keep in the model's row how many tokens a second it wrote on that engine."""
    try:
        row = LanguageModel.objects.filter(name=name).first()
    except DatabaseError as error:
        logger.warning("The speed of %s is not kept: %s", name, error)
        return
    if row:
        mirror(name, speeds={**row.speeds, engine: round(speed, 1)})


def gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB"


def too_large(name: str, need: int, limit: int) -> ModelTooLarge:
    return ModelTooLarge(
        f"{name} needs {gigabytes(need)} of memory; MODEL_MEMORY_LIMIT is {gigabytes(limit)}.",
        needed_bytes=need,
        limit_bytes=limit,
    )


def no_room(name: str, need: int, free: int) -> QueueFull:
    return QueueFull(
        f"{name} needs {gigabytes(need)} of memory and {gigabytes(max(free, 0))} are free: "
        "the other models are answering. Try again later.",
        needed_bytes=need,
        free_bytes=free,
    )
