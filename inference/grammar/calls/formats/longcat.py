"""LongCat: as GLM 4.7, but a call without arguments is JSON."""

from __future__ import annotations

from collections.abc import Sequence

from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.tagged import tagged, text_or_json
from inference.grammar.calls.writer import CallWriter, literal
from inference.types import ToolSpec


def write(writer: CallWriter, tool: ToolSpec) -> str | None:
    opening = "<longcat_arg_key>{name}</longcat_arg_key><longcat_arg_value>"
    closing = "</longcat_arg_value>"
    items = tagged(writer, tool, opening=opening, closing=closing, value=text_or_json)
    if items is None:
        return None
    # The reader knows a call without arguments as JSON alone.
    empty = literal(f'{{"name": "{tool.name}", "arguments": {{}}}}')
    full = [f"{writer.term(tool.name)} {some}" for some in _at_least_one(items)]
    return " | ".join(full if _has_required(tool) else [*full, empty])


def _has_required(tool: ToolSpec) -> bool:
    return bool(tool.parameters.get("required"))


def _at_least_one(items: Sequence[str]) -> list[str]:
    """Ways to write some of the items, optional ones being in (...)?, but not none."""
    if any(not item.endswith(")?") for item in items):
        return [" ".join(items)]
    return [" ".join([item[:-1], *items[index + 1 :]]) for index, item in enumerate(items)]


FORMAT = CallFormat(write)
