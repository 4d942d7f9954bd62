"""A model that was found, sound or not, and how a folder or a file is looked at.

Nothing is copied or moved. What cannot be loaded is found too, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from inference.errors import ModelLoadFailed
from inference.library import gguf
from inference.library.folders import Stamp, folder_check, quantization_of, weight_bytes
from inference.library.gguf import GGUFModel
from inference.library.ids import id_part
from inference.library.quantizations import files_by_tag, is_beside, is_model_file, stem_of
from inference.library.sampling import sampling_of_folder
from inference.models import LanguageModel

Format = LanguageModel.Format
HALF = (".part", ".partial", ".incomplete", ".crdownload", ".download", ".tmp", ".aria2")
WEIGHTS = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".npz")

BASE = "It has no chat template: it goes on with a text, and was not made for conversations."

_known: dict[Path, tuple[Stamp, GGUFModel | str]] = {}  # what was read, while it is unchanged


@dataclass(frozen=True, slots=True)
class Found:
    """A model that can be offered: where it lives, and what is known of it. `problem` says why it
    cannot be loaded, `note` what is worth knowing all the same, `sampling` how its makers draw its
    answers; `for_mlx`: MLX reads the GGUF file; `is_here`: it needs no download."""

    name: str
    source: str
    path: str = ""
    format: str = ""
    for_mlx: bool = False
    size_bytes: int = 0
    quantization: str = ""
    context_length: int = 0
    parameters: int = 0
    problem: str = ""
    note: str = ""
    sampling: dict[str, float] = field(default_factory=dict)
    is_here: bool = True

    @property
    def rank(self) -> int:
        """Order what has the same id: sound ones first, then those to be had, then broken ones."""
        return 2 if self.problem else 0 if self.is_here else 1


def folder_found(folder: Path, name: str, source: str) -> Iterator[Found]:
    """Find the models of one folder: an MLX model, or GGUF files. A folder of something else with
    weights in it is told as such; one without is passed over."""
    files = names_in(folder)
    ggufs = files_by_tag(files)
    weights = [file for file in files if file.endswith(WEIGHTS) and not is_beside(file)]
    is_mlx = "config.json" in files and any(file.endswith(".safetensors") for file in weights)
    if is_mlx or (not ggufs and (weights or "config.json" in files)):
        yield mlx_found(folder, name, source)  # or it says what is missing
    for tag, parts in ggufs.items():
        yield gguf_found(folder / parts[0], f"{name}:{tag}", source)
    for file in filter(is_half, files):
        yield half_found(folder / file, f"{name}:{id_part(_whole_name(file))}", source)


def mlx_found(folder: Path, name: str, source: str) -> Found:
    """Look at a folder for MLX."""
    size, quantization, problem = 0, "", ""
    try:
        size = weight_bytes(folder)
        quantization = quantization_of(folder_check(folder))
    except ModelLoadFailed as error:
        problem = str(error)
    except OSError as error:
        problem = f"{folder.name} cannot be read: {error.strerror}."
    return Found(
        name,
        source,
        str(folder),
        Format.MLX,
        size_bytes=size,
        quantization=quantization,
        problem=problem,
        sampling=sampling_of_folder(folder),
    )


def gguf_found(file: Path, name: str, source: str) -> Found:
    """Look at a GGUF file, or the first part of one."""
    try:
        model = gguf_known(file)
    except ModelLoadFailed as error:
        return Found(name, source, str(file), Format.GGUF, problem=str(error))
    return Found(
        name,
        source,
        str(file),
        Format.GGUF,
        not model.mlx_refusal,
        size_bytes=model.size_bytes,
        quantization=model.quantization,
        context_length=model.context_length,
        parameters=model.parameters,
        note="" if model.has_chat_template else BASE,
        sampling=model.sampling,
    )


def is_half(name: str) -> bool:
    """Say whether a download of a GGUF file seems to be under way."""
    return name.lower().endswith(HALF) and is_model_file(_whole_name(name))


def half_found(file: Path, name: str, source: str) -> Found:
    """Tell of a file that another program has not finished."""
    problem = f"{file.name} is half a download: whoever fetches it has not finished."
    return Found(name, source, str(file), Format.GGUF, problem=problem)


def _whole_name(name: str) -> str:
    for ending in HALF:
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name if name.lower().endswith(".gguf") else f"{name}.none"


def gguf_known(file: Path) -> GGUFModel:
    """Read a GGUF model's headers, once for as long as its files stay what they are."""
    stamp = _stamp(file)
    known = _known.get(file)
    if known is None or known[0] != stamp:
        known = _known[file] = (stamp, _read(file))
    if isinstance(known[1], str):
        raise ModelLoadFailed(known[1])
    return known[1]


def _read(file: Path) -> GGUFModel | str:
    try:
        return gguf.model_read(file)
    except ModelLoadFailed as error:
        return str(error)


def _stamp(file: Path) -> Stamp:
    """A value that changes with any part of the model."""
    start = stem_of(file.name)
    parts = [name for name in names_in(file.parent) if name.startswith(start)]
    return file_stamp(file.with_name(name) for name in parts)


def file_stamp(files: Iterable[Path]) -> Stamp:
    """Say how long each file is and when it was changed; what is not there is left out."""
    stamp: list[tuple[str, int]] = []
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        stamp += [(str(file), status.st_mtime_ns), (str(file), status.st_size)]
    return tuple(stamp)


def names_in(folder: Path) -> list[str]:
    """List what lies in a folder, hidden things left out; nothing if it cannot be read."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith(".") and _is_text(name))


def _is_text(name: str) -> bool:
    """Say whether the name is text at all: a file's may be any bytes, which no database takes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def folders_in(folder: Path) -> list[Path]:
    """List the folders in a folder; a link to one counts."""
    return [folder / name for name in names_in(folder) if os.path.isdir(folder / name)]


def folders_stamp(folders: Iterable[Path]) -> Stamp:
    """A value that changes when something in these folders comes, grows or goes."""
    places = list(folders)
    files = [
        place / name
        for place in places
        for name in names_in(place)
        if name.endswith(WEIGHTS) or is_half(name)
    ]
    return file_stamp([*places, *files])
