"""LM Studio's models: `<publisher>/<repository>/` with GGUF files or an MLX model, as the hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from inference.errors import ModelLoadFailed
from inference.library.files import read_bounded
from inference.library.folders import Stamp
from inference.library.ids import id_part
from inference.library.places.found import Found, folder_found, folders_in, folders_stamp
from inference.models import LanguageModel

SOURCE = LanguageModel.Source.LMSTUDIO
POINTER = ".lmstudio-home-pointer"  # a file in which LM Studio notes where its home is
POINTER_LIMIT = 4096


def find() -> Iterator[Found]:
    """Find the models of LM Studio."""
    for folder in _repositories():
        name = f"{id_part(folder.parent.name)}/{id_part(folder.name)}"
        yield from folder_found(folder, name, SOURCE)


def stamp() -> Stamp:
    """A value that changes when a model comes, grows or goes."""
    publishers = [folder for root in _roots() for folder in folders_in(root)]
    return folders_stamp([*_roots(), *publishers, *_repositories()])


def _repositories() -> list[Path]:
    return [
        repository
        for root in _roots()
        for publisher in folders_in(root)
        for repository in folders_in(publisher)
    ]


def _roots() -> list[Path]:
    """List the folders of models: of the home that is told, or of its usual places."""
    return [home / "models" for home in dict.fromkeys(_homes()) if (home / "models").is_dir()]


def _homes() -> Iterator[Path]:
    if told := os.environ.get("LMSTUDIO_HOME"):
        yield Path(told).expanduser()
        return
    if noted := _noted():
        yield Path(noted)
    yield Path.home() / ".lmstudio"
    yield Path.home() / ".cache" / "lm-studio"


def _noted() -> str:
    """Read the pointer; "" if it is not there, or of no use."""
    try:
        return read_bounded(Path.home() / POINTER, POINTER_LIMIT).decode().strip()
    except (ModelLoadFailed, ValueError):
        return ""
