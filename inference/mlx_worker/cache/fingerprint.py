"""What identifies a loaded model: whose keys and values may be taken for whose."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten

from inference.mlx_worker.model import LoadedModel

SMALL = 32 << 20  # bytes; files up to this size are hashed, larger ones identified from outside


def fingerprint(loaded: LoadedModel) -> str:
    """A hash of the folder's files, the number formats in memory, the device and the versions.

    Weights are identified by name, size and time of change: reading them would take as long as
    loading them.
    """
    formats = sorted({str(value.dtype) for _, value in tree_flatten(loaded.model.parameters())})
    parts = [
        [version("mlx"), version("mlx-lm"), str(mx.default_device()), *formats],
        *(_file(path) for path in sorted(loaded.folder.iterdir()) if path.is_file()),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _file(path: Path) -> list[str | int]:
    status = path.stat()
    if status.st_size > SMALL or path.suffix == ".safetensors":
        return [path.name, status.st_size, status.st_mtime_ns]
    return [path.name, hashlib.sha256(path.read_bytes()).hexdigest()]
