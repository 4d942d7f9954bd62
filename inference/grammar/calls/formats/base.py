"""The contract of a tool-call format.

A format is a function of a writer and a tool. It gives the Lark expression of one call, or None
where the family cannot say what the tool's schema demands: then the call is held to no grammar,
or, if it is demanded, written as plain JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inference.grammar.calls.writer import CallWriter
from inference.types import ToolSpec

MOST_PARALLEL_CALLS = 8
CALL_NUMBER = "/[0-9]{1,3}/"  # where a family counts its calls


@dataclass(frozen=True, slots=True)
class CallFormat:
    """`write` one call. `several`: calls follow each other between one pair of markers, with
    `between` them. `inner`: markers inside of a call, beside those around it. `typed`: the reader
    converts values by their types, and is to be shown a single one for each."""

    write: Callable[[CallWriter, ToolSpec], str | None]
    several: bool = False
    between: str = ""
    around: tuple[str, str] = ("", "")
    inner: tuple[str, ...] = ()
    typed: bool = False

    def calls(self, writer: CallWriter, tools: Sequence[ToolSpec], parallel: bool) -> str | None:
        """The expression for what stands between the markers."""
        written = [self.write(writer, tool) for tool in tools]
        if None in written:
            return None
        call = writer.rule(" | ".join(str(each) for each in written), "call")
        if parallel and self.several:
            more = f"{{0,{MOST_PARALLEL_CALLS - 1}}}"
            between = writer.term(self.between) if self.between else ""
            call = f"{call} ({between} {call}){more}"
        before, after = (writer.term(each) if each else "" for each in self.around)
        return f"{before} {call} {after}"
