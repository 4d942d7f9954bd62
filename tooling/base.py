"""What a tool is. A custom tool is one file with a subclass of `BaseTool`, and one line in
`tooling.builtin.initialize_tools` (or an entry point `cortex.tools` of an installed package).
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from common.types import JSON
from inference.types import ToolSpec

TYPES = ("string", "integer", "number", "boolean", "array", "object")

# Set while the current call must end: its time is up, or a person stopped it.
stop_signal: ContextVar[threading.Event | None] = ContextVar("stop_signal", default=None)


@dataclass(frozen=True, slots=True)
class ToolParameter:
    """One argument of a tool.

    `type` is a JSON Schema type. `default` is what `execute` gets when a call leaves the argument
    out; with None it gets nothing. `minimum`/`maximum` bound numbers, `min_length`/`max_length`
    strings and arrays, both ends included. `schema` holds any further JSON Schema keywords (items,
    properties, pattern, contentMediaType ...). `multiline` asks forms for a text area.
    """

    name: str
    type: str
    description: str
    required: bool = True
    default: Any = None
    enum: list[Any] | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    schema: JSON = field(default_factory=dict)
    multiline: bool = False

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(f"{self.name}: type {self.type!r} is none of {', '.join(TYPES)}.")

    def as_json(self) -> JSON:
        """How the API shows it: the four fields that always stand, then what is set."""
        return {
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "required": self.required,
            **self._limits(),
        }

    def as_schema(self) -> JSON:
        """Give the JSON Schema of its value."""
        return {"type": self.type, "description": self.description, **self._limits()}

    def _limits(self) -> JSON:
        length = "Items" if self.type == "array" else "Length"
        limits = {
            "default": self.default,
            "enum": self.enum,
            "minimum": self.minimum,
            "maximum": self.maximum,
            f"min{length}": self.min_length,
            f"max{length}": self.max_length,
        }
        return {key: value for key, value in limits.items() if value is not None} | self.schema


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave: `result` (JSON-ready) when it succeeded, else `error`, a sentence that a
    person or a model can act upon. `untrusted` marks text from outside, such as web pages.
    `cut_off` says that the server died within the call, so that nobody knows what it did."""

    success: bool
    result: Any = None
    error: str | None = None
    untrusted: bool = False
    cut_off: bool = False

    def as_json(self) -> JSON:
        return {"success": self.success, "result": self.result, "error": self.error}


class BaseTool(ABC):
    """A tool. One instance serves all calls, from many threads at once: keep no state of a call.

    `timeout_seconds` is the longest that a call may take. A call that takes long looks at
    `self.stopping` (or waits on `self.stop_event`) and ends when it is set; an async one is
    cancelled instead. `untrusted` says that results are text from outside.
    `repeatable` says that a call changes nothing outside, so that one which the server's death cut
    off may be made again; any other is made at most once.
    """

    timeout_seconds: float = 30.0
    untrusted: bool = False
    repeatable: bool = False

    @property
    @abstractmethod
    def name(self) -> str:
        """The id, as models and the API call it: letters, digits, `_` and `-`, at most 64."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What it does, for people and models alike."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, ToolParameter]:
        """The arguments of `execute`, by name."""

    @abstractmethod
    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Do it: returns a ToolResult, or is `async` and does so.

        Called with keyword arguments that fit `parameters`; runs on a thread of its own, an async
        one in a loop of its own. What goes wrong is a ToolResult with an error; an exception
        becomes one too.
        """

    def warm(self) -> None:  # noqa: B027  most tools have nothing to prepare
        """Begin to prepare what a first call would wait for, and return at once. Called after the
        start of a server."""

    @property
    def stop_event(self) -> threading.Event:
        """Set when the current call must end. Outside a call it is never set."""
        return stop_signal.get() or threading.Event()

    @property
    def stopping(self) -> bool:
        return self.stop_event.is_set()

    def schema(self) -> JSON:
        """Give the JSON Schema of all arguments together."""
        return {
            "type": "object",
            "properties": {name: p.as_schema() for name, p in self.parameters.items()},
            "required": [name for name, p in self.parameters.items() if p.required],
            "additionalProperties": False,
        }

    def spec(self) -> ToolSpec:
        """Tell what a model is told of it."""
        return ToolSpec(self.name, self.description, self.schema())
