"""Ollama's store: manifests name blobs.

manifests/<registry>/<namespace>/<model>/<tag>    JSON: the layers of the model
blobs/sha256-<digest>                             a layer: weights, template, parameters ...
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.jsons import json_read
from common.types import JSON
from inference.errors import ModelLoadFailed
from inference.library.files import json_object, read_bounded
from inference.library.folders import Stamp
from inference.library.ids import is_id
from inference.library.places.found import (
    Found,
    file_stamp,
    folders_in,
    gguf_found,
    names_in,
)
from inference.library.sampling import sampling_of_file
from inference.models import LanguageModel

SOURCE, GGUF = LanguageModel.Source.OLLAMA, LanguageModel.Format.GGUF
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LAYER = "application/vnd.ollama.image."
OWN_NAMESPACE = "library"
LIMIT = 2**20  # bytes of a manifest and of the small layers
OWN_TEMPLATE = (
    "Its chat template is written for Ollama, and not read here; the file has none of its own. "
    "The plainest form is used: answers may be worse than Ollama's."
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest names: the weights' file, and how Ollama asks the model."""

    blob: Path
    options: JSON = field(default_factory=dict)
    has_template: bool = False


def find() -> Iterator[Found]:
    """Find the models of Ollama's store."""
    for file in _manifests():
        if name := _name_of(file):
            yield _found(file, name)


def stamp() -> Stamp:
    """A value that changes when a model comes, is renewed or goes."""
    manifests = _manifests()
    folders = {folder for file in manifests for folder in list(file.parents)[:4]}
    places = [store / name for store in _stores() for name in ("manifests", "blobs")]
    return file_stamp([*places, *sorted(folders), *manifests])


def _found(file: Path, name: str) -> Found:
    try:
        manifest = manifest_read(file)
        found = gguf_found(manifest.blob, name, SOURCE)
    except ModelLoadFailed as error:
        return Found(name, SOURCE, str(file), GGUF, problem=str(error))
    note = OWN_TEMPLATE if found.note and manifest.has_template else found.note
    sampling = sampling_of_file(found.sampling, manifest.options)
    return replace(found, path=str(file), note=note, sampling=sampling)


def manifest_read(file: Path) -> Manifest:
    """Read a manifest and the small layers that it names. ModelLoadFailed says what is missing."""
    layers = json_object(file, LIMIT, f"Ollama's manifest {file.name}").get("layers")
    kinds: dict[str, list[JSON]] = {}
    for layer in layers if isinstance(layers, list) else []:
        if isinstance(layer, dict) and isinstance(layer.get("mediaType"), str):
            kinds.setdefault(layer["mediaType"].removeprefix(LAYER), []).append(layer)
    weights = kinds.get("model", [])
    if len(weights) != 1:
        raise ModelLoadFailed(
            "Ollama's manifest names no GGUF file: it is another kind of model, or a remote one."
            if not weights
            else f"Ollama's manifest names {len(weights)} files of weights; one is read."
        )
    if "adapter" in kinds:
        raise ModelLoadFailed("Ollama's manifest adds an adapter, which is not read here.")
    blobs = file.parents[4] / "blobs"
    options = _options(_text(blobs, kinds.get("system")), _text(blobs, kinds.get("params")))
    return Manifest(_blob(blobs, weights[0]), options, "template" in kinds)


def _options(system: str, written: str) -> JSON:
    """Tell the engine what Ollama would: the system prompt, stop strings and parameters."""
    options: JSON = {"system": system} if system else {}
    try:
        parameters = json_read(written or "{}")
    except ValueError as error:
        raise ModelLoadFailed(f"Ollama's parameters of it cannot be read: {error}") from error
    if isinstance(parameters, dict) and parameters:
        stop = parameters.pop("stop", None)
        options["parameters"] = parameters
        if stop:
            stops = stop if isinstance(stop, list) else [stop]
            options["stop"] = [str(text) for text in stops]
    return options


def _blob(blobs: Path, layer: JSON) -> Path:
    """Find the file of a layer, and see whether it is whole. The digest must be one: it becomes
    part of a path."""
    digest, size = layer.get("digest"), layer.get("size")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise ModelLoadFailed(f"Ollama's manifest names a layer by {str(digest)[:100]!r}.")
    for name in (digest.replace(":", "-"), digest):  # the second is of old versions
        blob = blobs / name
        if os.path.isfile(blob):
            if isinstance(size, int) and blob.stat().st_size != size:
                raise ModelLoadFailed(
                    f"{name} of Ollama's store has {blob.stat().st_size} of {size} bytes."
                )
            return blob
    name = digest.replace(":", "-")
    if any(other.startswith(f"{name}-partial") for other in names_in(blobs)):
        raise ModelLoadFailed(f"Ollama has not finished pulling it: {name} is not whole.")
    raise ModelLoadFailed(f"{name} is missing in Ollama's store.")


def _text(blobs: Path, layers: list[JSON] | None) -> str:
    return "".join(
        read_bounded(_blob(blobs, layer), LIMIT).decode("utf-8", errors="replace")
        for layer in layers or []
    )


def _name_of(file: Path) -> str:
    """Write the id as Ollama does: `model:tag`, or `namespace/model:tag`; "" if it is none."""
    namespace, model, tag = file.parts[-3:]
    name = f"{model}:{tag}" if namespace == OWN_NAMESPACE else f"{namespace}/{model}:{tag}"
    return name if is_id(name) else ""


def _manifests() -> list[Path]:
    """List all manifests: four levels down."""
    return [
        model / tag
        for store in _stores()
        for registry in folders_in(store / "manifests")
        for namespace in folders_in(registry)
        for model in folders_in(namespace)
        for tag in names_in(model)
    ]


def _stores() -> list[Path]:
    """List the stores: the one that OLLAMA_MODELS names, or a person's own and the service's."""
    if told := os.environ.get("OLLAMA_MODELS"):
        stores = [Path(told).expanduser()]
    else:
        stores = [Path.home() / ".ollama" / "models"]
        if sys.platform == "linux":
            stores.append(Path("/usr/share/ollama/.ollama/models"))
    return [store for store in stores if os.access(store, os.R_OK | os.X_OK)]
