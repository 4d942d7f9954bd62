"""What the agent routes take and give: fields, examples and every status."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from agents.schema import (
    CONFLICT,
    INVALID,
    MEDIA,
    MISSING,
    SIGNED_OUT,
    STREAM,
    WHOLE_RUN,
    RunSerializer,
)
from inference.openapi import error_response

GOAL = "What is the factorial of 5?"
STEP = {
    "step_number": 1,
    "thought": "I need to calculate 5! which is 5*4*3*2*1. I'll use the calculator.",
    "action": "calculator",
    "action_input": {"expression": "5*4*3*2*1"},
    "observation": "Success: 120",
    "status": "observing",
    "usage": {"prompt_tokens": 640, "cached_tokens": 600, "completion_tokens": 41},
    "tool_seconds": 0.02,
}
OUTCOME = {
    "success": True,
    "final_answer": "The factorial of 5 is 120",
    "steps": [STEP],
    "metadata": {
        "iterations": 2,
        "goal": GOAL,
        "run_id": WHOLE_RUN["id"],
        "model": "smollm2-135m-instruct",
        "state": "completed",
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 1350, "completion_tokens": 80},
    },
}
AGENT_RUN = {**WHOLE_RUN, "kind": "react", "params": {"goal": GOAL}, "output": "120"}


class PlanSerializer(serializers.Serializer[Any]):
    goal = serializers.CharField(max_length=20_000, help_text="What is to be achieved.")
    model = serializers.CharField(
        max_length=255, default="", allow_blank=True, help_text="A model id; else the default one."
    )


class ExecuteSerializer(PlanSerializer):
    max_iterations = serializers.IntegerField(
        min_value=1, max_value=100, required=False, help_text="Else MAX_AGENT_ITERATIONS."
    )
    verbose = serializers.BooleanField(
        required=False,
        help_text="Whether the steps are in the response; else DEFAULT_AGENT_VERBOSE.",
    )
    context = serializers.DictField(  # type: ignore[assignment]
        required=False, help_text="What the model should know as well."
    )
    tools = serializers.ListField(
        child=serializers.CharField(max_length=64),
        required=False,
        help_text="Names of the tools it may use; else all that are enabled.",
    )
    plan_first = serializers.BooleanField(default=False, help_text="Make a plan before step 1.")
    max_seconds = serializers.FloatField(
        min_value=0, max_value=86_400, default=0, help_text="Time budget; 0 is MAX_AGENT_SECONDS."
    )
    max_tokens = serializers.IntegerField(
        min_value=0,
        max_value=10_000_000,
        default=0,
        help_text="Budget of written tokens; 0 is none.",
    )
    max_tool_calls = serializers.IntegerField(
        min_value=0, max_value=1000, default=0, help_text="Budget of tool calls; 0 is none."
    )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        data.setdefault("max_iterations", settings.MAX_AGENT_ITERATIONS)
        data.setdefault("verbose", settings.DEFAULT_AGENT_VERBOSE)
        return data


class ForkSerializer(serializers.Serializer[Any]):
    step = serializers.IntegerField(
        min_value=1, max_value=1000, help_text="The step from which the new run goes its own way."
    )
    thought = serializers.CharField(required=False, max_length=20_000, allow_blank=True)
    action = serializers.CharField(required=False, max_length=64)
    action_input = serializers.DictField(required=False)
    observation = serializers.CharField(required=False, max_length=100_000, allow_blank=True)
    model = serializers.CharField(required=False, max_length=255)


class PlanResultSerializer(serializers.Serializer[Any]):
    plan = serializers.CharField()
    goal = serializers.CharField()


class AgentSerializer(serializers.Serializer[Any]):
    type = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    capabilities = serializers.ListField(child=serializers.CharField())


class AgentListSerializer(serializers.Serializer[Any]):
    agents = AgentSerializer(many=True)


class StepSerializer(serializers.Serializer[Any]):
    step_number = serializers.IntegerField()
    thought = serializers.CharField(allow_blank=True)
    action = serializers.CharField(allow_blank=True)
    action_input = serializers.DictField(allow_null=True)
    observation = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(["acting", "observing", "completed", "failed"])
    usage = serializers.DictField(help_text="Tokens and seconds of this step's generation.")
    tool_seconds = serializers.FloatField()


class StepListSerializer(serializers.Serializer[Any]):
    steps = StepSerializer(many=True)


class OutcomeSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField(help_text="The run finished of itself.")
    final_answer = serializers.CharField(allow_null=True)
    steps = StepSerializer(many=True, required=False)
    metadata = serializers.DictField(
        help_text="iterations, goal, run_id, model, state, finish_reason, usage; limit or error."
    )


def _given(kind: Any, text: str, value: Any, status: int = 200) -> dict[int, OpenApiResponse]:
    example = OpenApiExample(text, value, response_only=True, status_codes=[str(status)])
    return {status: OpenApiResponse(kind, text, examples=[example])}


def _asked(value: Any) -> list[OpenApiExample]:
    return [OpenApiExample("Request", value, request_only=True)]


NO_MODEL = error_response(
    404, "There is no such model", "model_not_found", "There is no model 'x' here."
)
OFF = error_response(
    409, "Agents are off", "agents_disabled", "Agents are turned off: ENABLE_AGENTS is False."
)
FULL = error_response(
    503, "Too many runs wait", "queue_full", "64 runs are waiting already; try again soon."
)
GOAL_ERRORS = {**INVALID, **SIGNED_OUT, **NO_MODEL, **OFF, **MEDIA, **FULL}

info = extend_schema(
    summary="Which agents there are",
    responses={**_given(AgentListSerializer, "The agents", {"agents": []}), **SIGNED_OUT},
)
plan = extend_schema(
    summary="Make a plan for a goal, without carrying it out",
    request=PlanSerializer,
    responses={
        **_given(PlanResultSerializer, "The plan", {"plan": "1. Use calculator", "goal": GOAL}),
        **GOAL_ERRORS,
        **error_response(
            422, "The goal is too long", "context_overflow", "The prompt has 9000 tokens."
        ),
        **error_response(
            500, "The model failed", "generation_failed", "The model failed.", id="4f1c"
        ),
    },
    examples=_asked({"goal": GOAL}),
)
execute = extend_schema(
    summary="Run an agent until an answer stands",
    request=ExecuteSerializer,
    responses={**_given(OutcomeSerializer, "The answer and its steps", OUTCOME), **GOAL_ERRORS},
    examples=_asked({"goal": GOAL, "max_iterations": 10, "verbose": True}),
)
stream = extend_schema(
    summary="Run an agent, and follow it as server-sent events",
    request=ExecuteSerializer,
    responses={
        (200, "text/event-stream"): OpenApiResponse(
            str, "The run's events", examples=[OpenApiExample("Events", STREAM)]
        ),
        **GOAL_ERRORS,
    },
    examples=_asked({"goal": GOAL}),
)
resume = extend_schema(
    summary="Go on with a run that was stopped, interrupted or failed",
    request=None,
    responses={
        **_given(RunSerializer, "The run, queued again", {**AGENT_RUN, "state": "queued"}, 202),
        **SIGNED_OUT,
        **MISSING,
        **CONFLICT,
    },
)
fork = extend_schema(
    summary="Start a new run from a step of this one, with an edit",
    request=ForkSerializer,
    responses={
        **_given(RunSerializer, "The new run", {**AGENT_RUN, "state": "queued"}, 201),
        **INVALID,
        **SIGNED_OUT,
        **MISSING,
        **CONFLICT,
        **MEDIA,
        **FULL,
    },
    examples=_asked({"step": 2, "observation": "Success: 121"}),
)
steps = extend_schema(
    summary="The steps of a run",
    responses={
        **_given(StepListSerializer, "The steps", {"steps": [STEP]}),
        **SIGNED_OUT,
        **MISSING,
    },
)
