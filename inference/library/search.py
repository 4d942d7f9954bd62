"""Searches the hub by words, for models that this machine can run."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from huggingface_hub import constants
from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

from common.types import JSON
from inference.errors import HubUnreachable
from inference.library.engines import is_apple_silicon
from inference.models import LanguageModel

logger = logging.getLogger(__name__)

MLX, GGUF = LanguageModel.Format.MLX, LanguageModel.Format.GGUF
TIMEOUT = 10.0  # seconds
MOST = 20  # results of one format
FIELDS = ("downloads", "tags", "gguf", "safetensors", "gated")
BYTES_OF = {"F64": 8, "F32": 4, "U32": 4, "I32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1, "I8": 1}
Q4_BYTES = 5 / 8  # what the usual quantization takes for each parameter
LICENSE = "license:"


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model as the hub lists it. The size is what is to be expected, of a GGUF repository that of
    its usual file; 0 and "" are not known. `gated`: its licence must be accepted on the hub."""

    id: str
    format: str
    size_bytes: int
    license: str
    downloads: int
    gated: bool


def search(words: str) -> list[HubModel]:
    """Find models by words, the most downloaded first: GGUF repositories, and on Apple Silicon
    those for MLX before them. Raises HubUnreachable."""
    formats = (MLX, GGUF) if is_apple_silicon() else (GGUF,)
    found = {model.id: model for kind in formats for model in _ask(words, kind)}
    return list(found.values())


def _ask(words: str, kind: str) -> list[HubModel]:
    parameters: JSON = {
        "search": words,
        "filter": kind,
        "sort": "downloads",
        "direction": -1,
        "limit": MOST,
        "expand[]": FIELDS,
    }
    try:
        answer = get_session().get(
            f"{constants.ENDPOINT}/api/models",
            params=parameters,
            headers=build_hf_headers(),
            timeout=TIMEOUT,
        )
        answer.raise_for_status()
        listed = answer.json()
    except Exception as error:
        logger.info("Searching the hub failed: %s", error)
        raise HubUnreachable("The hub cannot be searched: it does not answer.") from error
    entries = listed if isinstance(listed, list) else []
    return [_model(entry, kind) for entry in entries if isinstance(entry, dict) and entry.get("id")]


def _model(entry: JSON, kind: str) -> HubModel:
    tags = [tag for tag in _list(entry.get("tags")) if isinstance(tag, str)]
    licenses = [tag.removeprefix(LICENSE) for tag in tags if tag.startswith(LICENSE)]
    return HubModel(
        id=str(entry["id"]),
        format=kind,
        size_bytes=_size(entry, kind),
        license=licenses[0] if licenses else "",
        downloads=_whole(entry.get("downloads")),
        gated=bool(entry.get("gated")),
    )


def _size(entry: JSON, kind: str) -> int:
    if kind == GGUF:
        return int(_whole(_dict(entry.get("gguf")).get("total")) * Q4_BYTES)
    counts = _dict(_dict(entry.get("safetensors")).get("parameters"))
    return sum(BYTES_OF.get(str(name), 2) * _whole(count) for name, count in counts.items())


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _dict(value: Any) -> JSON:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
