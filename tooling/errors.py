"""Why a tool could not be run at all. What goes wrong inside a tool is a ToolResult instead."""

from __future__ import annotations

from common.errors import CortexError


class ToolError(CortexError):
    """The root of what tools refuse."""

    code = "tool_error"


class ToolNotFound(ToolError):
    """There is no such tool."""

    status = 404
    code = "tool_not_found"
    example = "There is no tool named 'abacus'. Tools: calculator."


class ToolDisabled(ToolError):
    """The tool is turned off."""

    status = 409
    code = "tool_disabled"
    example = "The tool calculator is disabled."


class ToolNotAllowed(ToolError):
    """This caller may not do that."""

    status = 403
    code = "tool_not_allowed"
    example = "You may not call calculator."


class InvalidArguments(ToolError):
    """The arguments do not fit the tool's parameters.

    details: field (parameters.<name> of the first problem), problems (all of them).
    """

    status = 400
    code = "invalid_arguments"
    example = "calculator: parameters.expression is missing."
    example_details = {"field": "parameters.expression"}


class ToolsBusy(ToolError):
    """More calls are running than the server takes on."""

    status = 503
    code = "tools_busy"
    retry_after = 2
