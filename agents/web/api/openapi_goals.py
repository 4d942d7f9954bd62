"""What OpenAPI says of the agent routes: shapes, examples and every status."""

from __future__ import annotations

from functools import partial

from agents.errors import AgentsDisabled, RunConflict, RunNotFound, StepNotFound
from agents.web.api.openapi import STREAM, WHOLE_RUN, RunSerializer
from agents.web.api.serializers import ExecuteSerializer, ForkSerializer, PlanSerializer
from common.errors import DiskFull
from common.web.openapi import answer, route, shape, stream
from inference.errors import GENERATION_ERRORS, ModelNotFound, QueueFull

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
QUEUED = {**WHOLE_RUN, "kind": "react", "params": {"goal": GOAL}, "output": "", "state": "queued"}
PLANNED = {"plan": "1. Use calculator", "goal": GOAL}
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


PlanShape = shape("PlanResult", PLANNED)
AgentListShape = shape("AgentList", {"agents": [REACT]}, agents=shape("Agent", REACT))
StepShape = shape(
    "Step",
    STEP,
    action_input={"allow_null": True},
    observation={"allow_null": True},
    status={"choices": ["acting", "observing", "completed", "failed"]},
    usage="Tokens and seconds of this step's generation.",
)
StepListShape = shape("StepList", {"steps": [STEP]}, steps=StepShape)
OutcomeShape = shape(
    "Outcome",
    OUTCOME,
    success="The run finished of itself.",
    final_answer={"allow_null": True},
    steps=StepShape(many=True, required=False),
    metadata="iterations, goal, run_id, model, state, finish_reason, usage; limit or error.",
)
_agents = answer(AgentListShape, "The agents", {"agents": [REACT]})
_plan = answer(PlanShape, "The plan", PLANNED)
_outcome = answer(OutcomeShape, "The answer and its steps", OUTCOME)
_events = stream("The run's events", *STREAM)
_resumed = answer(RunSerializer, "The run, queued again", QUEUED, status=202)
_forked = answer(RunSerializer, "The new run", QUEUED, status=201)
_steps = answer(StepListShape, "The steps", {"steps": [STEP]})
_asks = {"A goal": {"goal": GOAL}}
_asks_at_length = {"A goal": {"goal": GOAL, "max_iterations": 10, "verbose": True}}
_edits = {"Another observation": {"step": 2, "observation": "Success: 121"}}
_refused = (ModelNotFound, AgentsDisabled, QueueFull, DiskFull)
_route = partial(route, "agents")

info = _route("api_agents_info_retrieve", _agents)
plan = _route(
    "api_agents_plan_create",
    _plan,
    *_refused,
    *GENERATION_ERRORS,
    takes=PlanSerializer,
    asks=_asks,
)
execute = _route(
    "api_agents_execute_create", _outcome, *_refused, takes=ExecuteSerializer, asks=_asks_at_length
)
stream_of_events = _route(
    "api_agents_execute_stream_create", _events, *_refused, takes=ExecuteSerializer, asks=_asks
)
resume = _route("api_agents_runs_resume_create", _resumed, RunNotFound, RunConflict, DiskFull)
fork = _route(
    "api_agents_runs_fork_create",
    _forked,
    *(RunNotFound, StepNotFound, RunConflict, QueueFull, DiskFull),
    takes=ForkSerializer,
    asks=_edits,
)
steps = _route("api_agents_runs_steps_retrieve", _steps, RunNotFound)
