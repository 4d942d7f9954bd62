"""The REST routes of runs: list, read, follow, cancel, decide."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework import generics, pagination, renderers, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import events, schema, services
from agents.frames import sse_frames
from agents.models import HIGHEST_SEQ, Run


class Pages(pagination.CursorPagination):
    """A page stays as it is while new runs come in."""

    ordering = ("-created_at", "-id")
    page_size_query_param = "page_size"
    page_size = 50
    max_page_size = 200


class RunListView(generics.ListAPIView[Run]):
    """GET /api/agents/runs"""

    class Query(serializers.Serializer[Any]):
        state = serializers.ChoiceField(Run.State.choices, required=False)
        kind = serializers.CharField(max_length=20, required=False)
        page_size = serializers.IntegerField(min_value=1, max_value=200, required=False)

    queryset = Run.objects.all()
    serializer_class = schema.RunSummarySerializer
    pagination_class = Pages

    @schema.run_list
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Run]:
        query = self.Query(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        wanted = {key: query.validated_data.get(key) for key in ("state", "kind")}
        return services.run_list(user=self.request.user, **wanted)


class RunView(APIView):
    """GET /api/agents/runs/{id}"""

    @schema.run_get
    def get(self, request: Request, run_id: UUID) -> Response:
        run = services.run_get(run_id=run_id, user=request.user)
        return Response(schema.RunSerializer(run).data)


class RunCancelView(APIView):
    """POST /api/agents/runs/{id}/cancel"""

    @schema.run_cancel
    def post(self, request: Request, run_id: UUID) -> Response:
        run = services.run_get(run_id=run_id, user=request.user)
        return Response(schema.RunSerializer(services.run_cancel(run=run)).data)


class ToolCallDecisionView(APIView):
    """POST /api/agents/runs/{id}/tool-calls/{call}"""

    @schema.tool_call_decide
    def post(self, request: Request, run_id: UUID, call_id: str) -> Response:
        body = schema.DecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        run = services.run_get(run_id=run_id, user=request.user)
        run = services.tool_call_decide(run=run, call_id=call_id, **body.validated_data)
        return Response(schema.RunSerializer(run).data)


class EventStreamRenderer(renderers.BaseRenderer):
    """Lets a client ask for a stream alone. It renders nothing: streams are not rendered."""

    media_type = "text/event-stream"
    format = "event-stream"


class RunEventsView(APIView):
    """GET /api/agents/runs/{id}/events"""

    renderer_classes = [renderers.JSONRenderer, EventStreamRenderer]

    class Query(serializers.Serializer[Any]):
        after = serializers.IntegerField(min_value=0, max_value=HIGHEST_SEQ, default=0)
        last_event_id = serializers.IntegerField(min_value=0, max_value=HIGHEST_SEQ, required=False)
        limit = serializers.IntegerField(min_value=1, max_value=1000, default=500)

    @schema.run_events
    def get(self, request: Request, run_id: UUID) -> HttpResponseBase:
        query = self.Query(data=self._asked(request))
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        after = asked.get("last_event_id", asked["after"])
        run = services.run_get(run_id=run_id, user=request.user)
        if isinstance(request.accepted_renderer, EventStreamRenderer):
            return _stream(run, after)
        page = {
            "state": run.state,
            "last_seq": run.last_seq,
            "events": events.read(run.id, after, asked["limit"]),
        }
        return Response(schema.EventPageSerializer(page).data)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """What is not a stream is JSON, an error before a stream too."""
        if isinstance(response, Response):
            request.accepted_renderer = renderers.JSONRenderer()
            request.accepted_media_type = renderers.JSONRenderer.media_type
        return super().finalize_response(request, response, *args, **kwargs)

    @staticmethod
    def _asked(request: Request) -> dict[str, Any]:
        """A browser that reconnects repeats the address, with where it was in the header."""
        seen = request.headers.get("Last-Event-ID")
        return {**request.query_params.dict(), **({"last_event_id": seen} if seen else {})}


def _stream(run: Run, after: int) -> HttpResponseBase:
    if not run.is_active and after >= run.last_seq:
        return HttpResponse(status=204)
    response = StreamingHttpResponse(sse_frames(run.id, after), content_type="text/event-stream")
    response["Cache-Control"] = "no-cache"
    response["X-Accel-Buffering"] = "no"
    return response
