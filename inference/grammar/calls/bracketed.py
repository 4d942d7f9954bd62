"""Parameters between brackets, with a separator between them."""

from __future__ import annotations

import re
from collections.abc import Callable

from inference.grammar.calls.parameters import Parameter, parameters
from inference.grammar.calls.writer import CallWriter, separated
from inference.types import ToolSpec


def bracketed(
    writer: CallWriter,
    tool: ToolSpec,
    names: re.Pattern[str],
    separator: str,
    value: Callable[[CallWriter, Parameter], str | None],
) -> str | None:
    known = parameters(tool)
    if known is None or not all(map(names.fullmatch, [tool.name, *(p.name for p in known)])):
        return None
    items = [(value(writer, each), each.required) for each in known]
    kept = [(str(item), required) for item, required in items if item is not None]
    return separated(writer, kept, separator) if len(kept) == len(items) else None
