"""The root of everything that Cortex refuses or fails at, and what every layer may raise.

Each error knows the HTTP status and the machine-readable code that clients see, so the web layers
need no table of their own. `details` is JSON-ready. Errors cross process boundaries through
`to_wire` and `from_wire`. What only one app can raise stands in that app's `errors.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar


class CortexError(Exception):
    """The root. `str(error)` is a sentence for the person who asked.

    Each class documents itself: the first paragraph of its docstring, `example` (a message; else
    that paragraph) and `example_details` are what OpenAPI says of it.
    """

    status = 500
    code = "failed"
    retry_after: int | None = None  # seconds
    example: ClassVar[str]
    example_details: ClassVar[dict[str, Any]]

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class InvalidRequest(CortexError):
    """The request cannot be served as it stands.

    details: field, the dotted path of the culprit.
    """

    status = 400
    code = "invalid_request"
    example = 'messages.0.role: "robot" is not a valid choice.'
    example_details = {"field": "messages.0.role"}


class DiskFull(CortexError):
    """The disk is full: what was to be stored is not stored. Reading goes on."""

    status = 507
    code = "disk_full"
    example = "The disk is full: this was not stored. What is stored can be read; make some room."


class RequestCancelled(CortexError):
    """Nobody waits for the answer any more: the request was given up before it began."""

    status = 499
    code = "cancelled"


class TimeUp(RequestCancelled):
    """What was asked for did not begin within its time."""

    code = "time_up"


def to_wire(error: CortexError) -> dict[str, Any]:
    """Turn the error into JSON-ready values."""
    return {"code": error.code, "message": str(error), "details": error.details}


def from_wire(data: dict[str, Any]) -> CortexError:
    """Make the error again from what `to_wire` gave; an unknown code gives the root class."""
    kinds = {kind.code: kind for kind in _kinds(CortexError)}
    return kinds.get(data["code"], CortexError)(data["message"], **data["details"])


def _kinds(root: type[CortexError]) -> Iterator[type[CortexError]]:
    yield root
    for kind in root.__subclasses__():
        yield from _kinds(kind)
