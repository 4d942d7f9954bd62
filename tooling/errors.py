"""Why a tool could not be run at all. What goes wrong inside a tool is a ToolResult instead.

Each error knows its HTTP status and its code, as those of `inference.errors` do.
"""

from __future__ import annotations

from typing import Any


class ToolError(Exception):
    """The root. `str(error)` is a sentence for the person who asked."""

    status = 500
    code = "tool_error"
    retry_after: int | None = None  # seconds

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class ToolNotFound(ToolError):
    status = 404
    code = "tool_not_found"


class ToolDisabled(ToolError):
    status = 409
    code = "tool_disabled"


class ToolNotAllowed(ToolError):
    """This caller may not do that."""

    status = 403
    code = "tool_not_allowed"


class InvalidArguments(ToolError):
    """details: field (parameters.<name> of the first problem), problems (all of them)."""

    status = 400
    code = "invalid_arguments"


class ToolsBusy(ToolError):
    """More calls are running than the server takes on."""

    status = 503
    code = "tools_busy"
    retry_after = 2
