"""Qwen3 Coder: an element for each parameter, its value on lines of its own."""

from __future__ import annotations

from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.tagged import single_type, tagged
from inference.grammar.calls.writer import CallWriter, literal
from inference.types import ToolSpec


def write(writer: CallWriter, tool: ToolSpec) -> str | None:
    items = tagged(
        writer,
        tool,
        opening="<parameter={name}>\n",
        closing="\n</parameter>\n",
        value=single_type,
    )
    if items is None:
        return None
    begin, end = f"\n<function={tool.name}>\n", "</function>\n"
    return f"{literal(begin)} {' '.join(items)} {literal(end)}"


FORMAT = CallFormat(write, inner=("</function>", "</parameter>"), typed=True)
