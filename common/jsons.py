"""JSON from outside, whoever sends it: nested within one limit, with or without a byte order mark.

What is nested deeper could be parsed, and would then break some recursion further in.
"""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 100  # objects and lists inside each other
LONGEST_PLACE = 6  # names on the way to what is nested too deeply
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # what a byte order mark is as text


class TooDeep(ValueError):
    """The JSON is nested too deeply. `place` is the dotted path of the member that is, where it is
    known."""

    def __init__(self, place: str = "") -> None:
        super().__init__(f"it is nested deeper than {MAX_DEPTH} levels")
        self.place = place


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
        raise TooDeep(_place(value) if isinstance(value, dict) else "")


def _place(value: Any) -> str:
    """Where what is nested begins: behind the last fork of the way down."""
    path: list[str] = []
    told = 1
    for limit in range(MAX_DEPTH - 1, MAX_DEPTH - 1 - LONGEST_PLACE, -1):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        name, deep = next((name, item) for name, item in items if is_deeper(item, limit))
        path.append(str(name))
        if len(value) > 1:
            told = len(path)
        value = deep
    return ".".join(path[:told])


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
