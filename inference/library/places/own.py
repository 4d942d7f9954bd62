"""MODEL_CACHE_DIR: folders and GGUF files that people put there, and paths that they name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from inference.errors import ModelLoadFailed
from inference.library import embedded
from inference.library.files import regular_check
from inference.library.folders import Stamp
from inference.library.ids import id_part, tag_of
from inference.library.places.found import (
    Found,
    folder_found,
    folders_in,
    folders_stamp,
    gguf_found,
    half_found,
    is_half,
    names_in,
)
from inference.library.quantizations import (
    files_by_tag,
    is_model_file,
    preference,
    stem_of,
)
from inference.models import LanguageModel

FOLDER = LanguageModel.Source.FOLDER


def find() -> Iterator[Found]:
    """Find what lies in MODEL_CACHE_DIR itself, and in its folders."""
    root = _root()
    for folder in folders_in(root):
        if folder.name != embedded.MODEL:
            yield from folder_found(folder.resolve(), id_part(folder.name), FOLDER)
    names = [name for name in names_in(root) if not os.path.isdir(root / name)]
    for parts in files_by_tag(names).values():
        yield gguf_found(root / parts[0], id_part(stem_of(parts[0])), FOLDER)
    for name in filter(is_half, names):
        yield half_found(root / name, id_part(name), FOLDER)


def stamp() -> Stamp:
    """A value that changes when a model comes, grows or goes."""
    root = _root()
    return folders_stamp([root, *folders_in(root)])


def _root() -> Path:
    return Path(settings.MODEL_CACHE_DIR)


def named(path: Path) -> Found:
    """Look at a folder or file that somebody names. ModelLoadFailed says what is wrong with it."""
    if path.is_dir():
        models = list(folder_found(path, id_part(path.name), FOLDER))
        if not models:
            raise ModelLoadFailed(f"{path.name} holds no model: no config.json, no GGUF file.")
        best = min(models, key=lambda model: (model.rank, preference(tag_of(model.name))))
    else:
        regular_check(path)
        stem = stem_of(path.name) if path.suffix.lower() == ".gguf" else path.name
        best = gguf_found(path, id_part(stem), FOLDER)
    if best.problem:
        raise ModelLoadFailed(best.problem)
    return best


def delete(path: Path) -> None:
    """Remove a model that lies in MODEL_CACHE_DIR, all its parts; others are not ours to remove."""
    if not {_root(), _root().resolve()} & set(path.parents):
        return
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    stem = stem_of(path.name)
    for name in names_in(path.parent):
        if name == path.name or (is_model_file(name) and stem_of(name) == stem):
            (path.parent / name).unlink(missing_ok=True)
    if path.parent != _root() and not names_in(path.parent):
        shutil.rmtree(path.parent, ignore_errors=True)
