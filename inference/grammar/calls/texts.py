"""Free text inside a tool call: it ends at the first closing marker and holds no other."""

from __future__ import annotations

from collections.abc import Iterable

from common.types import JSON
from inference.grammar.schema.parts import schema_map


def without(marker: str) -> str:
    """A regular expression for texts that do not contain the marker. Where its first character
    comes again in it, what stands before that is what they do not contain."""
    first, rest = marker[0], marker[1:].split(marker[0])[0]
    begun = [_escaped(rest[:count]) for count in range(len(rest))]
    again = "|".join(f"{part}{_escaped(first)}" for part in begun)
    back = "|".join(
        f"{part}[^{_in_class(first)}{_in_class(rest[count])}]" for count, part in enumerate(begun)
    )
    opened = f"{_escaped(first)}(?:{again})*"
    tail = "|".join(begun)
    return f"(?:[^{_in_class(first)}]|{opened}(?:{back}))*(?:{opened}(?:{tail}))?"


def _escaped(text: str) -> str:
    return "".join(rf"\{char}" if char in r"\.+*?()|[]{}^$/-" else char for char in text)


def _in_class(char: str) -> str:
    return rf"\{char}" if char in r"\]^[-&~/" else char


def guard(schema: JSON, markers: Iterable[str]) -> JSON:
    """The schema, none of whose free strings may hold one of the markers: a reader that cuts a
    call out of the text would cut it there."""
    patterns = [{"pattern": f"^{without(marker)}$"} for marker in markers if marker]

    def close(part: JSON) -> JSON:
        types = part["type"] if isinstance(part.get("type"), list) else [part.get("type")]
        if "string" not in types or part.keys() & {"enum", "const", "format"}:
            return part
        return {**part, "allOf": [*part.get("allOf", ()), *patterns]}

    changed: JSON = schema_map(schema, close)
    return changed
