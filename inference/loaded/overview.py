"""All there is to say of a model: its row, what is known of it, and what it does right now."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from common.types import JSON
from inference.engines import NAMES
from inference.library import embedded, hub
from inference.library.engines import AUTO, engines_of
from inference.library.facts import FACTS, is_recommended
from inference.loaded.registry import REGISTRY
from inference.loaded.slots import gigabytes
from inference.models import LanguageModel

Source, State = LanguageModel.Source, LanguageModel.State
MOVING = (State.DOWNLOADING, State.LOADING, State.UNLOADING)
ORIGINS: dict[str, str] = {
    Source.EMBEDDED: "Cortex",
    Source.HUGGINGFACE: "Hugging Face cache",
    Source.FOLDER: "Local path",
    Source.LMSTUDIO: "LM Studio",
    Source.OLLAMA: "Ollama",
    Source.REMOTE: "Remote engine",
}
OVERHEAD = 1.2  # memory that a model takes for each byte of its weights, as a first guess


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """`size` and `memory` are for people, the `_bytes` for programs; memory is measured once the
    model was loaded, and estimated before. `fits` is null where nothing is known."""

    id: str
    name: str
    source: str
    engine: str
    engines: list[str]
    engine_is_chosen: bool
    format: str
    quantization: str
    origin: str
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
    recommended: bool
    fits: bool | None
    fits_reason: str
    best_for: str
    speed: int
    context_length: int
    abilities: list[str]
    runtime: str
    runtime_notes: list[str]
    active_requests: int
    tokens_per_second: float | None
    speeds: dict[str, float]
    problem: str
    note: str
    last_error: str
    last_used_at: datetime | None

    @property
    def short_name(self) -> str:
        """What people call it: the id without who offers it, and without the file of a GGUF
        repository that is meant."""
        return re.sub(r"-GGUF(:.*)?$", "", self.id.rpartition("/")[2], flags=re.IGNORECASE)

    @property
    def is_moving(self) -> bool:
        """Something goes on that one may want to watch."""
        return self.state in MOVING

    @property
    def engine_name(self) -> str:
        """What computes it here, in words; "" where that is not known."""
        return NAMES[self.engine] if self.engines else ""

    @property
    def engine_choices(self) -> list[tuple[str, str, bool]]:
        """What a person can choose: the value, its words, and whether it is chosen; nothing where
        there is no choice. One that was made can always be taken back."""
        if len(self.engines) < 2 and not self.engine_is_chosen:
            return []
        names = [(name, words) for name, words in NAMES.items() if name in self.engines]
        chosen = self.engine if self.engine_is_chosen else AUTO
        return [(name, words, name == chosen) for name, words in [(AUTO, "Automatic"), *names]]

    @property
    def other_speeds(self) -> list[tuple[str, float]]:
        """How fast it was on engines that it does not run on now."""
        known = [name for name in NAMES if name in self.speeds and name != self.engine]
        return [(NAMES[name], self.speeds[name]) for name in known]

    @property
    def offered(self) -> bool:
        """It is worth showing: not one of those that Cortex recommends on other machines only."""
        known = self.id not in FACTS or self.recommended or self.downloaded or self.default
        return known or self.state != State.UNLOADED or bool(self.last_error)

    @property
    def group(self) -> str:
        """Where it stands on the page: "ready", "disk" or "download"."""
        if (
            self.loaded
            or self.source == Source.REMOTE
            or self.state
            in (
                State.LOADING,
                State.UNLOADING,
            )
        ):
            return "ready"
        return "download" if self.source == Source.HUGGINGFACE and not self.downloaded else "disk"

    @property
    def come(self) -> str:
        """How much of a download is here, in words; "" where the whole is not known."""
        if not self.size_bytes:
            return ""
        return f"{readable(int(self.size_bytes * self.progress)) or '0 MB'} of {self.size}"

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
    speeds = speeds_of(row)
    return ModelInfo(
        id=row.name,
        name=row.name,
        source=row.source,
        engine=row.engine,
        engines=[engine.value for engine in engines_of(row)],
        engine_is_chosen=row.engine_is_chosen,
        format=row.format,
        quantization=row.quantization,
        origin=origin(row),
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
        recommended=is_recommended(row.name),
        fits=fits,
        fits_reason=reason,
        best_for=fact.best_for if fact else "",
        speed=fact.speed if fact else 0,
        context_length=row.context_length,
        abilities=list(row.abilities),
        runtime=row.runtime,
        runtime_notes=list(row.runtime_notes),
        active_requests=slot.active if slot and slot.loaded else 0,
        tokens_per_second=speeds.get(row.engine),
        speeds=speeds,
        problem=row.problem,
        note=row.note,
        last_error=row.last_error,
        last_used_at=row.last_used_at,
    )


def speeds_of(row: LanguageModel) -> dict[str, float]:
    """Tokens a second on each engine: of the latest answer where the model is loaded."""
    slot = REGISTRY.slot(row.name)
    if slot is None or slot.engine is None or slot.tokens_per_second is None:
        return dict(row.speeds)
    return {**row.speeds, slot.engine.config.engine: slot.tokens_per_second}


def origin(row: LanguageModel) -> str:
    """Say in words where the model is, or is to come from."""
    if row.source == Source.FOLDER and Path(row.path).is_relative_to(settings.MODEL_CACHE_DIR):
        return "MODEL_CACHE_DIR"
    return ORIGINS.get(row.source, row.source)


def is_downloaded(row: LanguageModel) -> bool:
    """Could it be loaded without the network?"""
    match row.source:
        case Source.HUGGINGFACE:
            return row.state == State.LOADED or hub.is_whole(row.name)
        case Source.EMBEDDED:
            return embedded.is_available()
    return not row.problem


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
    if row.source == Source.REMOTE:
        return True, "it runs on another server"
    return _fit(memory)


def _fit(memory: int) -> tuple[bool | None, str]:
    limit = settings.MODEL_MEMORY_LIMIT
    if not memory:
        return None, "its size is not known yet"
    if limit and memory > limit:
        return False, f"it needs {gigabytes(memory)}; models may use {gigabytes(limit)} here"
    return True, f"it needs {gigabytes(memory)}" + (f" of {gigabytes(limit)}" if limit else "")


def size_fit(size: int) -> tuple[bool | None, str]:
    """The same of a model of which only the size of its weights is known."""
    return _fit(int(size * OVERHEAD))


def readable(size: int) -> str:
    """A size as people write it; "" when it is not known."""
    if size < 10**9:
        return f"{size / 10**6:.0f} MB" if size else ""
    return f"{size / 10**9:.1f} GB"
