"""Agent runs: from a goal, through the ReAct loop, to an answer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User

from agents import services
from agents.errors import AgentsDisabled
from agents.loops import control
from agents.loops.contract import Decision, EventKind, Generate, Loop, LoopEvent
from agents.models import Run
from agents.react.loop import react_loop
from agents.react.prompting import prompt, tool_summary
from agents.react.steps import THINKING, StepRecord, Task, step_of
from common.errors import CortexError, TimeUp
from common.types import JSON
from inference.models import LanguageModel
from inference.services import Generation, generate, model_resolve
from inference.types import AGENT, GenerationRequest, PromptMessage, Sampling
from tooling.base import ToolResult
from tooling.services import tool_call_result, tool_execute, tool_specs

KIND = "react"
PLAN_TOKENS = 300
LEAST_TOOL_SECONDS = 1.0
# Models of fewer parameters are shown solved examples. Those of 135M and 360M need them; from about
# 1.5B on, instruction-tuned models follow the description alone, and examples only cost prompt.
SMALL_MODEL = 1_500_000_000
STEP_TOKENS, SMALL_STEP_TOKENS = 1000, 300
LIMITS = {
    "max_iterations": "reached the limit of {max_iterations} steps",
    "max_seconds": "reached the time limit of {max_seconds:g} seconds",
    "max_tokens": "reached the budget of {max_tokens} tokens",
    "max_tool_calls": "reached the budget of {max_tool_calls} tool calls",
    "same_call": "made the same call three times in a row",
    "unreadable": "wrote three steps in a row that could not be read to their end",
    "length": "wrote an answer that was too long, and was cut off",
    "repetition": "repeated itself in its answer, and was cut off",
}


@dataclass(frozen=True, slots=True)
class Goal:
    """What a run is asked for. `max_iterations` and `max_seconds` 0 are what the settings say, the
    other limits 0 are none, and `tools` None are all that are enabled."""

    goal: str
    max_iterations: int = 0
    max_seconds: float = 0
    max_tokens: int = 0
    max_tool_calls: int = 0
    context: JSON | None = None
    tools: Sequence[str] | None = None
    plan_first: bool = False


def goal_start(
    *, owner: User, goal: Goal, model: str = "", parent: Run | None = None, **more: str
) -> Run:
    """Queue a run for a goal. `more` is kept with its params, for the app that asks; a fork does
    not get it. Raises AgentsDisabled, ModelNotFound, QueueFull."""
    _enabled_check()
    if model:
        model = model_resolve(model).name
    params = asdict(goal) | more
    params["max_iterations"] = goal.max_iterations or settings.MAX_AGENT_ITERATIONS
    params["max_seconds"] = goal.max_seconds or settings.MAX_AGENT_SECONDS
    return services.run_start(owner=owner, kind=KIND, model=model, params=params, parent=parent)


def _enabled_check() -> None:
    if not settings.ENABLE_AGENTS:
        raise AgentsDisabled("Agents are turned off: ENABLE_AGENTS is False.")


def goal_of(run: Run) -> Goal:
    """Read the goal of an agent run, as it was asked."""
    known = {field.name for field in fields(Goal)}
    return Goal(**{key: value for key, value in run.params.items() if key in known})


def goal_plan(*, owner: User, goal: str, model: str = "") -> Generation:
    """Have a numbered plan written for the goal as it is written, without carrying it out.

    Raises AgentsDisabled, ModelNotFound, and what `inference.services.generate` raises.
    """
    _enabled_check()
    return generate(_plan_request(owner, goal, model, tools=None))


def limit_sentence(run: Run) -> str:
    """Why the run had to conclude, for people; "" when it finished of itself."""
    text = LIMITS.get(run.finish_reason, "")
    return f"The run {text.format(**run.params)}." if text else ""


def react_run(run: Run) -> Loop:
    """Drive an agent run: go on after the steps that are committed already."""
    started = time.monotonic()
    goal, plan = goal_of(run), plan_of(run)
    model = model_resolve(run.model)
    ask = partial(generate, resolved=model)
    if goal.plan_first and not plan:
        plan = yield from _make_plan(run, goal, ask)
    task = task_of(run, model, plan)
    deadline = started + task.max_seconds if task.max_seconds else None
    execute = partial(_execute, run, deadline)
    answered = run.events.filter(kind=EventKind.TEXT).exists()  # before the process died
    yield from react_loop(
        task,
        generate=ask,
        execute=execute,
        past=run_steps(run),
        answered=answered,
        spent=time.monotonic() - started,
    )


def run_steps(run: Run) -> list[StepRecord]:
    """Give the steps that stand; one that was being written when the process died does not."""
    records = [step_of(step) for step in run.steps.all()]
    return [record for record in records if record.status != THINKING]


def task_of(run: Run, model: LanguageModel, plan: str = "") -> Task:
    """Give the run's goal with the tools that are enabled now, for the model that answers."""
    goal = goal_of(run)
    return Task(
        goal=goal.goal,
        tools=tuple(tool_specs(goal.tools, caller=run.owner)),
        model=run.model,
        max_iterations=goal.max_iterations,
        max_seconds=goal.max_seconds,
        max_tokens=goal.max_tokens,
        max_tool_calls=goal.max_tool_calls,
        step_tokens=settings.AGENT_STEP_TOKENS or _step_tokens(model),
        context=goal.context or {},
        plan=plan,
        sampling=Sampling(temperature=0.0, repetition_guard=settings.REPETITION_GUARD),
        grammar=_follows_grammar(model),
        examples=is_small(model),
        owner=str(run.owner_id),
    )


def _follows_grammar(model: LanguageModel) -> bool:
    """MLX models are held to a grammar here; a remote server's text is parsed."""
    return model.is_local


def _step_tokens(model: LanguageModel) -> int:
    """A small model that writes a long step is lost; the programs of others may be longer."""
    return SMALL_STEP_TOKENS if is_small(model) else STEP_TOKENS


def is_small(model: LanguageModel) -> bool:
    """Tell whether a model needs solved examples. One whose size is not known counts as large,
    but for the embedded one, whose size stands before it is loaded."""
    if model.source == LanguageModel.Source.EMBEDDED:
        return True
    return 0 < model.parameters < SMALL_MODEL


def _make_plan(run: Run, goal: Goal, ask: Generate) -> Generator[LoopEvent, Decision | None, str]:
    """A plan takes at most half of the time of its run; one that is cut off is used as it is."""
    request = _plan_request(run.owner, goal.goal, run.model, goal.tools)
    request = replace(request, seconds=goal.max_seconds / 2 or None)
    parts: list[str] = []
    with contextlib.suppress(TimeUp), control.closing(ask(request)) as deltas:
        for delta in deltas:
            parts.append(delta.text)
            if delta.usage:
                yield LoopEvent(EventKind.USAGE, asdict(delta.usage))
    plan = "".join(parts).strip()
    yield LoopEvent(EventKind.PLAN, {"text": plan})
    return plan


def _plan_request(
    owner: User, goal: str, model: str, tools: Sequence[str] | None
) -> GenerationRequest:
    specs = tool_specs(tools, caller=owner)
    text = prompt("plan", goal=goal, tools=tool_summary(specs))
    return GenerationRequest(
        messages=(PromptMessage("user", text),),
        model=model,
        sampling=Sampling(temperature=0.3, repetition_guard=settings.REPETITION_GUARD),
        max_tokens=min(PLAN_TOKENS, settings.DEFAULT_MAX_TOKENS),
        priority=AGENT,
        owner=str(owner.pk),
    )


def plan_of(run: Run) -> str:
    """Give the plan that the run was made with; "" if it has none."""
    plans = run.events.filter(kind=EventKind.PLAN).values_list("data__text", flat=True)
    return plans.last() or ""


def _execute(
    run: Run, deadline: float | None, name: str, arguments: JSON, step_number: int
) -> ToolResult:
    """Whatever keeps a tool from running is an observation: the model can do better next time.

    A call that this step has made before its process died is not made again. A call gets at most
    half of the time that the run has left, so that the model can still make use of what it gives.
    """
    made = tool_call_result(run=run.id, step=step_number)
    if made is not None:
        return made
    try:
        return tool_execute(
            name=name,
            arguments=arguments,
            caller=run.owner,
            run=run.id,
            step=step_number,
            timeout=deadline and max(LEAST_TOOL_SECONDS, (deadline - time.monotonic()) / 2),
            cancelled=control.cancel_check(),
        )
    except CortexError as error:
        return ToolResult(False, error=str(error))
