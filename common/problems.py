"""The one error shape, for every road: API views, pages, WebSockets, streams, the log of runs.

    {"error": {"code", "message", "field"?, "details"?, "id"?}}

`id` is given with every 500 and stands in the log beside the traceback; the client never sees that.
Routes that speak a protocol of their own have a format of their own: see `format_register`.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol, TypeVar

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import (
    ValidationError as DjangoValidationError,
)
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions

from common.disk import FULL, disk_full_seen
from common.errors import CortexError, DiskFull
from common.types import JSON

Response = TypeVar("Response", bound=HttpResponse)
logger = logging.getLogger("cortex.errors")

NON_FIELD = ("non_field_errors", "__all__", "detail")
CODES = {"parse_error": "invalid_json", "throttled": "rate_limited"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, before it is JSON or a page."""

    status: int
    code: str
    message: str
    field: str | None = None
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    id: str | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def body(self) -> JSON:
        optional = {"field": self.field, "details": self.details, "id": self.id}
        given = {key: value for key, value in optional.items() if value}
        return {"error": {"code": self.code, "message": self.message, **given}}

    @property
    def wire(self) -> JSON:
        """The error as a run's log keeps it, in the shape of `common.errors.to_wire`."""
        details = {**self.details, **({"field": self.field} if self.field else {})}
        known = {"id": self.id} if self.id else {}
        return {"code": self.code, "message": self.message, "details": details, **known}


def internal_error(where: str, exception: BaseException | None = None) -> Problem:
    """Make a 500; the traceback (of the exception being handled, if none is given) is logged."""
    identifier = secrets.token_hex(6)
    logger.error("Error %s at %s", identifier, where, exc_info=exception or sys.exc_info())
    return broken(identifier)


def broken(identifier: str) -> Problem:
    """Tell that something broke, and under which id the log has it."""
    message = f"Something broke inside Cortex. The log has the details under id {identifier}."
    return Problem(500, "internal_error", message, id=identifier)


def problem_of(exception: BaseException, where: str) -> Problem:
    """Tell the problem behind any exception; unforeseen ones are logged and get an id."""
    match exception:
        case CortexError():
            return _domain_problem(exception, where)
        case exceptions.ValidationError():
            return _validation_problem(dict(_leaves(exception.detail)))
        case DjangoValidationError():
            detail = getattr(exception, "message_dict", None) or exception.messages
            return _validation_problem(dict(_leaves(detail)))
        case exceptions.APIException():
            return _api_problem(exception)
        case Http404():
            return Problem(404, "not_found", str(exception) or f"Nothing is at {where}.")
        case PermissionDenied():
            return Problem(403, "permission_denied", str(exception) or "You may not do that.")
        case RequestDataTooBig():
            return Problem(413, "body_too_large", "The request body is too large.")
        case SuspiciousOperation():
            return Problem(400, "bad_request", "The request is malformed.")
    if refusal := foreseen(exception, where):
        return _domain_problem(refusal, where)
    return internal_error(where, exception)


def foreseen(exception: BaseException, where: str) -> CortexError | None:
    """Give the error that is meant for whoever asked; None for one that nobody expects. The disk
    may be full wherever something is stored."""
    if isinstance(exception, CortexError):
        return exception
    return DiskFull(FULL) if disk_full_seen(exception, where) else None


def _domain_problem(error: CortexError, where: str) -> Problem:
    details = dict(error.details)
    field = details.pop("field", None)
    identifier = details.pop("id", None)
    if error.status == 500 and not identifier:
        identifier = internal_error(where, error).id
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return Problem(error.status, error.code, str(error), field, details, identifier, headers)


def _validation_problem(leaves: dict[str, str]) -> Problem:
    """The first culprit is `field`; all of them are in `details.fields` where there are several."""
    field, message = next(iter(leaves.items()), ("", "The request is invalid."))
    details = {"fields": leaves} if len(leaves) > 1 else {}
    text = f"{field}: {message}" if field else message
    return Problem(400, "invalid_request", text, field or None, details)


def _api_problem(error: exceptions.APIException) -> Problem:
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    wait = getattr(error, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    message = next(iter(dict(_leaves(error.detail)).values()), str(error))
    return Problem(error.status_code, CODES.get(code, code), message, headers=headers)


def _leaves(detail: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """(dotted path, first message) of every field in DRF's or Django's nested error detail."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _leaves(value, path if key in NON_FIELD else (*path, str(key)))
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        for index, item in enumerate(detail):
            yield from _leaves(item, (*path, str(index)))
    elif isinstance(detail, list):
        for message in detail[:1]:
            yield ".".join(path), str(message)
    else:
        yield ".".join(path), str(detail)


# --- How a problem is told -----------------------------------------------------------------------


class Origin(Protocol):
    """Where a request came in, for the log and for the format; any request has it."""

    method: str | None
    path: str


Format = Callable[[Problem], tuple[int, JSON]]  # status and body
_formats: dict[str, Format] = {}


def format_register(prefix: str, format: Format) -> None:
    """Tell the problems of all paths under `prefix` in this format."""
    _formats[prefix] = format


def formatted(problem: Problem, path: str) -> tuple[int, JSON]:
    """Return status and body as clients of the path know them."""
    for prefix, format in _formats.items():
        if path == prefix or path.startswith(f"{prefix}/"):
            return format(problem)
    return problem.status, problem.body


def problem_at(exception: BaseException, origin: Origin) -> Problem:
    """Find the problem behind an exception that a request has met."""
    return problem_of(exception, f"{origin.method} {origin.path}")


def error_body(exception: BaseException, origin: Origin) -> JSON:
    """Tell an exception inside a stream or a socket, as a response would have told it."""
    return formatted(problem_at(exception, origin), origin.path)[1]


def problem_response(problem: Problem, path: str) -> JsonResponse:
    """Answer with the problem as JSON."""
    status, body = formatted(problem, path)
    return logged(JsonResponse(body, status=status, headers=problem.headers), problem)


def logged(response: Response, problem: Problem) -> Response:
    """Keep Django from logging what the log has already."""
    if problem.id or problem.code == DiskFull.code:
        response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def refusals_as_json(view: Any) -> Any:
    """Answer errors of the services as the API does; the page's script shows the message."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Exception as error:
            refusal = foreseen(error, f"{request.method} {request.path}")
            if refusal is None:
                raise
            return problem_response(problem_at(refusal, request), request.path)

    return wrapped
