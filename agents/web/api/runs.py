"""The REST routes of runs: list, read, follow, cancel, decide."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import generics, pagination, renderers, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import services
from agents.log import events
from agents.log.frames import sse_frames
from agents.models import HIGHEST_SEQ, Run
from agents.web.api import openapi
from agents.web.api.serializers import DecisionSerializer, EventQuerySerializer, RunQuerySerializer
from common.web.sse import MEDIA_TYPE, stream_response
from common.web.users import user_of


class Pages(pagination.CursorPagination):
    """A page stays as it is while new runs come in."""

    ordering = ("-created_at", "-id")
    page_size_query_param = "page_size"
    page_size = 50
    max_page_size = 200


class RunListView(generics.ListAPIView[Run]):
    """GET /api/agents/runs"""

    queryset = Run.objects.all()
    serializer_class = openapi.RunSummarySerializer
    pagination_class = Pages

    @openapi.run_list
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List your runs, newest first.

        Work in the background (kind `title`) is listed only when its kind is asked for.
        """
        return super().get(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[Run]:
        query = RunQuerySerializer(data=self.request.query_params.dict())
        query.is_valid(raise_exception=True)
        wanted = {key: query.validated_data.get(key) for key in ("state", "kind")}
        return services.run_list(user=user_of(self.request), **wanted)


class RunView(APIView):
    """GET /api/agents/runs/{id}"""

    @openapi.run_get
    def get(self, request: Request, run_id: UUID) -> Response:
        """Give one run, with its output."""
        run = services.run_get(run_id=run_id, user=user_of(request))
        return Response(openapi.RunSerializer(run).data)


class RunCancelView(APIView):
    """POST /api/agents/runs/{id}/cancel"""

    @openapi.run_cancel
    def post(self, request: Request, run_id: UUID) -> Response:
        """Stop a run.

        What it has written is kept. A run that has ended stays as it is.
        """
        run = services.run_get(run_id=run_id, user=user_of(request))
        return Response(openapi.RunSerializer(services.run_cancel(run=run)).data)


class ToolCallDecisionView(APIView):
    """POST /api/agents/runs/{id}/tool-calls/{call}"""

    @openapi.tool_call_decide
    def post(self, request: Request, run_id: UUID, call_id: str) -> Response:
        """Allow or deny a tool call that waits.

        Saying the same again changes nothing.
        """
        body = DecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        run = services.run_get(run_id=run_id, user=user_of(request))
        run = services.tool_call_decide(run=run, call_id=call_id, **body.validated_data)
        return Response(openapi.RunSerializer(run).data)


class EventStreamRenderer(renderers.BaseRenderer):
    """Lets a client ask for a stream alone. It renders nothing: streams are not rendered."""

    media_type = MEDIA_TYPE
    format = "event-stream"


class RunEventsView(APIView):
    """GET /api/agents/runs/{id}/events"""

    renderer_classes = [renderers.JSONRenderer, EventStreamRenderer]

    class Query(EventQuerySerializer):
        last_event_id = serializers.IntegerField(min_value=0, max_value=HIGHEST_SEQ, required=False)

    @openapi.run_events
    def get(self, request: Request, run_id: UUID) -> HttpResponseBase:
        """Give a run's log.

        As JSON what there is now; as text/event-stream what is to come, too, until the `done`
        event. To go on after a lost connection send Last-Event-ID (EventSource does it). A stream
        that has nothing left answers 204, which ends an EventSource.
        """
        query = self.Query(data=self._asked(request))
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        after = asked.get("last_event_id", asked["after"])
        run = services.run_get(run_id=run_id, user=user_of(request))
        if isinstance(request.accepted_renderer, EventStreamRenderer):
            return _stream(run, after)
        entries = events.read(run.id, after, asked["limit"])
        page = {"events": openapi.EventSerializer(entries, many=True).data}
        return Response({**page, "state": run.state, "last_seq": run.last_seq})

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Answer in JSON what is not a stream, an error before a stream too."""
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
    return stream_response(sse_frames(run.id, after))
