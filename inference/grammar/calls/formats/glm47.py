"""GLM 4.7, and Laguna: the name, then pairs of key and value."""

from __future__ import annotations

from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.tagged import tagged, text_or_json
from inference.grammar.calls.writer import CallWriter
from inference.types import ToolSpec


def write(writer: CallWriter, tool: ToolSpec) -> str | None:
    opening = "<arg_key>{name}</arg_key><arg_value>"
    closing = "</arg_value>"
    items = tagged(writer, tool, opening=opening, closing=closing, value=text_or_json)
    return None if items is None else f"{writer.term(tool.name)} {' '.join(items)}"


FORMAT = CallFormat(write)
