"""The one error shape, as OpenAPI says it; every route's description takes its errors from here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, serializers

from common.errors import CortexError, InvalidRequest
from common.problems import Format, Problem, broken, problem_of
from common.types import JSON
from common.web import sse

Shape = type[serializers.Serializer[Any]]
Responses = dict[Any, OpenApiResponse]
Handler = TypeVar("Handler", bound=Callable[..., Any])

FIELDS = {
    bool: serializers.BooleanField,
    int: serializers.IntegerField,
    float: serializers.FloatField,
    str: serializers.CharField,
    dict: serializers.DictField,
}

# --- Operations ----------------------------------------------------------------------------------


class HandlerSchema(AutoSchema):
    """Describes an operation by its handler's docstring: a summary, then what there is to know."""

    def get_summary(self) -> str:
        return self._texts()[0].rstrip(".")

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        return "\n\n".join(self._texts()[1:])

    def _texts(self) -> list[str]:
        """Split the docstring into its paragraphs, each on one line."""
        text = inspect.getdoc(getattr(self.view, self.method.lower())) or ""
        return [" ".join(each.split()) for each in text.split("\n\n")]


def route(
    tag: str,
    name: str,
    responses: Responses,
    *errors: Kind,
    takes: Shape | None = None,
    asks: JSON | None = None,
    parameters: Sequence[OpenApiParameter | Shape] = (),
    errors_told: Callable[..., Responses] | None = None,
) -> Callable[[Handler], Handler]:
    """Describe the handler of a route that people must be signed in for.

    `asks` holds examples of a body by their names. What can be wrong with any body is added to
    `errors`; `errors_told` writes them where the route speaks a protocol of its own.
    """
    kinds = (*(WRONG_BODY if takes else ()), SignedOut, *errors)
    return extend_schema(
        operation_id=name,
        tags=[tag],
        request=takes,
        parameters=list(parameters),
        responses={**responses, **(errors_told or errors_of)(*kinds)},
        examples=[OpenApiExample(*each, request_only=True) for each in (asks or {}).items()],
    )


def answer(kind: Any, text: str, *examples: Any, status: int = 200) -> Responses:
    """Make a JSON response; of several examples, each after the first is a pair with its name."""
    named = [(text, example) for example in examples[:1]] + list(examples[1:])
    return {(status, "application/json"): _response(kind, text, named)}


def stream(text: str, *events: str) -> Responses:
    """Make a response of server-sent events."""
    return {(200, sse.MEDIA_TYPE): _response(str, text, [("A stream", "".join(events))])}


def _response(kind: Any, text: str, examples: Sequence[tuple[str, Any]]) -> OpenApiResponse:
    told = [OpenApiExample(*each, response_only=True) for each in examples]
    return OpenApiResponse(kind, text, examples=told)


# --- Shapes --------------------------------------------------------------------------------------


def shape(name: str, example: JSON, about: str = "", /, **known: Any) -> Shape:
    """Make the serializer of what a route gives from an example of it.

    `known` tells of a field what its example does not: its help text, its arguments, the shape of
    what it holds, or the whole field.
    """
    fields = {key: _field(value, known.pop(key, {})) for key, value in example.items()}
    made: Shape = type(
        f"{name}Serializer", (serializers.Serializer,), {"__doc__": about, **fields, **known}
    )
    return made


def _field(value: Any, known: Any) -> Any:
    if isinstance(known, serializers.Field):
        return known
    if isinstance(known, type):
        return known(many=isinstance(value, list))
    options = {"help_text": known} if isinstance(known, str) else known
    if isinstance(value, list):
        return serializers.ListField(child=_field(value[0] if value else "", {}), **options)
    kind = serializers.ChoiceField if "choices" in options else FIELDS[type(value)]
    return kind(**options)


class ErrorDetailSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="The cause, for programs.")
    message = serializers.CharField(help_text="The cause, for people.")
    field = serializers.CharField(
        required=False, help_text="Dotted path of the culprit, such as messages.0.role."
    )
    details = serializers.DictField(required=False, help_text="Figures that belong to the cause.")
    id = serializers.CharField(required=False, help_text="Stands in the server's log.")


class ErrorSerializer(serializers.Serializer[Any]):
    """The one error shape."""

    error = ErrorDetailSerializer()


# --- What Django and the REST framework refuse: no CortexError, but told like one ----------------


class Refusal:
    """The root; the docstring of each says what the response means."""

    problem: ClassVar[Problem]


class InvalidJSON(Refusal):
    """The body is not valid JSON."""

    problem = problem_of(exceptions.ParseError("JSON parse error at line 1, column 2."), "")


class SignedOut(Refusal):
    """Nobody is signed in."""

    problem = problem_of(exceptions.NotAuthenticated(), "")


class NotAllowed(Refusal):
    """The user may not do that."""

    problem = problem_of(PermissionDenied(), "")


class NothingHere(Refusal):
    """There is nothing at this address."""

    problem = problem_of(Http404("Invalid page."), "")


class NotAcceptable(Refusal):
    """There is no such format."""

    problem = problem_of(exceptions.NotAcceptable(), "")


class BodyTooLarge(Refusal):
    """The body is too large."""

    problem = problem_of(RequestDataTooBig(), "")


class NotJSON(Refusal):
    """The body is not announced as JSON."""

    problem = problem_of(exceptions.UnsupportedMediaType("text/plain"), "")


class InternalError(Refusal):
    """Something broke; the id stands in the server's log."""

    problem = broken("3f9a0c1d2b4e")


Kind = type[CortexError] | type[Refusal]
WRONG_BODY: tuple[Kind, ...] = (InvalidRequest, InvalidJSON, BodyTooLarge, NotJSON)


def plain(problem: Problem) -> tuple[int, dict[str, Any]]:
    """Tell a problem in the one error shape."""
    return problem.status, problem.body


def errors_of(
    *kinds: Kind, format: Format = plain, serializer: Any = ErrorSerializer
) -> dict[int, OpenApiResponse]:
    """Make the responses of these errors, to be merged into `responses`.

    Errors of one status share a response, in which each has an example under its code. Routes that
    speak a protocol of their own give its `format` and `serializer`.
    """
    by_status: dict[int, list[tuple[Kind, OpenApiExample]]] = {}
    for kind in dict.fromkeys(kinds):
        problem = example_problem(kind)
        status, body = format(problem)
        example = OpenApiExample(problem.code, body, response_only=True, status_codes=[str(status)])
        by_status.setdefault(status, []).append((kind, example))
    return {
        status: OpenApiResponse(
            serializer,
            " Or: ".join(_description(kind) for kind, _ in told),
            examples=[example for _, example in told],
        )
        for status, told in sorted(by_status.items())
    }


def example_problem(kind: Kind) -> Problem:
    """Tell what a client might see of such an error."""
    if issubclass(kind, Refusal):
        return kind.problem
    details = dict(vars(kind).get("example_details", {}))
    return Problem(
        kind.status,
        kind.code,
        vars(kind).get("example") or summary(kind),
        field=details.pop("field", None),
        details=details,
        id=InternalError.problem.id if kind.status == InternalError.problem.status else None,
    )


def summary(kind: Kind) -> str:
    """Give the first paragraph of the class's own docstring, on one line."""
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


def _description(kind: Kind) -> str:
    waits = issubclass(kind, CortexError) and kind.retry_after is not None
    return f"{summary(kind)} See Retry-After." if waits else summary(kind)
