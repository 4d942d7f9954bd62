"""What somebody who has only the embedded model may want instead: one that is on this disk, or the
recommended one that is soonest of use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from inference.errors import ModelLoadFailed
from inference.library import hub
from inference.library.places import ollama
from inference.library.places.found import gguf_known
from inference.library.search import Q4_BYTES
from inference.loaded.overview import ModelInfo, model_info
from inference.models import LanguageModel

Format, Source, State = LanguageModel.Format, LanguageModel.Source, LanguageModel.State

# Parameters; three times the embedded model's. Smaller ones are hardly better, and many of them
# only turn texts into vectors.
LEAST = 400_000_000


def model_suggest(rows: Iterable[LanguageModel], default: str) -> ModelInfo | None:
    """Choose a better model that fits this machine: the largest that is here, else, of the
    recommended ones, the quickest and then the largest. None if there is none.

    A remote engine is not suggested: what is asked of it leaves the machine. Nor is a model that
    could not be loaded the last time.
    """
    known = {row.name: row for row in rows if row.source not in (Source.EMBEDDED, Source.REMOTE)}
    infos = [model_info(row, default) for row in known.values() if not row.problem]
    fitting = [info for info in infos if info.fits]
    here = [info for info in fitting if info.downloaded and info.state != State.FAILED]
    sizes = {info.id: _parameters(known[info.id], info) for info in here}
    for info in sorted(here, key=lambda info: sizes[info.id], reverse=True):
        if sizes[info.id] >= LEAST and _can_chat(known[info.id]):
            return info
    to_fetch = [info for info in fitting if info.recommended and not info.downloaded]
    return max(to_fetch, key=lambda info: (info.speed, info.size_bytes), default=None)


def _parameters(row: LanguageModel, info: ModelInfo) -> float:
    return row.parameters or info.size_bytes / Q4_BYTES


def _can_chat(row: LanguageModel) -> bool:
    """Say whether a GGUF file knows how a conversation is written; what makes vectors does not."""
    if row.format != Format.GGUF:
        return True
    try:
        file = _file(row)
        return file is not None and gguf_known(file).has_chat_template
    except (ModelLoadFailed, OSError):  # it went, or was changed, since it was found
        return False


def _file(row: LanguageModel) -> Path | None:
    match row.source:
        case Source.HUGGINGFACE:
            return hub.cached_at(row.name)
        case Source.OLLAMA:
            return Path(ollama.manifest_read(Path(row.path)).blob)
    return Path(row.path)
