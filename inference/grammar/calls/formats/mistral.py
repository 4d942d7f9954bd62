"""Mistral: the name, then the arguments as one JSON object."""

from __future__ import annotations

from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.writer import CallWriter
from inference.types import ToolSpec


def write(writer: CallWriter, tool: ToolSpec) -> str:
    return f"{writer.term(f'{tool.name}[ARGS]')} {writer.json(tool.parameters)}"


FORMAT = CallFormat(write, several=True, between="[TOOL_CALLS]")
