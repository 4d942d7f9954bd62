"""Loops: pure generators that work until an answer stands. They know neither ORM nor threads.

A loop yields `LoopEvent`s and is resumed only when the event is stored. To end with a finish
reason of its own it yields `LoopEvent("done", {"finish_reason": ...})` last. After a `tool_call`
event whose state is "waiting" the `yield` gives a `Decision`: what a person said of that call
(None when nobody was asked, as in `list(loop)`; take it as a denial).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from inference.engines.base import Place
from inference.types import JSON, Delta, GenerationRequest, ToolSpec
from tooling.base import ToolResult


@dataclass(frozen=True, slots=True)
class LoopEvent:
    """One thing that happened; `kind` is one of `agents.models.Event.Kind`."""

    kind: str
    data: JSON = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """A person's word on a tool call. `arguments` (JSON text) replaces what the model wrote."""

    allow: bool
    arguments: str | None = None


class Generation(Protocol):
    """What `generate` gives: the deltas of one answer, and the id of the model that answers.

    `cancel` lets it end in good order, as "cancelled" with its usage; `close` ends it at once;
    `place` is where it waits for its turn. All may be called from any thread.
    """

    @property
    def model(self) -> str: ...

    def __iter__(self) -> Iterator[Delta]: ...

    def cancel(self) -> None: ...

    def close(self) -> None: ...

    def place(self) -> Place | None: ...


class Execute(Protocol):
    """Runs one tool; `cancelled` tells it, on any thread, that nobody waits for the result."""

    def __call__(
        self, *, name: str, arguments: JSON, cancelled: Callable[[], bool]
    ) -> ToolResult: ...


Generate = Callable[[GenerationRequest], Generation]
Policy = Callable[[str], Literal["allow", "ask", "deny"]]  # of a tool, by its name
Offer = Callable[[], Sequence[ToolSpec]]  # the tools that may be called now
Loop = Generator[LoopEvent, Decision | None, None]
