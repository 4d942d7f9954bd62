"""Calls as in Python: name(parameter=value)."""

from __future__ import annotations

import re
from keyword import iskeyword

from inference.grammar.calls.bracketed import bracketed
from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.parameters import Parameter
from inference.grammar.calls.writer import CallWriter, literal
from inference.types import ToolSpec

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def write(writer: CallWriter, tool: ToolSpec) -> str | None:
    def value(writer: CallWriter, each: Parameter) -> str | None:
        if iskeyword(each.name):
            return None
        return f"{literal(each.name + '=')} {writer.json(each.whole_schema)}"

    if iskeyword(tool.name):
        return None
    items = bracketed(writer, tool, IDENTIFIER, '", "', value)
    return None if items is None else f'{literal(tool.name + "(")} {items} ")"'


FORMAT = CallFormat(write, several=True, between=", ", around=("[", "]"))
