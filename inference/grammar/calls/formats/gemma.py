"""FunctionGemma and Gemma 4: parameters between braces; they differ in how they quote text."""

from __future__ import annotations

import re

from inference.grammar.calls.bracketed import bracketed
from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.parameters import Parameter
from inference.grammar.calls.writer import CallWriter, literal
from inference.types import ToolSpec

WORD = re.compile(r"[A-Za-z0-9_]+")


def _gemma(writer: CallWriter, tool: ToolSpec, *, quote: str, pattern: str) -> str | None:
    """Names without quotes, texts between `quote`s; nested values have no exact form."""

    def value(writer: CallWriter, each: Parameter) -> str | None:
        name = literal(each.name + ":")
        if each.kind == "text":
            text = writer.text(each, quote, pattern=pattern)
            null = ' | "null"' if each.nullable else ""
            return text and f"{name} ({writer.term(quote)} {text}{null})"
        if each.kind in ("array", "object", "mixed"):
            return None
        return f"{name} {writer.json(each.schema)}"

    items = bracketed(writer, tool, WORD, '","', value)
    begin = f"call:{tool.name}" + "{"
    return None if items is None else f'{literal(begin)} {items} "}}"'


def _function_gemma(writer: CallWriter, tool: ToolSpec) -> str | None:
    return _gemma(writer, tool, quote="<escape>", pattern="[^}]*")


def _gemma4(writer: CallWriter, tool: ToolSpec) -> str | None:
    return _gemma(writer, tool, quote='<|"|>', pattern=r"[^\x00]*")


FUNCTION_GEMMA = CallFormat(_function_gemma)
GEMMA4 = CallFormat(_gemma4)
