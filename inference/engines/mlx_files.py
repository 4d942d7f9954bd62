"""Is a folder a whole, harmless model? Answered before anything in it is loaded."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from inference.errors import ModelLoadFailed
from inference.types import JSON

# Keys that make a loader import Python code out of the folder.
CODE_KEYS = ("model_file", "auto_map")
HEADER_LIMIT = 100_000_000


def folder_check(folder: Path) -> JSON:
    """The parsed config.json of a sound folder. Raises ModelLoadFailed, naming what is wrong."""
    if not folder.is_dir():
        raise ModelLoadFailed(f"there is no model folder {folder.name}")
    settings = _json(folder / "config.json")
    _refuse_code(settings, "config.json")
    if (folder / "tokenizer_config.json").exists():
        _refuse_code(_json(folder / "tokenizer_config.json"), "tokenizer_config.json")
    if not isinstance(settings.get("model_type"), str):
        raise ModelLoadFailed("config.json names no model_type")
    _check_weights(folder)
    return settings


def _json(path: Path) -> JSON:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelLoadFailed(f"the model folder has no {path.name}") from error
    except (OSError, ValueError) as error:
        raise ModelLoadFailed(f"{path.name} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ModelLoadFailed(f"{path.name} is not a JSON object")
    return value


def _refuse_code(settings: JSON, name: str) -> None:
    for key in CODE_KEYS:
        if settings.get(key):
            raise ModelLoadFailed(f"{name} asks to run code of its own ({key}); that is refused")


def _check_weights(folder: Path) -> None:
    files = sorted(folder.glob("model*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.exists():
        shards = _json(index).get("weight_map", {})
        wanted = set(shards.values()) if isinstance(shards, dict) else set()
        missing = sorted(name for name in wanted if not (folder / str(name)).is_file())
        if missing:
            raise ModelLoadFailed(f"the model is incomplete: {', '.join(missing)} missing")
    if not files:
        raise ModelLoadFailed("the model folder has no model*.safetensors; no other format is read")
    for file in files:
        _check_safetensors(file)


def _check_safetensors(file: Path) -> None:
    """Compare the file's size with what its header promises: half a download is half a file."""
    try:
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > HEADER_LIMIT:
                raise ValueError("absurd header length")
            header = json.loads(stream.read(length))
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        size = 8 + length + max(ends, default=0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise ModelLoadFailed(f"{file.name} is not a safetensors file: {error}") from error
    if file.stat().st_size < size:
        raise ModelLoadFailed(
            f"{file.name} is cut short: {file.stat().st_size} of {size} bytes", file=file.name
        )
