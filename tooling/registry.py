"""The tools that this process has, by name."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from tooling.base import BaseTool

ENTRY_POINTS = "cortex.tools"
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")  # what OpenAI's function names allow

logger = logging.getLogger(__name__)


class ToolRegistry:
    """Tools by name, in the order in which they were registered."""

    def __init__(self) -> None:
        self._tools: dict[str, BaseTool] = {}
        self.problems: list[str] = []  # entry points that gave no tool, as sentences

    def register(self, tool: BaseTool) -> None:
        """Add a tool. Raises ValueError for a name that is taken or that no model could call, and
        for parameters that give no JSON Schema."""
        if not NAME.fullmatch(tool.name):
            raise ValueError(f"{tool.name!r} is no name for a tool: {NAME.pattern} is asked for.")
        if tool.name in self._tools:
            raise ValueError(f"There is already a tool named {tool.name!r}.")
        try:
            Draft202012Validator.check_schema(tool.schema())
        except SchemaError as error:
            raise ValueError(f"{tool.name}: not a valid JSON Schema: {error.message}") from error
        self._tools[tool.name] = tool

    def get(self, name: str) -> BaseTool | None:
        return self._tools.get(name)

    def __iter__(self) -> Iterator[BaseTool]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def register_installed(self) -> None:
        """Add the tools of installed packages: entry points that name a class of tool.

        A broken package costs its own tool only; a system check reports `problems`.
        """
        for point in entry_points(group=ENTRY_POINTS):
            try:
                self.register(_tool_of(point))
            except Exception as error:  # noqa: BLE001 - a stranger's package may raise anything
                logger.warning("Tool %s was left out: %s", point.value, error)
                self.problems.append(f"{point.name} ({point.value}): {error}")


def _tool_of(point: EntryPoint) -> BaseTool:
    loaded = point.load()
    tool = loaded if isinstance(loaded, BaseTool) else loaded()
    if not isinstance(tool, BaseTool):
        raise TypeError("it is no BaseTool")
    return tool
