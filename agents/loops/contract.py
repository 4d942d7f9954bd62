"""Loops: pure generators that work until an answer stands. They write no row.

A loop yields `LoopEvent`s and is resumed only when the event is stored. To end with a finish
reason of its own it yields `LoopEvent("done", {"finish_reason": ...})` last. After a `tool_call`
event whose state is "waiting" the `yield` gives a `Decision`: what a person said of that call
(None when nobody was asked, as in `list(loop)`; take it as a denial).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from agents.loops.control import Stoppable
from common.types import JSON
from inference.types import Delta, GenerationRequest, ToolSpec
from tooling.base import ToolResult


class EventKind(StrEnum):
    """What an event tells; the comment says what its data holds."""

    STATE = "state"  # data: {"state"}
    MODEL = "model"  # data: {"id"}; the model that answers, perhaps not the one asked for
    TEXT = "text"  # data: {"text"}
    THINKING = "thinking"  # data: {"text"}
    TOOL_CALL = "tool_call"  # data: {"id", "name", "arguments": JSON text, "state"}
    TOOL_DECISION = "tool_decision"  # data: {"id", "decision", "arguments": JSON text or None}
    TOOL_RESULT = (
        "tool_result"  # data: {"id", "success", "result", "error", "untrusted", "seconds"}
    )
    STEP = "step"  # data: agents.react.steps.step_data, again for each change of its status
    PLAN = "plan"  # data: {"text"}; what an agent means to do
    STEP_TEXT = "step_text"  # data: {"step", "text"}; a step while it is being written
    USAGE = "usage"  # data: inference.types.Usage
    ERROR = "error"  # data: {"code", "message", "details", "id"?}
    DONE = "done"  # data: {"state", "finish_reason"}; always the last


@dataclass(frozen=True, slots=True)
class LoopEvent:
    """One thing that happened; `kind` is an `EventKind`."""

    kind: str
    data: JSON = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on a tool call. `arguments` (JSON text) replaces what the model wrote."""

    allow: bool
    arguments: str | None = None


class StoppableAnswer(Stoppable, Protocol):
    """What `generate` gives: the deltas of one answer, and the id of the model that answers."""

    @property
    def model(self) -> str: ...

    def __iter__(self) -> Iterator[Delta]: ...


class Execute(Protocol):
    """Runs one tool; `cancelled` tells it, on any thread, that nobody waits for the result."""

    def __call__(
        self, *, name: str, arguments: JSON, cancelled: Callable[[], bool]
    ) -> ToolResult: ...


Generate = Callable[[GenerationRequest], StoppableAnswer]
Policy = Callable[[str], Literal["allow", "ask", "deny"]]  # of a tool, by its name
Offer = Callable[[], Sequence[ToolSpec]]  # the tools that may be called now
Loop = Generator[LoopEvent, Decision | None, None]
