"""The REST routes of agents: what there is, plan, execute, resume, fork."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents import events, goal_schema, services
from agents.forks import StepEdit, run_fork, run_resume
from agents.frames import sse_frames
from agents.goals import Goal, goal_plan, goal_start, limit_sentence, run_steps
from agents.models import Run
from agents.schema import RunSerializer
from agents.steps import StepRecord
from inference.bridge import iterate
from inference.rest import AsyncAPIView
from inference.types import JSON

REACT = {
    "type": "react",
    "name": "ReAct Agent",
    "description": "Agent that uses reasoning and acting to solve problems with tools",
    "capabilities": [
        "Multi-step reasoning",
        "Tool usage",
        "Self-correction",
        "Goal-oriented problem solving",
    ],
}


class AgentInfoView(APIView):
    """GET /api/agents/info"""

    @goal_schema.info
    def get(self, request: Request) -> Response:
        return Response({"agents": [REACT] if settings.ENABLE_AGENTS else []})


class AgentPlanView(AsyncAPIView):
    """POST /api/agents/plan"""

    @goal_schema.plan
    async def post(self, request: Request) -> Response:
        body = await self.validated(request, goal_schema.PlanSerializer)
        make = partial(goal_plan, owner=_user(request), **body.validated_data)
        async with contextlib.aclosing(iterate(make)) as deltas:
            text = "".join([delta.text async for delta in deltas])
        return Response({"plan": text.strip(), "goal": body.validated_data["goal"]})


class AgentExecuteView(AsyncAPIView):
    """POST /api/agents/execute: waits for the end; a client that leaves stops the run."""

    @goal_schema.execute
    async def post(self, request: Request) -> Response:
        body = await self.validated(request, goal_schema.ExecuteSerializer)
        run = await sync_to_async(_start)(request, body.validated_data)
        try:
            await _end_of(run)
        except asyncio.CancelledError:
            await sync_to_async(services.run_cancel)(run=run)
            raise
        return Response(await sync_to_async(_outcome)(run.id, body.validated_data["verbose"]))


class AgentStreamView(AsyncAPIView):
    """POST /api/agents/execute/stream: the run's log as it grows. The run outlives the connection:
    its events can be followed again, and it can be cancelled, under its own routes."""

    @goal_schema.stream
    async def post(self, request: Request) -> StreamingHttpResponse:
        body = await self.validated(request, goal_schema.ExecuteSerializer)
        run = await sync_to_async(_start)(request, body.validated_data)
        return StreamingHttpResponse(
            sse_frames(run.id, 0),
            content_type="text/event-stream",
            headers={
                "Cache-Control": "no-cache, no-transform",
                "X-Accel-Buffering": "no",
                "X-Run-Id": str(run.id),
            },
        )


class RunResumeView(APIView):
    """POST /api/agents/runs/{id}/resume"""

    @goal_schema.resume
    def post(self, request: Request, run_id: UUID) -> Response:
        run = services.run_get(run_id=run_id, user=_user(request))
        return Response(RunSerializer(run_resume(run=run)).data, status.HTTP_202_ACCEPTED)


class RunForkView(APIView):
    """POST /api/agents/runs/{id}/fork"""

    @goal_schema.fork
    def post(self, request: Request, run_id: UUID) -> Response:
        body = goal_schema.ForkSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        edit = dict(body.validated_data)
        step = edit.pop("step")
        run = services.run_get(run_id=run_id, user=_user(request))
        fork = run_fork(run=run, owner=_user(request), step=step, edit=StepEdit(**edit))
        return Response(RunSerializer(fork).data, status.HTTP_201_CREATED)


class RunStepsView(APIView):
    """GET /api/agents/runs/{id}/steps"""

    @goal_schema.steps
    def get(self, request: Request, run_id: UUID) -> Response:
        run = services.run_get(run_id=run_id, user=_user(request))
        return Response({"steps": [step_body(step) for step in run_steps(run)]})


def _user(request: Request) -> User:
    assert isinstance(request.user, User)  # the permission classes see to it
    return request.user


def _start(request: Request, data: JSON) -> Run:
    given = {key: value for key, value in data.items() if key not in ("model", "verbose")}
    return goal_start(owner=_user(request), goal=Goal(**given), model=data["model"])


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
    """A step as the API shows it."""
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
