"""What the API says of runs: shapes, examples and every status."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
)
from rest_framework import serializers

from agents import services
from agents.models import HIGHEST_SEQ, Event, Run
from inference.openapi import error_response

RUN = {
    "id": "0b1f6c1e-64a4-4a0c-9a55-0d8f4a3c7f11",
    "kind": "reply",
    "state": "completed",
    "model": "smollm2-135m-instruct",
    "finish_reason": "stop",
    "usage": {"prompt_tokens": 21, "completion_tokens": 8},
    "error": None,
    "parent": None,
    "queue_position": 0,
    "last_seq": 5,
    "created_at": "2026-01-05T09:30:00Z",
    "started_at": "2026-01-05T09:30:00Z",
    "finished_at": "2026-01-05T09:30:01Z",
}
WHOLE_RUN = {**RUN, "params": {}, "output": "The capital of France is Paris.", "thinking": ""}
EVENTS = [
    {"seq": 4, "kind": "text", "data": {"text": "The capital of France is Paris."}},
    {"seq": 5, "kind": "done", "data": {"state": "completed", "finish_reason": "stop"}},
]
STREAM = """id: 4
event: text
data: {"seq": 4, "kind": "text", "data": {"text": "The capital of France is Paris."}}

id: 5
event: done
data: {"seq": 5, "kind": "done", "data": {"state": "completed", "finish_reason": "stop"}}

"""
DECISION = {"decision": "allow", "arguments": {"expression": "2**10"}}


class RunSummarySerializer(serializers.ModelSerializer[Run]):
    queue_position = serializers.SerializerMethodField(
        help_text="1 is the next to start; 0 when the run does not wait."
    )
    usage = serializers.DictField(help_text="Token counts, and where the time went, in seconds.")
    error = serializers.DictField(allow_null=True, help_text="code, message, details, perhaps id.")

    class Meta:
        model = Run
        fields = list(RUN)

    def get_queue_position(self, run: Run) -> int:
        place = services.queue_place(run=run)
        return place.position if place else 0


class RunSerializer(RunSummarySerializer):
    class Meta(RunSummarySerializer.Meta):
        fields = list(WHOLE_RUN)


class EventSerializer(serializers.ModelSerializer[Event]):
    """One entry of a run's log."""

    data = serializers.DictField(help_text="What belongs to an entry of this kind.")  # type: ignore[assignment]

    class Meta:
        model = Event
        fields = ["seq", "kind", "data"]


class EventPageSerializer(serializers.Serializer[Any]):
    events = EventSerializer(many=True)
    state = serializers.ChoiceField(Run.State.choices, help_text="The run's state.")
    last_seq = serializers.IntegerField(help_text="The number of the run's newest event.")


INVALID = error_response(
    400, "A value is not valid", "invalid_request", "after: A valid integer is required."
)
SIGNED_OUT = error_response(401, "Nobody is signed in", "not_authenticated", "Please sign in.")
MISSING = error_response(404, "You have no such run", "not_found", "There is no run 0b1f6c1e.")
CONFLICT = error_response(
    409, "The call does not wait", "run_conflict", "The tool call a1 does not wait for a decision."
)
UNACCEPTABLE = error_response(
    406, "No such format", "not_acceptable", "That format is not available."
)
MEDIA = error_response(
    415, "The body is not JSON", "unsupported_media_type", "Send the body as JSON."
)

_shown = OpenApiExample("A finished reply", WHOLE_RUN, response_only=True, status_codes=["200"])
_run = {200: OpenApiResponse(RunSerializer, "The run", examples=[_shown])}


_SEQ = {"type": "integer", "minimum": 0, "maximum": HIGHEST_SEQ}


def _route(operation_id: str, summary: str, **options: Any) -> Any:
    return extend_schema(operation_id=operation_id, summary=summary, tags=["runs"], **options)


run_list = _route(
    "run_list",
    "Your runs, newest first",
    description="Work in the background (kind `title`) is listed only when its kind is asked for.",
    parameters=[
        OpenApiParameter("state", str, enum=Run.State.values),
        OpenApiParameter("kind", {"type": "string", "minLength": 1, "maxLength": 20}),
        OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": 200}),
    ],
    responses={200: RunSummarySerializer(many=True), **INVALID, **SIGNED_OUT, **MISSING},
    examples=[OpenApiExample("A finished reply", RUN, response_only=True, status_codes=["200"])],
)
run_get = _route("run_get", "One run, with its output", responses={**_run, **SIGNED_OUT, **MISSING})
run_cancel = _route(
    "run_cancel",
    "Stop a run",
    description="What it has written is kept. A run that has ended stays as it is.",
    request=None,
    responses={**_run, **SIGNED_OUT, **MISSING},
)
run_events = _route(
    "run_events",
    "A run's log",
    description=(
        "As JSON what there is now; as text/event-stream what is to come, too, until the `done` "
        "event. To go on after a lost connection send Last-Event-ID (EventSource does it). "
        "A stream that has nothing left answers 204, which ends an EventSource."
    ),
    parameters=[
        OpenApiParameter(
            "after",
            _SEQ,
            description="Number of the last event you have.",
        ),
        OpenApiParameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": 1000},
            description="Of the JSON answer.",
        ),
        OpenApiParameter(
            "Last-Event-ID", {"type": "string", "pattern": "^[0-9]{0,9}$"}, OpenApiParameter.HEADER
        ),
    ],
    responses={
        (200, "application/json"): OpenApiResponse(
            EventPageSerializer,
            "The events",
            examples=[
                OpenApiExample(
                    "The end of a log", {"events": EVENTS, "state": "completed", "last_seq": 5}
                )
            ],
        ),
        (200, "text/event-stream"): OpenApiResponse(
            OpenApiTypes.ANY,
            "The events as they come",
            examples=[OpenApiExample("The end of a log", STREAM)],
        ),
        204: OpenApiResponse(None, "The run is done and you have everything"),
        **INVALID,
        **SIGNED_OUT,
        **MISSING,
        **UNACCEPTABLE,
    },
)


class DecisionSerializer(serializers.Serializer[Any]):
    decision = serializers.ChoiceField(["allow", "deny"])
    arguments = serializers.DictField(
        required=False, allow_null=True, default=None, help_text="Instead of the model's own."
    )


tool_call_decide = _route(
    "tool_call_decide",
    "Allow or deny a tool call that waits",
    description="Saying the same again changes nothing.",
    request=DecisionSerializer,
    responses={**_run, **INVALID, **SIGNED_OUT, **MISSING, **CONFLICT, **MEDIA},
    examples=[OpenApiExample("With other arguments", DECISION, request_only=True)],
)
