"""Model folders: are they whole, and safe to load? Answered before anything in them is loaded.

Only safetensors weights are accepted, and nothing that would make a loader run code. The web
process and the model's own ask the same question here, so that both give the same answer.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.jsons import json_read
from common.types import JSON
from inference.errors import ModelLoadFailed
from inference.library.files import json_object, open_regular, regular_check

# Keys that make a loader import Python code out of the folder.
CODE_KEYS = ("model_file", "auto_map")
# What a tokenizer can be read from; the first is what nearly all models have.
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json", "tekken.json")
TOKENIZER_PATTERNS = ("*.tiktoken", "*.spm", "spiece.model", "tiktoken.model")
HEADER_LIMIT = 100_000_000
JSON_LIMIT = 64 * 2**20
Stamp = tuple[tuple[str, int], ...]  # paths, and when each was changed


def folder_check(folder: Path) -> JSON:
    """Return config.json of a sound folder. Raises ModelLoadFailed, naming what is wrong."""
    if not folder.is_dir():
        raise ModelLoadFailed(f"There is no model folder {folder.name}.")
    _check_files(folder)
    settings = _json(folder / "config.json")
    _refuse_code(settings, "config.json")
    if (folder / "tokenizer_config.json").exists():
        _refuse_code(_json(folder / "tokenizer_config.json"), "tokenizer_config.json")
    if not isinstance(settings.get("model_type"), str):
        raise ModelLoadFailed("config.json names no model_type.")
    _check_weights(folder)
    _check_tokenizer(folder)
    return settings


def quantization_of(settings: JSON) -> str:
    """Name the quantization of an MLX model by its config.json, such as 4-bit; "" without one."""
    quantization = settings.get("quantization")
    bits = quantization.get("bits") if isinstance(quantization, dict) else None
    return f"{bits}-bit" if isinstance(bits, int) and 0 < bits <= 64 else ""


def _check_files(folder: Path) -> None:
    """Refuse what a loader would open and never be done with, such as a named pipe."""
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir() and not entry.name.startswith("."):
            regular_check(entry)


def _json(path: Path) -> JSON:
    if not path.exists():
        raise ModelLoadFailed(f"{path.parent.name} has no {path.name}: not a model folder.")
    return json_object(path, JSON_LIMIT)


def _refuse_code(settings: JSON, name: str) -> None:
    for key in CODE_KEYS:
        if settings.get(key):
            raise ModelLoadFailed(f"{name} wants to run its own code ({key}): refused.")


def _check_tokenizer(folder: Path) -> None:
    """Its content is the loader's to read: it may have tens of megabytes."""
    found = [folder / name for name in TOKENIZERS if (folder / name).exists()]
    found += [path for pattern in TOKENIZER_PATTERNS for path in folder.glob(pattern)]
    if not found:
        raise ModelLoadFailed(
            f"{folder.name} has no tokenizer: tokenizer.json is missing. Copy it from where the "
            "model came from."
        )
    if not found[0].stat().st_size:
        raise ModelLoadFailed(f"{found[0].name} is empty.")


def _check_weights(folder: Path) -> None:
    files = sorted(folder.glob("model*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.exists():
        _check_index(folder, _json(index).get("weight_map"))
    if not files:
        raise ModelLoadFailed(f"{folder.name} has no model*.safetensors; no other format is read.")
    for file in files:
        _check_safetensors(file)


def _check_index(folder: Path, shards: Any) -> None:
    """The index names the files that hold the weights: all of them, and nothing else."""
    wanted = set(shards.values()) if isinstance(shards, dict) and _are_names(shards) else set()
    if not wanted:
        raise ModelLoadFailed("model.safetensors.index.json names no files (weight_map).")
    missing = sorted(name for name in wanted if not (folder / name).is_file())
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise ModelLoadFailed(
            f"{folder.name} is incomplete: {', '.join(missing[:3])}{more} missing."
        )


def _are_names(shards: JSON) -> bool:
    return all(isinstance(name, str) for name in shards.values())


def _check_safetensors(file: Path) -> None:
    """Compare the file's size with what its header promises: half a download is half a file."""
    if not file.stat().st_size:
        raise ModelLoadFailed(f"{file.name} is empty.")
    try:
        with open_regular(file) as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > HEADER_LIMIT:
                raise ValueError("absurd header length")
            header = json_read(stream.read(length))
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        size = 8 + length + max(ends, default=0)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error) as error:
        raise ModelLoadFailed(f"{file.name} is not a safetensors file: {error}") from error
    if file.stat().st_size < size:
        raise ModelLoadFailed(
            f"{file.name} is cut short: {file.stat().st_size} of {size} bytes.", file=file.name
        )


def weight_bytes(folder: Path) -> int:
    """Size of the model's weight files."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def changed_at(places: Iterable[Path]) -> Stamp:
    """When each place was changed last; those that are not there are left out."""
    stamp = []
    for place in places:
        with contextlib.suppress(OSError):
            stamp.append((str(place), place.stat().st_mtime_ns))
    return tuple(stamp)
