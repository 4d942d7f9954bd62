"""What OpenAPI says of runs: shapes, examples and every status."""

from __future__ import annotations

from functools import partial

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from agents import services
from agents.errors import RunConflict, RunNotFound, ToolCallNotFound
from agents.models import Event, Run
from agents.web.api.serializers import (
    DecisionSerializer,
    EventQuerySerializer,
    RunQuerySerializer,
)
from common.errors import DiskFull, InvalidRequest
from common.types import JSON
from common.web import sse
from common.web.openapi import NotAcceptable, NothingHere, answer, route, shape, stream

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
EVENTS: list[JSON] = [
    {"seq": 4, "kind": "text", "data": {"text": "The capital of France is Paris."}},
    {"seq": 5, "kind": "done", "data": {"state": "completed", "finish_reason": "stop"}},
]
STREAM = [sse.frame(each, event=each["kind"], id=each["seq"]) for each in EVENTS]
EVENT_PAGE = {"events": EVENTS, "state": "completed", "last_seq": 5}


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


EventPageShape = shape(
    "EventPage",
    EVENT_PAGE,
    events=EventSerializer,
    state={"choices": Run.State.choices, "help_text": "The run's state."},
    last_seq="The number of the run's newest event.",
)


LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID", {"type": "string", "pattern": "^[0-9]{0,9}$"}, OpenApiParameter.HEADER
)
_runs = answer(RunSummarySerializer(many=True), "The runs", RUN)
_run = answer(RunSerializer, "The run", WHOLE_RUN)
_events = (
    answer(EventPageShape, "The end of a log", EVENT_PAGE)
    | stream("The events as they come", *STREAM)
    | {204: OpenApiResponse(None, "The run is done and you have everything")}
)
_route = partial(route, "runs")

run_list = _route("run_list", _runs, InvalidRequest, NothingHere, parameters=[RunQuerySerializer])
run_get = _route("run_get", _run, RunNotFound)
run_cancel = _route("run_cancel", _run, RunNotFound, DiskFull)
run_events = _route(
    "run_events",
    _events,
    *(InvalidRequest, RunNotFound, NotAcceptable),
    parameters=[EventQuerySerializer, LAST_EVENT_ID],
)
tool_call_decide = _route(
    "tool_call_decide",
    _run,
    *(RunNotFound, ToolCallNotFound, RunConflict, DiskFull),
    takes=DecisionSerializer,
    asks={"With other arguments": {"decision": "allow", "arguments": {"expression": "2**10"}}},
)
