"""What breaks a tool's schema in a call that no grammar could hold to all of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from inference.types import ToolSpec, WrittenCall
from inference.worker.prompt import time_limit

logger = logging.getLogger(__name__)

SECONDS = 1.0  # a pattern of the schema may be made to run for ever
MOST_CHARACTERS = 300


class FaultFinder:
    """Says of a call what is wrong with it; "" of a sound one, and of one of another tool."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._schemas = {tool.name: tool.parameters for tool in tools}

    def __call__(self, call: WrittenCall) -> str:
        schema = self._schemas.get(call.name)
        if schema is None:
            return ""
        try:
            arguments = json.loads(call.arguments)
        except (ValueError, RecursionError) as error:
            return f"arguments: not JSON ({error})"
        try:
            with time_limit(SECONDS, "the check of a call"):
                return _fault(schema, arguments)
        except Exception as error:  # noqa: BLE001 - the schema came with the request, and may be anything
            logger.warning("a call of %s could not be checked: %r", call.name, error)
            return ""


def _fault(schema: Any, arguments: Any) -> str:
    # A fifth of a second, which only those pay who need it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import validator_for
    from referencing.jsonschema import EMPTY_REGISTRY

    kind = validator_for(schema, default=Draft202012Validator)
    # The empty registry fetches nothing: the address in a schema is anybody's.
    error = best_match(kind(schema, registry=EMPTY_REGISTRY).iter_errors(arguments))
    if error is None:
        return ""
    path = ".".join(["arguments", *map(str, error.absolute_path)])
    return f"{path}: {error.message}"[:MOST_CHARACTERS]
