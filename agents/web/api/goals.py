"""The REST routes of agents: what there is, plan, execute, resume, fork."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from functools import partial
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.http import StreamingHttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import services
from agents.log import events
from agents.log.frames import sse_frames
from agents.models import Run
from agents.react.forks import StepEdit, run_fork, run_resume
from agents.react.goals import Goal, goal_plan, goal_start, limit_sentence, run_steps
from agents.react.steps import StepRecord
from agents.web.api import openapi_goals
from agents.web.api.openapi import RunSerializer
from agents.web.api.serializers import ExecuteSerializer, ForkSerializer, PlanSerializer
from common.bridge import iterate
from common.cancellation import Callback, on_cancel
from common.types import JSON
from common.web.rest import AsyncAPIView
from common.web.sse import stream_response
from common.web.users import user_of


class AgentInfoView(APIView):
    """GET /api/agents/info"""

    @openapi_goals.info
    def get(self, request: Request) -> Response:
        """Tell which agents there are."""
        return Response({"agents": [openapi_goals.REACT] if settings.ENABLE_AGENTS else []})


class AgentPlanView(AsyncAPIView):
    """POST /api/agents/plan"""

    @openapi_goals.plan
    async def post(self, request: Request) -> Response:
        """Make a plan for a goal, without carrying it out."""
        body = await self.validated(request, PlanSerializer)
        make = partial(goal_plan, owner=user_of(request), **body.validated_data)
        async with contextlib.aclosing(iterate(make)) as deltas:
            text = "".join([delta.text async for delta in deltas])
        return Response({"plan": text.strip(), "goal": body.validated_data["goal"]})


class AgentExecuteView(AsyncAPIView):
    """POST /api/agents/execute."""

    @openapi_goals.execute
    async def post(self, request: Request) -> Response:
        """Run an agent until an answer stands.

        A client that leaves stops the run.
        """
        body = await self.validated(request, ExecuteSerializer)
        run, forget = await sync_to_async(_start_for_client)(request, body.validated_data)
        try:
            await _end_of(run)
        except asyncio.CancelledError:
            _stop_soon(run)
            raise
        finally:
            forget()
        return Response(await sync_to_async(_outcome)(run.id, body.validated_data["verbose"]))


class AgentStreamView(AsyncAPIView):
    """POST /api/agents/execute/stream."""

    @openapi_goals.stream_of_events
    async def post(self, request: Request) -> StreamingHttpResponse:
        """Run an agent, and follow it as server-sent events.

        The run outlives the connection: its events can be followed again, and it can be cancelled,
        under its own routes.
        """
        body = await self.validated(request, ExecuteSerializer)
        run = await sync_to_async(_start)(request, body.validated_data)
        return stream_response(sse_frames(run.id, 0), {"X-Run-Id": str(run.id)})


class RunResumeView(APIView):
    """POST /api/agents/runs/{id}/resume"""

    @openapi_goals.resume
    def post(self, request: Request, run_id: UUID) -> Response:
        """Go on with a run that was stopped, interrupted or failed."""
        run = services.run_get(run_id=run_id, user=user_of(request))
        return Response(RunSerializer(run_resume(run=run)).data, status.HTTP_202_ACCEPTED)


class RunForkView(APIView):
    """POST /api/agents/runs/{id}/fork"""

    @openapi_goals.fork
    def post(self, request: Request, run_id: UUID) -> Response:
        """Start a new run from a step of this one, with an edit."""
        body = ForkSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        edit = dict(body.validated_data)
        step = edit.pop("step")
        run = services.run_get(run_id=run_id, user=user_of(request))
        fork = run_fork(run=run, owner=user_of(request), step=step, edit=StepEdit(**edit))
        return Response(RunSerializer(fork).data, status.HTTP_201_CREATED)


class RunStepsView(APIView):
    """GET /api/agents/runs/{id}/steps"""

    @openapi_goals.steps
    def get(self, request: Request, run_id: UUID) -> Response:
        """List the steps of a run."""
        run = services.run_get(run_id=run_id, user=user_of(request))
        return Response({"steps": [step_body(step) for step in run_steps(run)]})


def _start(request: Request, data: JSON) -> Run:
    given = {key: value for key, value in data.items() if key not in ("model", "verbose")}
    return goal_start(owner=user_of(request), goal=Goal(**given), model=data["model"])


def _start_for_client(request: Request, data: JSON) -> tuple[Run, Callback]:
    """Start a run that stops when the client leaves, also one that left while it was started; with
    how to take that back."""
    run = _start(request, data)
    return run, on_cancel(partial(_stop_soon, run))


def _stop_soon(run: Run) -> None:
    """On a thread of its own: whoever sees a client leave cannot wait for the database."""

    def stop() -> None:
        try:
            services.run_cancel(run=run)
        finally:
            connections.close_all()

    threading.Thread(target=stop, name="client left", daemon=True).start()


async def _end_of(run: Run) -> None:
    async with contextlib.aclosing(events.follow(run.id)) as batches:
        async for _ in batches:
            pass


def _outcome(run_id: UUID, verbose: bool) -> JSON:
    """The run as the response tells it: a run that hit a limit gives its best answer, and says so
    in `metadata.limit`."""
    run = Run.objects.get(id=run_id)
    records = run_steps(run)
    metadata: JSON = {
        "iterations": len(records),
        "goal": run.params["goal"],
        "run_id": str(run.id),
        "model": run.model,
        "state": run.state,
        "finish_reason": run.finish_reason,
        "usage": run.usage,
    }
    if limit := limit_sentence(run):
        metadata["limit"] = limit
    if run.error:
        metadata["error"] = run.error
    succeeded = run.state == Run.State.COMPLETED and run.finish_reason == "stop"
    body: JSON = {"success": succeeded, "final_answer": run.output or None}
    if verbose:
        body["steps"] = [step_body(step) for step in records]
    return {**body, "metadata": metadata}


def step_body(step: StepRecord) -> JSON:
    """Give a step as the API shows it."""
    names = (
        "step_number",
        "thought",
        "action",
        "action_input",
        "observation",
        "status",
        "usage",
        "tool_seconds",
    )
    return {name: getattr(step, name) for name in names}
