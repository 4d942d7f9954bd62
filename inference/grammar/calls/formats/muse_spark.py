"""Muse Spark: invocations whose parameters are JSON, each in an element."""

from __future__ import annotations

from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.parameters import Parameter
from inference.grammar.calls.tagged import tagged
from inference.grammar.calls.writer import CallWriter, literal
from inference.types import ToolSpec


def write(writer: CallWriter, tool: ToolSpec) -> str | None:
    def value(writer: CallWriter, each: Parameter, close: str) -> str:
        return f"{writer.json(each.whole_schema)} {writer.term(close)}"

    opening, closing = '<atem:parameter name="{name}">', "</atem:parameter>\n"
    items = tagged(writer, tool, opening=opening, closing=closing, value=value)
    if items is None:
        return None
    begin, end = f'<atem:invoke name="{tool.name}">\n', "</atem:invoke>\n"
    return f"{literal(begin)} {' '.join(items)} {literal(end)}"


FORMAT = CallFormat(
    write,
    several=True,
    around=("\n", ""),
    inner=("</atem:invoke>", "</atem:parameter>"),
)
