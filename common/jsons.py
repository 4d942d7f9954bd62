"""JSON from outside, whoever sends it: nested within one limit, with or without a byte order mark.

What is nested deeper could be parsed, and would then break some recursion further in.
"""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 100  # objects and lists inside each other
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # what a byte order mark is as text


class TooDeep(ValueError):
    """The JSON is nested too deeply. `member` is the outermost one that is, where that is known."""

    def __init__(self, member: str = "") -> None:
        super().__init__(f"it is nested deeper than {MAX_DEPTH} levels")
        self.member = member


def json_read(text: str | bytes | bytearray, **options: Any) -> Any:
    """Read JSON, with the options of `json.loads`. Raises ValueError, of the kind TooDeep where
    that is the reason."""
    try:
        value = json.loads(text.removeprefix(MARK) if isinstance(text, str) else text, **options)
    except RecursionError:
        raise TooDeep from None
    depth_check(value)
    return value


def depth_check(value: Any) -> None:
    """Raise TooDeep for JSON that is nested too deeply."""
    if is_deeper(value, MAX_DEPTH):
        members = value.items() if isinstance(value, dict) else ()
        deep = (name for name, member in members if is_deeper(member, MAX_DEPTH - 1))
        raise TooDeep(next(deep, ""))


def is_deeper(value: Any, limit: int) -> bool:
    """Tell whether more than `limit` objects and lists stand inside each other."""
    layer = _containers([value])
    for _ in range(limit):
        if not layer:
            return False
        layer = [
            inner
            for outer in layer
            for inner in _containers(outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(layer)


def _containers(items: Any) -> list[Any]:
    return [item for item in items if isinstance(item, dict | list)]
