"""An answer as a sequence of parts (text, thinking, tool calls), folded from a run's log.

Pages, exports and the next request to the model all read parts. They are stored with the message
as plain JSON when its run ends; until then they are folded from the log again and again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["text", "thinking", "tool"]


@dataclass(frozen=True, slots=True)
class Part:
    """`text` of a text or thinking part; the other fields are those of a tool call.

    `arguments` is JSON text; `state` is that of the call ("waiting" asks a person).
    """

    kind: Kind
    text: str = ""
    id: str = ""
    name: str = ""
    arguments: str = ""
    state: str = ""
    success: bool | None = None
    result: Any = None
    error: str = ""
    untrusted: bool | None = None
    seconds: float | None = None


class Logged(Protocol):
    """What is read of an agents.models.Event."""

    @property
    def kind(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...


@dataclass
class Reply:
    """What stands in the log of a reply so far. It `is_silent` from the moment in which the model
    is asked, also again with what a tool gave, to its first word."""

    parts: list[Part] = field(default_factory=list)
    state: str = "queued"
    finish_reason: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    done: bool = False
    is_silent: bool = True

    def add(self, event: Logged) -> None:
        """Take one more entry of the log in."""
        if handler := getattr(self, f"_add_{event.kind}", None):
            handler(event.data)

    def _add_text(self, data: dict[str, Any]) -> None:
        self._append("text", data["text"])

    def _add_thinking(self, data: dict[str, Any]) -> None:
        self._append("thinking", data["text"])

    def _append(self, kind: Kind, text: str) -> None:
        self.is_silent = False
        last = self.parts[-1] if self.parts else None
        if last and last.kind == kind:
            self.parts[-1] = dataclasses.replace(last, text=last.text + text)
        else:
            self.parts.append(Part(kind, text=text))

    def _add_tool_call(self, data: dict[str, Any]) -> None:
        self.is_silent = False
        fields = ("id", "name", "arguments", "state")
        known: dict[str, Any] = {key: data[key] for key in fields if key in data}
        self._update(Part("tool", **known), known)

    def _add_tool_decision(self, data: dict[str, Any]) -> None:
        changes = {"state": "running" if data["decision"] == "allow" else "denied"}
        if data.get("arguments") is not None:
            changes["arguments"] = data["arguments"]
        self._update(Part("tool", id=data["id"]), changes)

    def _add_tool_result(self, data: dict[str, Any]) -> None:
        self.is_silent = True
        fields = ("success", "result", "error", "untrusted", "seconds")
        known: dict[str, Any] = {k: data[k] for k in fields if data.get(k) is not None}
        self._update(Part("tool", id=data["id"], **known), {"state": "done", **known})

    def _update(self, part: Part, changes: dict[str, Any]) -> None:
        for index, known in enumerate(self.parts):
            if known.kind == "tool" and known.id == part.id:
                self.parts[index] = dataclasses.replace(known, **changes)
                return
        self.parts.append(dataclasses.replace(part, **changes))

    def _add_state(self, data: dict[str, Any]) -> None:
        self.state = data["state"]

    def _add_error(self, data: dict[str, Any]) -> None:
        self.error = data

    def _add_done(self, data: dict[str, Any]) -> None:
        self.state = data["state"]
        self.finish_reason = data.get("finish_reason") or ""
        self.done = True


def reply_fold(events: Iterable[Logged], before: Iterable[Part] = ()) -> Reply:
    """Give the reply that the log tells, going on from the parts that stood `before` the run."""
    reply = Reply(parts=list(before))
    for event in events:
        reply.add(event)
    return reply


def parts_text(parts: Iterable[Part], kind: Kind = "text") -> str:
    """Put the words of one kind together."""
    return "\n\n".join(part.text for part in parts if part.kind == kind).strip("\n")


def parts_encode(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Parts as JSON-ready values, without empty fields."""
    encoded = (dataclasses.asdict(part) for part in parts)
    return [{k: v for k, v in part.items() if v is not None and v != ""} for part in encoded]


def parts_decode(data: Iterable[dict[str, Any]]) -> list[Part]:
    """Undo `parts_encode`."""
    return [Part(**part) for part in data]
