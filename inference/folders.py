"""Model folders: are they whole, and safe to load?

Only safetensors weights are accepted, and nothing that would make a loader run code.
"""

from __future__ import annotations

import json
from pathlib import Path

from inference.errors import ModelLoadFailed


def folder_check(folder: Path) -> None:
    """ModelLoadFailed unless the folder holds a whole model that is safe to load."""
    if not folder.is_dir():
        raise ModelLoadFailed(f"There is no model folder {folder.name}.")
    config = config_read(folder)
    for key in ("model_file", "auto_map"):
        if key in config:
            raise ModelLoadFailed(f"{folder.name} wants to run its own code ({key}): refused.")
    missing = weights_missing(folder)
    if missing:
        raise ModelLoadFailed(f"{folder.name} is incomplete: {', '.join(missing[:3])} missing.")


def config_read(folder: Path) -> dict[str, object]:
    """config.json of a model folder."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except FileNotFoundError:
        raise ModelLoadFailed(f"{folder.name} has no config.json: not a model folder.") from None
    except (OSError, ValueError) as error:
        raise ModelLoadFailed(f"config.json of {folder.name} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ModelLoadFailed(f"config.json of {folder.name} is not an object.")
    return config


def weights_missing(folder: Path) -> list[str]:
    """The weight files that the model's index names and that are not there."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return [] if any(folder.glob("*.safetensors")) else ["*.safetensors"]
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelLoadFailed(
            f"The weight index of {folder.name} cannot be read: {error}"
        ) from error
    return sorted(name for name in names if not (folder / name).is_file())


def weight_bytes(folder: Path) -> int:
    """Size of the model's weight files."""
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
