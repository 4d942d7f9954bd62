"""Whether the arguments of a call fit the tool's parameters; every misfit is named."""

from __future__ import annotations

import math
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from common.text import clean, is_unicode
from common.types import JSON
from tooling.base import BaseTool, ToolParameter
from tooling.errors import InvalidArguments

MAX_DEPTH = 32
MAX_MESSAGE = 200  # characters; a schema's own message repeats the value, however long


def arguments_validate(tool: BaseTool, arguments: Any) -> JSON:
    """Give the arguments that `execute` gets: the given ones and the defaults of those left out.

    Raises InvalidArguments.
    """
    if not isinstance(arguments, dict):
        raise _invalid(tool, [("parameters", f"must be an object, not {_kind(arguments)}")])
    problems = _unknown(tool, arguments) + _missing(tool, arguments)
    for name, parameter in tool.parameters.items():
        if name in arguments:
            problems += [
                (f"parameters.{name}", text) for text in _misfits(parameter, arguments[name])
            ]
    if problems:
        raise _invalid(tool, problems)
    return {
        name: _value(parameter, arguments)
        for name, parameter in tool.parameters.items()
        if name in arguments or parameter.default is not None
    }


def _value(parameter: ToolParameter, arguments: JSON) -> Any:
    value = arguments.get(parameter.name, parameter.default)
    # To JSON Schema 3.0 is an integer; to Python's range() it is not.
    return int(value) if parameter.type == "integer" else value


def _unknown(tool: BaseTool, arguments: JSON) -> list[tuple[str, str]]:
    known = ", ".join(tool.parameters) or "none"
    return [
        (f"parameters.{clean(name)}", f"is unknown; {tool.name} takes: {known}")
        for name in arguments
        if name not in tool.parameters
    ]


def _missing(tool: BaseTool, arguments: JSON) -> list[tuple[str, str]]:
    return [
        (f"parameters.{name}", f"is missing ({parameter.type}: {parameter.description})")
        for name, parameter in tool.parameters.items()
        if parameter.required and name not in arguments
    ]


def _misfits(parameter: ToolParameter, value: Any) -> list[str]:
    unfit = _unfit(value)
    if unfit:
        return [unfit]
    validator = Draft202012Validator(parameter.as_schema())
    return [_sentence(error) for error in validator.iter_errors(value)]


def _unfit(value: Any, depth: int = 0) -> str:
    """What no tool can take, whatever its schema says; "" if there is nothing of the sort."""
    if depth > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    if isinstance(value, str) and not is_unicode(value):
        return "holds half a surrogate pair: that is no Unicode text"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    if isinstance(parts, list):
        return next((text for part in parts if (text := _unfit(part, depth + 1))), "")
    return ""


def _sentence(error: ValidationError) -> str:
    where = "".join(f"[{key!r}]" for key in error.absolute_path)
    length = {"minLength": "at least", "maxLength": "at most"}
    if error.validator == "type":
        text = f"must be of type {error.validator_value}, not {_kind(error.instance)}"
    elif error.validator in length:
        text = f"must have {length[error.validator]} {error.validator_value} characters"
    else:
        text = error.message
    if len(text) > MAX_MESSAGE:
        text = text[:MAX_MESSAGE] + " ..."
    return f"{where} {text}".strip()


def _kind(value: Any) -> str:
    """The name that JSON Schema has for a value's type."""
    names = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


def _invalid(tool: BaseTool, problems: list[tuple[str, str]]) -> InvalidArguments:
    return InvalidArguments(
        f"{tool.name}: " + "; ".join(f"{field} {text}" for field, text in problems) + ".",
        field=problems[0][0],
        problems=[{"field": field, "message": text} for field, text in problems],
    )
