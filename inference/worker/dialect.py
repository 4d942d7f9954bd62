"""How a model marks its thinking and its tool calls, whatever computes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from inference.grammar.calls.writer import Term, literal

ToolParser = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """How a model writes a tool call: its markers, and who reads what stands between them."""

    start: str
    end: str
    parse: ToolParser


@dataclass(frozen=True, slots=True)
class Dialect:
    """The marks of one model, as far as it has any.

    `thinking` is what opens and closes a block of thinking; `calls` its own tool format, whose
    parser has the name `family` in mlx_lm.tool_parsers; `structural` are marks that mean nothing
    to a reader. `term` turns a text into Lark terms: the model's special tokens by id, the rest in
    quotes; it raises InvalidRequest for a model that cannot follow a grammar.
    """

    thinking: tuple[str, str] | None = None
    calls: ToolFormat | None = None
    family: str = ""
    structural: tuple[str, ...] = ()
    term: Callable[[], Term] = field(default=lambda: literal)
