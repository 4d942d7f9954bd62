"""MiniCPM 5: an element for each parameter; text may stand in a CDATA section."""

from __future__ import annotations

from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.parameters import Parameter
from inference.grammar.calls.tagged import single_type, tagged
from inference.grammar.calls.writer import CallWriter, literal
from inference.types import ToolSpec


def write(writer: CallWriter, tool: ToolSpec) -> str | None:
    def value(writer: CallWriter, each: Parameter, close: str) -> str | None:
        if each.kind != "text" or each.choices is not None:
            return single_type(writer, each, close)
        texts = (
            writer.text(each, close, pattern=r"[^<&\n]*", not_null=True, strips=True),
            f"{literal('<![CDATA[')} "
            f"{writer.text(each, ']]>' + close, pattern='[^<]*', not_null=True, strips=True)}",
        )
        null = [literal("null" + close)] if each.nullable else []
        return f"({' | '.join([*map(str, texts), *null])})"

    opening = '<param name="{name}">'
    items = tagged(writer, tool, opening=opening, closing="</param>", value=value)
    begin = f'"{tool.name}">'
    return None if items is None else f"{literal(begin)} {' '.join(items)}"


FORMAT = CallFormat(write, typed=True)
