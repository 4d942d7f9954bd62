"""Kimi K3: numbered calls, whose parameters tell their types."""

from __future__ import annotations

from inference.grammar.calls.formats.base import CALL_NUMBER, CallFormat
from inference.grammar.calls.parameters import parameters
from inference.grammar.calls.tagged import IN_XML
from inference.grammar.calls.writer import CallWriter
from inference.types import ToolSpec


def write(writer: CallWriter, tool: ToolSpec) -> str | None:
    closing = "<|close|>argument<|sep|>"
    known = parameters(tool)
    if known is None or not all(IN_XML.fullmatch(each.name) for each in known):
        return None
    items = []
    for each in known:
        is_text = each.kind == "text" and not each.nullable
        kind = "string" if is_text else "null" if each.nullable else each.kind
        opening = f'<|open|>argument key="{each.name}" type="{kind}"<|sep|>'
        if is_text:
            held = writer.text(each, closing)
        else:
            held = f"{writer.json(each.whole_schema)} {writer.term(closing)}"
        if held is None:
            return None
        item = f"{writer.term(opening)} {held}"
        items.append(item if each.required else f"({item})?")
    begin = writer.term(f'<|open|>call tool="{tool.name}" index="')
    opened, end = writer.term('"<|sep|>'), writer.term("<|close|>call<|sep|>")
    return f"{begin} {CALL_NUMBER} {opened} {' '.join(items)} {end}"


FORMAT = CallFormat(write, several=True, inner=("<|close|>", "<|open|>"))
