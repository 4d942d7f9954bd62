"""Time travel: an agent run goes on after an interruption, or again from one of its steps."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from agents.errors import RunConflict, StepNotFound
from agents.log import events
from agents.loops.contract import EventKind, LoopEvent
from agents.models import Run
from agents.react.goals import KIND, goal_of, goal_start, run_steps
from agents.react.observations import observation_read
from agents.react.parser import FINISH
from agents.react.steps import ACTING, OBSERVING, StepRecord, step_data
from agents.work import runner
from common.disk import storing
from common.errors import InvalidRequest
from common.types import JSON
from tooling.services import tool_specs

RESUMABLE = (Run.State.INTERRUPTED, Run.State.STOPPED, Run.State.FAILED)


@dataclass(frozen=True, slots=True)
class StepEdit:
    """What a fork changes in the step that it starts from; None leaves a part as it was."""

    thought: str | None = None
    action: str | None = None
    action_input: JSON | None = None
    observation: str | None = None
    model: str | None = None

    @property
    def rewrites(self) -> bool:
        """Whether the model's part of the step is changed."""
        return any(part is not None for part in (self.thought, self.action, self.action_input))


@storing("a run")
def run_resume(*, run: Run) -> Run:
    """Go on with an agent run after its last committed step; no recorded tool call is made again.

    Raises RunConflict for a run that is active, that has finished, or that is no agent run.
    """
    with transaction.atomic():
        rows = Run.objects.filter(id=run.id, kind=KIND, state__in=RESUMABLE)
        if not rows.update(
            state=Run.State.QUEUED,
            cancel_requested=False,
            finish_reason="",
            error=None,
            finished_at=None,
            last_seq=F("last_seq") + 1,
        ):
            raise RunConflict(f"A run that is {run.state} cannot be resumed.")
        run = Run.objects.get(id=run.id)
        queued = LoopEvent(EventKind.STATE, {"state": run.state})
        events.store(run.id, [queued], last=run.last_seq)
        transaction.on_commit(runner.dispatch)
    return run


@storing("a run")
def run_fork(*, run: Run, owner: User, step: int, edit: StepEdit) -> Run:
    """Make a new run that shares the steps before `step` and goes its own way from there.

    With an edited observation the step stands as edited; with another thought, action or input its
    call is made anew; else the model writes the step again. The first run stays as it was. Raises
    RunConflict, StepNotFound, InvalidRequest.
    """
    if run.kind != KIND:
        raise RunConflict("Only an agent run can be forked.")
    past = _shared_steps(run, owner, step, edit)
    with transaction.atomic():
        model = run.model if edit.model is None else edit.model
        fork = goal_start(owner=owner, goal=goal_of(run), model=model, parent=run)
        fork.params = {**fork.params, "forked_from_step": step}
        fork.save(update_fields=["params"])
        events.append(fork.id, [*_plan_events(run), *map(_step_event, past)])
    return Run.objects.get(id=fork.id)


def _shared_steps(run: Run, owner: User, number: int, edit: StepEdit) -> list[StepRecord]:
    steps = run_steps(run)
    if not 1 <= number <= len(steps) + 1:
        raise StepNotFound(f"The run has no step {number}; it has {len(steps)}.", field="step")
    shared = steps[: number - 1]
    if not edit.rewrites and edit.observation is None:
        return shared
    if number > len(steps):
        raise InvalidRequest(f"There is no step {number} to edit yet.", field="step")
    return [*shared, _edited(steps[number - 1], owner, edit)]


def _edited(step: StepRecord, owner: User, edit: StepEdit) -> StepRecord:
    action = step.action if edit.action is None else edit.action
    if action == FINISH:
        raise InvalidRequest(
            "A step that finishes has nothing to go on from: choose a tool, or an earlier step.",
            field="action",
        )
    if action not in {spec.name for spec in tool_specs(caller=owner)}:
        raise InvalidRequest(f"{action!r} is not a tool that is enabled.", field="action")
    given = {key: value for key, value in asdict(edit).items() if value is not None}
    given.pop("model", None)
    given["observed"] = observation_read(given.pop("observation", None))
    edited = replace(step, **given, usage={}, tool_seconds=0.0)
    if edit.rewrites:
        edited = replace(edited, text="", prompt="")
    return replace(edited, status=ACTING if edit.observation is None else OBSERVING)


def _plan_events(run: Run) -> list[LoopEvent]:
    plans = run.events.filter(kind=EventKind.PLAN)
    return [LoopEvent(plan.kind, plan.data) for plan in plans]


def _step_event(step: StepRecord) -> LoopEvent:
    return LoopEvent(EventKind.STEP, step_data(step))
