"""Kimi K2: numbered calls, each with its arguments as one JSON object."""

from __future__ import annotations

from inference.grammar.calls.formats.base import CALL_NUMBER, CallFormat
from inference.grammar.calls.writer import CallWriter
from inference.types import ToolSpec


def write(writer: CallWriter, tool: ToolSpec) -> str:
    begin = writer.term(f"<|tool_call_begin|>functions.{tool.name}:")
    middle, end = writer.term("<|tool_call_argument_begin|>"), writer.term("<|tool_call_end|>")
    return f"{begin} {CALL_NUMBER} {middle} {writer.json(tool.parameters)} {end}"


FORMAT = CallFormat(write, several=True, inner=("<|tool_call_end|>",))
