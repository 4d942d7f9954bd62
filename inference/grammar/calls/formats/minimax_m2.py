"""MiniMax M2: invocations with an element for each parameter."""

from __future__ import annotations

from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.tagged import single_type, tagged
from inference.grammar.calls.writer import CallWriter, literal
from inference.types import ToolSpec


def write(writer: CallWriter, tool: ToolSpec) -> str | None:
    opening, closing = '<parameter name="{name}">', "</parameter>\n"
    items = tagged(writer, tool, opening=opening, closing=closing, value=single_type)
    if items is None:
        return None
    begin, end = f'<invoke name="{tool.name}">\n', "</invoke>\n"
    return f"{literal(begin)} {' '.join(items)} {literal(end)}"


FORMAT = CallFormat(
    write, several=True, around=("\n", ""), inner=("</invoke>", "</parameter>"), typed=True
)
