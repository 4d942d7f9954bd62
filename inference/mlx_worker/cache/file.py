"""A computed prefix as a file: a safetensors file whose name is the SHA-256 of its content.

The name vouches for all of it, tokens and keys and values alike. Caches that are a plain list of
positions (mlx-lm's KVCache in each layer) are stored in slices: a file holds the positions from
`start` on and names its parent, the file that holds what comes before. So a conversation costs
what it grew by, not what it is. Other caches (rotating windows, recurrent states) are stored whole.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models import cache as mlx_caches
from mlx_lm.models.cache import KVCache, can_trim_prompt_cache

from common.types import JSON
from inference.worker.tokens import Tokens

Layers = list[Any]  # one cache object of mlx-lm for each layer
Array = np.ndarray[Any, Any]

FILE = re.compile(r"[0-9a-f]{64}\.safetensors")
TEMPORARY = re.compile(r"\.(?P<pid>\d+)-\d+\.tmp")
HEADER_LIMIT = 64 << 20  # bytes
SLICES, TRIMMABLE, WHOLE = "slices", "trimmable", "whole"

# The names that safetensors has for them. NumPy knows no bfloat16: its bits travel as uint16.
_TYPES = {
    mx.float32: ("F32", np.float32),
    mx.float16: ("F16", np.float16),
    mx.bfloat16: ("BF16", np.uint16),
    mx.int64: ("I64", np.int64),
    mx.int32: ("I32", np.int32),
    mx.int16: ("I16", np.int16),
    mx.int8: ("I8", np.int8),
    mx.uint64: ("U64", np.uint64),
    mx.uint32: ("U32", np.uint32),
    mx.uint16: ("U16", np.uint16),
    mx.uint8: ("U8", np.uint8),
    mx.bool_: ("BOOL", np.bool_),
}
_CODES = {kind: code for kind, (code, _) in _TYPES.items()}
_NUMPY = dict(_TYPES.values())

_temporary_numbers = itertools.count()


class DamagedFile(Exception):
    """The file is not what its name says, or not one of ours; the text says how."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself. `tokens` are those from position `start` on.

    `kind`: "slices" (a part, `parent` holds what is before), "trimmable" (whole, a beginning of it
    is of use too) or "whole" (of use as a whole only). `layers` are names of mlx-lm's classes,
    `state` their states with places of arrays in them.
    """

    fingerprint: str
    kind: str
    tokens: list[int]
    layers: list[str]
    start: int = 0
    parent: str = ""
    owner: str = ""
    state: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A prompt cache as evaluated arrays, which any thread may read."""

    tokens: Tokens
    owner: str
    kind: str
    layers: list[str]
    state: Any
    arrays: list[tuple[str, mx.array]]  # (safetensors' name of the type, values)

    @property
    def nbytes(self) -> int:
        return sum(values.nbytes for _, values in self.arrays)


def storable(layers: Layers) -> bool:
    """Whether these are mlx-lm's own caches, which can be made again from their names."""
    return all(_cache_class(type(layer).__name__) is type(layer) for layer in layers)


def snapshot_take(tokens: Tokens, layers: Layers, owner: str) -> Snapshot:
    """Hand over what is computed for `tokens`. Copies nothing.

    Raises ValueError for a state that cannot be stored. The layers are `storable`.
    """
    arrays: list[mx.array] = []
    names = [type(layer).__name__ for layer in layers]
    if all(type(layer) is KVCache for layer in layers):
        if any(layer.offset != len(tokens) for layer in layers):
            raise ValueError(f"a cache of {layers[0].offset} positions for {len(tokens)} tokens")
        kind, state = SLICES, None
        arrays = [array for layer in layers for array in (layer.keys, layer.values)]
    else:
        kind = TRIMMABLE if can_trim_prompt_cache(layers) else WHOLE
        state = [_pack(layer.state, arrays) for layer in layers]
    coded = [_readable(array) for array in arrays]
    mx.eval([values for _, values in coded])
    return Snapshot(tokens, owner, kind, names, state, coded)


def layers_make(header: Header, arrays: Sequence[tuple[str, mx.array]], length: int) -> Layers:
    """The caches again, for the calling thread; `length` positions of those stored in slices."""
    values = [array.view(mx.bfloat16) if code == "BF16" else array for code, array in arrays]
    if header.kind == SLICES:
        pairs = zip(values[::2], values[1::2], strict=True)
        return [KVCache.from_state((keys, entries, length)) for keys, entries in pairs]
    classes = [_cache_class(name) for name in header.layers]
    states = [_unpack(state, values) for state in header.state]
    return [kind.from_state(state) for kind, state in zip(classes, states, strict=True)]


def _cache_class(name: str) -> Any:
    kind = getattr(mlx_caches, name, None)
    base = mlx_caches._BaseCache
    return kind if isinstance(kind, type) and issubclass(kind, base) else None


def _readable(array: mx.array) -> tuple[str, mx.array]:
    return _CODES[array.dtype], array.view(mx.uint16) if array.dtype == mx.bfloat16 else array


def _pack(value: Any, arrays: list[mx.array]) -> Any:
    """A cache's state as JSON, its arrays taken out into `arrays`."""
    if isinstance(value, mx.array):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, list | tuple):
        return [_pack(part, arrays) for part in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"a cache's state holds a {type(value).__name__}")


def _unpack(value: Any, arrays: list[mx.array]) -> Any:
    if isinstance(value, dict):
        return arrays[value["array"]]
    return [_unpack(part, arrays) for part in value] if isinstance(value, list) else value


# --- The file ------------------------------------------------------------------------------------


def file_write(
    folder: Path,
    header: Header,
    arrays: Sequence[tuple[str, Array]],
    pace: Callable[[int], None],
) -> Path:
    """Write beside, then move into place: there is never half a file under a final name.

    `pace` is called with the bytes of each array written. Raises OSError.
    """
    opening = _opening(header, arrays)
    temporary = folder / f".{os.getpid()}-{next(_temporary_numbers)}.tmp"
    digest = hashlib.sha256(opening)
    try:
        with temporary.open("wb") as file:
            file.write(opening)
            for _, array in arrays:
                data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
                file.write(data)
                digest.update(data)
                pace(data.nbytes)
        return temporary.replace(folder / f"{digest.hexdigest()}.safetensors")
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _opening(header: Header, arrays: Sequence[tuple[str, Array]]) -> bytes:
    table: JSON = {"__metadata__": {"cortex": json.dumps(asdict(header), separators=(",", ":"))}}
    end = 0
    for index, (code, array) in enumerate(arrays):
        start, end = end, end + array.nbytes
        table[str(index)] = {"dtype": code, "shape": array.shape, "data_offsets": [start, end]}
    text = json.dumps(table, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text


def header_read(path: Path) -> Header:
    """The header alone; the name is not put to the test. Raises DamagedFile or OSError."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > HEADER_LIMIT:
            raise DamagedFile("it is no safetensors file")
        header, table = _parse(file.read(length))
        end = max((entry["data_offsets"][1] for entry in table), default=0)
        if os.fstat(file.fileno()).st_size != 8 + length + end:
            raise DamagedFile("it is cut off")
    return header


def file_read(path: Path) -> tuple[Header, list[tuple[str, Array]]]:
    """All of a file that is what its name says. Raises DamagedFile or OSError."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != path.stem:
        raise DamagedFile("its checksum is wrong")
    length = 8 + int.from_bytes(data[:8], "little")
    header, table = _parse(data[8:length])
    return header, [(entry["dtype"], _array(data, length, entry)) for entry in table]


def _array(data: bytes, offset: int, entry: JSON) -> Array:
    start, end = entry["data_offsets"]
    kind = np.dtype(_NUMPY[entry["dtype"]])
    count = (end - start) // kind.itemsize
    return np.frombuffer(data, kind, count, offset + start).reshape(entry["shape"])


def _parse(text: bytes) -> tuple[Header, list[JSON]]:
    try:
        table = json.loads(text)
        header = Header(**json.loads(table.pop("__metadata__")["cortex"]))
        entries = [table[str(index)] for index in range(len(table))]
        ends = [entry["data_offsets"][1] for entry in entries]
        integers = [header.start, *header.tokens, *ends]
        words = [header.fingerprint, header.kind, header.parent, header.owner]
        if not (
            header.tokens
            and all(type(number) is int and 0 <= number < 1 << 48 for number in integers)
            and all(type(word) is str for word in words)
            and max(header.tokens) < 1 << 31
        ):
            raise ValueError
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFile("its header cannot be read") from error
    return header, entries
