"""GGUF files for tests that need their form, and no model in them; and places that hold them."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

ALIGNMENT = 32
MODEL = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.file_type": 15,
    "llama.context_length": 4096,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.tokens": ["a", "b", "c"],
    "tokenizer.ggml.scores": [0.5, 1.5],
    "tokenizer.chat_template": "{{ messages }}",
}
TENSORS = {"token_embd.weight": ([64, 4], 8), "output_norm.weight": ([64], 0)}  # Q8_0 and F32
BYTES = {0: (1, 4), 2: (32, 18), 8: (32, 34), 12: (256, 144)}


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value_bytes(value: Any) -> bytes:
    """A value with its type before it."""
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + text(value)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
        case _:
            return struct.pack(f"<IIQ{len(value)}f", 9, 6, len(value), *value)


def gguf(
    metadata: dict[str, Any] | None = None,
    tensors: dict[str, tuple[list[int], int]] | None = None,
    version: int = 3,
    fill: int = 0,
) -> bytes:
    """A whole file; `fill` makes the data of two files differ."""
    metadata = MODEL if metadata is None else metadata
    tensors = TENSORS if tensors is None else tensors
    header = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, value in metadata.items():
        header += text(key) + value_bytes(value)
    offset = 0
    for name, (shape, kind) in tensors.items():
        header += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        header += struct.pack("<IQ", kind, offset)
        elements = 1
        for length in shape:
            elements *= length
        block, size = BYTES[kind]
        offset += -(-elements // block * size // ALIGNMENT) * ALIGNMENT
    return header + bytes(-len(header) % ALIGNMENT) + bytes([fill]) * offset


def split_write(folder: Path, stem: str, count: int) -> Path:
    """A model in parts; the first is returned."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        own = {"split.no": number, "split.count": count}
        metadata = {**MODEL, **own} if number == 0 else own
        path = folder / f"{stem}-{number + 1:05}-of-{count:05}.gguf"
        path.write_bytes(gguf(metadata, {f"blk.{number}.weight": ([64, 4], 8)}, fill=number))
    return folder / f"{stem}-00001-of-{count:05}.gguf"


def blob_write(store: Path, content: bytes | Path) -> dict[str, Any]:
    """A blob of an Ollama store, a link where it is a file already; gives its digest and size."""
    data = content.read_bytes() if isinstance(content, Path) else content
    digest = hashlib.sha256(data).hexdigest()
    blob = store / "blobs" / f"sha256-{digest}"
    blob.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        blob.symlink_to(content)
    else:
        blob.write_bytes(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def ollama_write(
    store: Path,
    name: str,
    model: bytes | Path,
    registry: str = "registry.ollama.ai",
    **layers: bytes,
) -> Path:
    """A model of an Ollama store, such as `library/llama3.2:3b`; gives its manifest."""
    kinds = {"model": model, **layers}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": blob_write(store, b"{}"),
        "layers": [
            {"mediaType": f"application/vnd.ollama.image.{kind}", **blob_write(store, content)}
            for kind, content in kinds.items()
        ],
    }
    path = store / "manifests" / registry / name.replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(manifest))
    return path
