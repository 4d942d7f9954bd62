"""All there is to say of a model: its row, what is known of it, and what it does right now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings

from inference import embedded, hub
from inference.catalogue import FACTS
from inference.models import LanguageModel
from inference.registry import REGISTRY
from inference.slots import gigabytes
from inference.types import JSON

Source, State = LanguageModel.Source, LanguageModel.State
MOVING = (State.DOWNLOADING, State.LOADING, State.UNLOADING)
OVERHEAD = 1.2  # memory that a model takes for each byte of its weights, as a first guess


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """`size` and `memory` are for people, the `_bytes` for programs; memory is measured once the
    model was loaded, and estimated before. `fits` is null where nothing is known."""

    id: str
    name: str
    source: str
    engine: str
    state: str
    stage: str
    progress: float
    loaded: bool
    default: bool
    downloaded: bool
    size: str
    size_bytes: int
    memory: str
    memory_bytes: int
    fits: bool | None
    fits_reason: str
    best_for: str
    speed: int
    context_length: int
    abilities: list[str]
    active_requests: int
    tokens_per_second: float | None
    last_error: str
    last_used_at: datetime | None

    @property
    def is_moving(self) -> bool:
        """Something goes on that one may want to watch."""
        return self.state in MOVING

    @property
    def percent(self) -> int:
        return round(self.progress * 100)

    def as_json(self) -> JSON:
        return asdict(self)


def model_info(row: LanguageModel, default: str) -> ModelInfo:
    """`default` is the id of the model that answers when nobody says which."""
    fact = FACTS.get(row.name)
    slot = REGISTRY.slot(row.name)
    downloaded = is_downloaded(row)
    size = row.size_bytes or (fact.download_bytes if fact else 0)
    memory = memory_expected(row)
    fits, reason = fit(row, memory)
    return ModelInfo(
        id=row.name,
        name=row.name,
        source=row.source,
        engine=row.engine,
        state=row.state,
        stage=row.stage,
        progress=round(row.progress, 3),
        loaded=row.state == State.LOADED,
        default=row.name == default,
        downloaded=downloaded,
        size=readable(size),
        size_bytes=size,
        memory=gigabytes(memory) if memory else "",
        memory_bytes=memory,
        fits=fits,
        fits_reason=reason,
        best_for=fact.best_for if fact else "",
        speed=fact.speed if fact else 0,
        context_length=row.context_length,
        abilities=list(row.abilities),
        active_requests=slot.active if slot and slot.loaded else 0,
        tokens_per_second=slot.tokens_per_second if slot else None,
        last_error=row.last_error,
        last_used_at=row.last_used_at,
    )


def is_downloaded(row: LanguageModel) -> bool:
    """Could it be loaded without the network?"""
    match row.source:
        case Source.HUGGINGFACE:
            return row.state == State.LOADED or hub.folder_cached(row.name) is not None
        case Source.EMBEDDED:
            return embedded.is_available()
    return True


def memory_expected(row: LanguageModel) -> int:
    """Bytes: now if it is loaded, else measured at its last load, else estimated; 0 is unknown."""
    if row.source == Source.REMOTE:
        return 0
    slot = REGISTRY.slot(row.name)
    if slot and slot.loaded:
        return slot.memory
    fact = FACTS.get(row.name)
    estimate = fact.memory_bytes if fact else int(row.size_bytes * OVERHEAD)
    return row.memory_bytes or estimate


def fit(row: LanguageModel, memory: int) -> tuple[bool | None, str]:
    """Whether the model fits into MODEL_MEMORY_LIMIT, and why, in words."""
    limit = settings.MODEL_MEMORY_LIMIT
    if row.source == Source.REMOTE:
        return True, "it runs on another server"
    if not memory:
        return None, "its size is not known yet"
    if limit and memory > limit:
        return False, f"it needs {gigabytes(memory)}; models may use {gigabytes(limit)} here"
    return True, f"it needs {gigabytes(memory)}" + (f" of {gigabytes(limit)}" if limit else "")


def readable(size: int) -> str:
    """A size as people write it; "" when it is not known."""
    if size < 10**9:
        return f"{size / 10**6:.0f} MB" if size else ""
    return f"{size / 10**9:.1f} GB"
