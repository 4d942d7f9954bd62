"""What OpenAPI says of the tool routes: shapes, examples and every status."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from rest_framework import serializers

from common.errors import DiskFull
from common.problems import Problem
from common.web.openapi import ErrorSerializer, InternalError, answer, errors_of, route, shape
from tooling.builtin.calculator import CalculatorTool
from tooling.errors import InvalidArguments, ToolDisabled, ToolNotAllowed, ToolNotFound, ToolsBusy

_tool = CalculatorTool()
CALCULATOR = {
    "name": _tool.name,
    "description": _tool.description,
    "parameters": {name: each.as_json() for name, each in _tool.parameters.items()},
    "enabled": True,
}
SPEC = asdict(_tool.spec())
FUNCTION = {"type": "function", "function": SPEC}
ENABLED, DISABLED = ({"success": True, **CALCULATOR, "enabled": each} for each in (True, False))
LISTED, DEFINED = {"tools": [CALCULATOR]}, {"tools": [FUNCTION]}
SUCCESS = {"success": True, "result": "1036", "error": None}
FAILURE = {"success": False, "result": None, "error": "Division by zero."}
EXECUTIONS = {
    "Calculator": {"tool_name": "calculator", "parameters": {"expression": "2**10 + sqrt(144)"}},
    "Web search": {
        "tool_name": "web_search",
        "parameters": {"query": "Python programming tutorial", "num_results": 3},
    },
}

ParameterShape = shape(
    "ToolParameter",
    {"name": "", "type": "", "description": "", "required": True},
    "Besides these four: the JSON Schema keywords that bound the value, and its default.",
    type="A JSON Schema type, such as string or integer.",
)
PARAMETERS = serializers.DictField(child=ParameterShape())
ToolShape = shape("Tool", CALCULATOR, parameters=PARAMETERS)
ToolListShape = shape("ToolList", LISTED, tools=ToolShape)
ToolSwitchedShape = shape("ToolSwitched", ENABLED, parameters=PARAMETERS)
ResultShape = shape(
    "ToolResult",
    SUCCESS,
    result=serializers.JSONField(help_text="What the tool gave; null where it failed."),
    error=serializers.CharField(allow_null=True, help_text="Why the tool failed."),
)
FunctionShape = shape("Function", SPEC, parameters="A JSON Schema.")
FunctionToolShape = shape(
    "FunctionTool", FUNCTION, type="Always `function`.", function=FunctionShape
)
FunctionToolListShape = shape("FunctionToolList", DEFINED, tools=FunctionToolShape)


class ToolExecutionRequestSerializer(serializers.Serializer[Any]):
    tool_name = serializers.CharField(max_length=200)
    parameters = serializers.DictField(required=False, help_text="The tool's arguments by name.")


class ExecutionErrorSerializer(ErrorSerializer):
    """The error shape, with the fields of an execution besides."""

    success = serializers.BooleanField(help_text="Always false.")
    result = serializers.JSONField(help_text="Always null.")


def _executed(problem: Problem) -> tuple[int, dict[str, Any]]:
    """Tell a problem with the fields that every answer of an execution has besides."""
    return problem.status, {"success": False, "result": None, **problem.body}


_list = answer(ToolListShape, "The tools", LISTED)
_result = answer(ResultShape, "Success", SUCCESS, ("The tool failed", FAILURE))
_enabled, _disabled = (answer(ToolSwitchedShape, "Done", each) for each in (ENABLED, DISABLED))
_definitions = answer(FunctionToolListShape, "Definitions", DEFINED)
_route = partial(route, "tools")
_refused = (ToolNotAllowed, ToolNotFound, DiskFull, InternalError)

tool_list = _route("tools_list", _list, InternalError)
tool_enable = _route("tools_enable", _enabled, *_refused)
tool_disable = _route("tools_disable", _disabled, *_refused)
openai_definitions = _route("tools_definitions_openai", _definitions, InternalError)
tool_execute = _route(
    "tools_execute",
    _result,
    *(*_refused, InvalidArguments, ToolDisabled, ToolsBusy),
    takes=ToolExecutionRequestSerializer,
    asks=EXECUTIONS,
    errors_told=partial(errors_of, format=_executed, serializer=ExecutionErrorSerializer),
)
