"""Parameters as one element each, between tags that bear the parameter's name."""

from __future__ import annotations

import re
from collections.abc import Callable

from inference.grammar.calls.parameters import Kind, Parameter, exact_numbers, parameters
from inference.grammar.calls.writer import CallWriter
from inference.types import ToolSpec

IN_XML = re.compile(r"[^\s<>&\"']+")
SINGLE_KINDS: set[Kind] = {"integer", "number", "boolean", "null", "array", "object"}


def tagged(
    writer: CallWriter,
    tool: ToolSpec,
    *,
    opening: str,
    closing: str,
    names: re.Pattern[str] = IN_XML,
    value: Callable[[CallWriter, Parameter, str], str | None],
) -> list[str] | None:
    """Each parameter as opening, value and closing; `opening` has the name in {name}."""
    known = parameters(tool)
    if known is None or not all(names.fullmatch(each.name) for each in known):
        return None
    written = []
    for each in known:
        held = value(writer, each, closing)
        if held is None:
            return None
        item = f"{writer.term(opening.replace('{name}', each.name))} {held}"
        written.append(item if each.required else f"({item})?")
    return written


def single_type(writer: CallWriter, each: Parameter, close: str) -> str | None:
    """For readers that convert a value by the one type they are shown; null is null to them, even
    where a text is expected."""
    if each.kind == "text":
        text = writer.text(each, close, not_null=True, strips=True)
        null = f" | {writer.term('null' + close)}" if each.nullable else ""
        return text and f"({text}{null})"
    if each.kind not in SINGLE_KINDS:
        return None
    return f"{writer.json(exact_numbers(each.schema))} {writer.term(close)}"


def text_or_json(writer: CallWriter, each: Parameter, close: str) -> str | None:
    """For readers that take declared text as it is, and read everything else as JSON."""
    if each.kind == "text" and not each.nullable and each.schema.get("type") == "string":
        return writer.text(each, close, strips=True)
    return f"{writer.json(each.whole_schema)} {writer.term(close)}"
