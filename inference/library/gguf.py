"""Reads what GGUF files say of themselves, for the web process: plain struct, no array library.

The files may be cut short, damaged or made up. No number in a file decides how much is allocated:
counts and lengths are compared with what is left of the file before they are used. Whatever is
wrong becomes a ModelLoadFailed that names the file. Whether an architecture can be run is the
engine's to say.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from inference.errors import ModelLoadFailed
from inference.library.convertible import refusal, unpacked
from inference.library.files import open_regular
from inference.library.quantizations import SPLIT
from inference.library.sampling import GGUF, sampling_read

MAGIC = b"GGUF"
VERSIONS = (2, 3)
HEADER_LIMIT = 128 * 2**20  # bytes; the longest vocabularies take a tenth of it
CHUNK = 2**20
KEY_LIMIT, NAME_LIMIT, TEXT_LIMIT = 2**16, 1024, 4096
MOST_KEYS, MOST_TENSORS, MOST_DIMENSIONS = 2**16, 2**17, 4
LARGEST = 2**63  # no tensor has more elements or bytes
DEFAULT_ALIGNMENT, LARGEST_ALIGNMENT = 32, 2**20
GUESSED = 1024  # a flag in general.file_type

BLOCK = "blk."  # begins the names of the tensors that each layer has
STRING, ARRAY = 8, 9
SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
U32, U64 = SCALARS[4], SCALARS[10]
TENSOR_LEAST, KEY_LEAST = 24, 13  # bytes that the shortest entry takes

# Tensor types: name, elements in a block, bytes of a block.
TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
    42: ("Q2_0", 64, 18),
}

FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4_MOE",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}


@dataclass(frozen=True, slots=True)
class GGUFModel:
    """What the files of one model say. `data_bytes` is what their tensors take, `size_bytes` what
    the files do; `cache_bytes` is what a token of context takes in 16 bits, as far as the usual
    entries tell. A context length or cache size of 0 is not told. `mlx_refusal` says why MLX does
    not read it; it is empty where MLX does."""

    architecture: str
    name: str
    parameters: int
    quantization: str
    context_length: int
    has_chat_template: bool
    sampling: dict[str, float]
    cache_bytes: int
    data_bytes: int
    size_bytes: int
    parts: tuple[Path, ...]
    mlx_refusal: str


@dataclass(slots=True)
class _File:
    """One file's header."""

    metadata: dict[str, Any]
    elements: Counter[int]  # tensor type -> elements
    tensors: set[str]  # those outside of the blocks
    data_bytes: int
    size: int


def model_read(path: Path) -> GGUFModel:
    """Read the model whose file, or whose first part, this is; all its parts are looked at."""
    parts = parts_of(path)
    files = [_file_read(part) for part in parts]
    first = files[0].metadata
    count = first.get("split.count", 0)
    if isinstance(count, int) and count > 1 and len(parts) != count:
        raise ModelLoadFailed(
            f"{path.name} is one of {count} parts, but its name does not say which "
            f"(expected name-00001-of-{count:05}.gguf)."
        )
    architecture = first.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise ModelLoadFailed(f"{path.name} names no architecture: not a language model.")
    context = first.get(f"{architecture}.context_length", 0)
    elements = sum((file.elements for file in files), Counter[int]())
    if elements.total() >= LARGEST:
        raise ModelLoadFailed(f"{path.name} claims {elements.total()} parameters: broken.")
    return GGUFModel(
        architecture=architecture,
        name=_text(first.get("general.name")),
        parameters=elements.total(),
        quantization=_quantization(first.get("general.file_type"), elements),
        context_length=context if isinstance(context, int) and 0 < context < 2**31 else 0,
        has_chat_template=bool(first.get("tokenizer.chat_template")),
        sampling=sampling_read(first, GGUF),
        cache_bytes=_cache_bytes(first, architecture),
        data_bytes=sum(file.data_bytes for file in files),
        size_bytes=sum(file.size for file in files),
        parts=tuple(parts),
        mlx_refusal=_mlx_refusal(files, elements),
    )


def _mlx_refusal(files: list[_File], elements: Counter[int]) -> str:
    if len(files) > 1:
        return "it is in parts"
    if why := refusal(files[0].metadata, files[0].tensors):
        return why
    kinds = unpacked([TYPES[kind][0] if kind in TYPES else str(kind) for kind in elements])
    return f"{kinds} would be unpacked to 16 bits" if kinds else ""


def _cache_bytes(metadata: dict[str, Any], architecture: str) -> int:
    """Reckon the keys and values of one token over all layers, 2 bytes each."""

    def number(key: str, otherwise: int = 0) -> int:
        value = metadata.get(f"{architecture}.{key}", otherwise)
        return value if type(value) is int and 0 < value < 2**20 else otherwise

    heads = number("attention.head_count", 1)
    width = number("embedding_length") // heads
    length = number("attention.key_length", width) + number("attention.value_length", width)
    return 2 * number("block_count") * number("attention.head_count_kv", heads) * length


def parts_of(path: Path) -> list[Path]:
    """List the files of the model whose first part this is. ModelLoadFailed if some are missing,
    or if it is another part."""
    split = SPLIT.fullmatch(path.name)
    if not split:
        return [path]
    number, count = int(split["number"]), int(split["count"])
    names = [f"{split['stem']}-{part:05}-of-{split['count']}.gguf" for part in range(1, count + 1)]
    if number != 1:
        raise ModelLoadFailed(f"{path.name} is part {number} of {count}: the first is wanted.")
    try:
        present = set(os.listdir(path.parent))
    except OSError as error:
        raise ModelLoadFailed(f"{path.name} cannot be read: {error.strerror}.") from error
    missing = [name for name in names[1:] if name not in present]
    if missing:
        raise ModelLoadFailed(
            f"{path.name} lacks {len(missing)} of its {count} parts: {', '.join(missing[:3])}."
        )
    return [path.with_name(name) for name in [path.name, *names[1:]]]


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def _quantization(file_type: Any, elements: Counter[int]) -> str:
    """Name what the file says it is, or the type that most elements have."""
    if isinstance(file_type, int) and (known := FILE_TYPES.get(file_type & ~GUESSED)):
        return known
    if not elements:
        return ""
    kind = elements.most_common(1)[0][0]
    return TYPES[kind][0] if kind in TYPES else ""


def _file_read(path: Path) -> _File:
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            return _parse(_Reader(stream, size, path.name))
    except OSError as error:
        raise ModelLoadFailed(f"{path.name} cannot be read: {error.strerror}.") from error


class _Reader:
    """The beginning of a file, read as far as it is asked for."""

    def __init__(self, stream: BinaryIO, size: int, name: str) -> None:
        self.size, self.name = size, name
        self.at = 0
        self._stream, self._data = stream, bytearray()

    def broken(self, why: str) -> ModelLoadFailed:
        """Make the error that says so."""
        return ModelLoadFailed(f"{self.name} is a broken GGUF file: {why}.")

    def check(self, count: int, least: int, most: int, what: str) -> None:
        """Refuse a number of entries that the file cannot hold, or that nobody writes."""
        if count > most or count * least > self.size - self.at:
            raise self.broken(f"it claims {count} {what}")

    def _reach(self, end: int) -> None:
        if end > self.size:
            raise ModelLoadFailed(f"{self.name} is cut short: its header goes on.")
        if end > HEADER_LIMIT:
            raise self.broken(f"its header is longer than {HEADER_LIMIT} bytes")
        while len(self._data) < end:
            piece = self._stream.read(CHUNK)
            if not piece:
                raise ModelLoadFailed(f"{self.name} became shorter while it was read.")
            self._data += piece

    def number(self, form: struct.Struct) -> Any:
        """Take one number."""
        end = self.at + form.size
        self._reach(end)
        (value,) = form.unpack_from(self._data, self.at)
        self.at = end
        return value

    def take(self, count: int) -> bytes:
        """Take so many bytes."""
        end = self.at + count
        self._reach(end)
        taken = bytes(self._data[self.at : end])
        self.at = end
        return taken

    def skip(self, count: int) -> None:
        """Pass over so many bytes."""
        self._reach(self.at + count)
        self.at += count

    def text(self, limit: int, what: str) -> str:
        """Take a text that is at most so long."""
        length = self.number(U64)
        if length > limit:
            raise self.broken(f"{what} of {length} bytes")
        return self.take(length).decode("utf-8", errors="replace")

    def skip_texts(self, count: int) -> None:
        """Pass over texts. A vocabulary has some hundred thousand, so this is kept tight."""
        at, unpack, data = self.at, U64.unpack_from, self._data
        for _ in range(count):
            end = at + 8
            if end > len(data):
                self._reach(end)
            at = end + unpack(data, at)[0]
            if at > self.size:
                self._reach(at)
        self.at = at
        self._reach(at)


def _parse(reader: _Reader) -> _File:
    if reader.size == 0:
        raise ModelLoadFailed(f"{reader.name} is empty.")
    if reader.size < len(MAGIC) or reader.take(len(MAGIC)) != MAGIC:
        raise ModelLoadFailed(f"{reader.name} is not a GGUF file.")
    version = reader.number(U32)
    if version not in VERSIONS:
        raise ModelLoadFailed(f"{reader.name} is {_version(version)}; versions 2 and 3 are read.")
    tensors, keys = reader.number(U64), reader.number(U64)
    reader.check(keys, KEY_LEAST, MOST_KEYS, "entries of metadata")
    reader.check(tensors, TENSOR_LEAST, MOST_TENSORS, "tensors")
    metadata: dict[str, Any] = {}
    for _ in range(keys):
        key = reader.text(KEY_LIMIT, "a key")
        value = _value(reader, key)
        if value is not None:
            metadata[key] = value
    return _tensors(reader, tensors, metadata)


def _version(version: int) -> str:
    if version & 0xFFFF == 0:
        return "a big-endian GGUF file"
    return f"a GGUF file of version {version}"


def _value(reader: _Reader, key: str) -> Any:
    """Take one value; texts that are long, and arrays, are passed over and give True."""
    kind = reader.number(U32)
    if kind in SCALARS:
        return reader.number(SCALARS[kind])
    if kind == STRING:
        length = reader.number(U64)
        if length > TEXT_LIMIT or key == "tokenizer.chat_template":
            reader.skip(length)
            return length > 0
        return reader.take(length).decode("utf-8", errors="replace")
    if kind == ARRAY:
        _skip_array(reader, key)
        return None
    raise reader.broken(f"{key[:100]!r} has a value of unknown type {kind}")


def _skip_array(reader: _Reader, key: str) -> None:
    kind, count = reader.number(U32), reader.number(U64)
    if kind in SCALARS:
        reader.skip(count * SCALARS[kind].size)
    elif kind == STRING:
        reader.check(count, U64.size, HEADER_LIMIT, "texts")
        reader.skip_texts(count)
    else:
        raise reader.broken(f"{key[:100]!r} is an array of unknown type {kind}")


def _tensors(reader: _Reader, count: int, metadata: dict[str, Any]) -> _File:
    """Read where the tensors lie, and see whether the file holds them all."""
    elements: Counter[int] = Counter()
    names: set[str] = set()
    extent = 0
    for _ in range(count):
        name, kind, size, end = _tensor(reader)
        if not name.startswith(BLOCK):
            names.add(name)
        elements[kind] += size
        extent = max(extent, end)
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if not _is_alignment(alignment):
        raise reader.broken(f"an alignment of {str(alignment)[:40]!r}")
    start = -(-reader.at // alignment) * alignment
    if start + extent > reader.size and extent:
        raise ModelLoadFailed(
            f"{reader.name} is cut short: {reader.size} of {start + extent} bytes.",
            file=reader.name,
        )
    return _File(metadata, elements, names, extent, reader.size)


def _is_alignment(value: Any) -> bool:
    """Say whether it is a power of two, and not absurd."""
    return type(value) is int and 0 < value <= LARGEST_ALIGNMENT and value & (value - 1) == 0


def _tensor(reader: _Reader) -> tuple[str, int, int, int]:
    """Take one tensor's entry: its name, type, elements, and where it ends in the data. Of a type
    that is not known only the beginning can be told."""
    name = reader.text(NAME_LIMIT, "a tensor's name")
    dimensions = reader.number(U32)
    if dimensions > MOST_DIMENSIONS:
        raise reader.broken(f"tensor {name[:100]!r} has {dimensions} dimensions")
    size = 1
    for _ in range(dimensions):
        size *= reader.number(U64)
    kind, offset = reader.number(U32), reader.number(U64)
    if size >= LARGEST or offset >= LARGEST:
        raise reader.broken(f"tensor {name[:100]!r} is of an absurd size")
    _, block, block_bytes = TYPES.get(kind, ("", 1, 0))
    if size % block:
        raise reader.broken(f"tensor {name[:100]!r} does not fill its blocks")
    return name, kind, size, offset + size // block * block_bytes
