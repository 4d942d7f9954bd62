"""Text that databases, UTF-8 and every client can carry."""

from __future__ import annotations

import math
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def is_unicode(text: str) -> bool:
    """Tell whether the text holds no half of a surrogate pair."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def clean(text: str) -> str:
    """Replace NULs, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot hold."""
    return text.replace("\0", REPLACEMENT).encode("utf-8", "replace").decode()


def storable(value: Any) -> Any:
    """Clean every text in a JSON value; NaN and infinities, which JSON lacks, become text."""
    match value:
        case str():
            return clean(value)
        case float() if not math.isfinite(value):
            return str(value)
        case dict():
            return {storable(str(key)): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
    return value
