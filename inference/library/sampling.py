"""How a model's makers draw its answers: what holds where nobody says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.types import JSON
from inference.errors import ModelLoadFailed
from inference.library.files import json_object
from inference.types import LIMITS

# Under which names the values stand, and what they are called here.
OLLAMA = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repeat_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
GGUF = {
    "general.sampling.temp": "temperature",
    "general.sampling.top_p": "top_p",
    "general.sampling.top_k": "top_k",
    "general.sampling.min_p": "min_p",
    "general.sampling.penalty_repeat": "repetition_penalty",
}
GENERATION = {
    name: name for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
}
GENERATION_FILE, GENERATION_LIMIT = "generation_config.json", 2**20


def sampling_read(told: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, float]:
    """Give the values that are told under `names` and can be; others are left out, for a file may
    hold anything."""
    read: dict[str, float] = {}
    for theirs, ours in names.items():
        value, limit = told.get(theirs), LIMITS[ours]
        if isinstance(value, int | float) and not isinstance(value, bool) and limit.allows(value):
            read[ours] = int(value) if limit.is_whole else float(value)
    return read


def sampling_of_file(own: Mapping[str, float], options: JSON) -> dict[str, float]:
    """Say what a GGUF file says itself, and over it what an Ollama manifest does."""
    return {**own, **sampling_read(options.get("parameters", {}), OLLAMA)}


def sampling_of_folder(folder: Path) -> dict[str, float]:
    """Read generation_config.json of an MLX folder: nothing where there is none that can be read,
    or where it does not sample."""
    try:
        told = json_object(folder / GENERATION_FILE, GENERATION_LIMIT)
    except ModelLoadFailed:
        return {}
    return sampling_read(told, GENERATION) if told.get("do_sample") is True else {}
