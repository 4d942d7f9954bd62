"""What one can do with runs."""

from __future__ import annotations

import json
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import QuerySet

from agents.errors import RunConflict, RunNotFound, ToolCallNotFound
from agents.kinds import KINDS
from agents.log import events
from agents.loops.contract import EventKind, LoopEvent
from agents.models import Run
from agents.work import outcomes, runner
from common.disk import storing
from common.errors import InvalidRequest
from common.text import storable
from common.types import JSON
from inference import services as inference
from inference.engines.base import QueuePosition
from inference.errors import QueueFull

DecisionWord = Literal["allow", "deny"]


@storing("a run")
def run_start(
    *,
    owner: User,
    kind: str,
    model: str = "",
    params: JSON,
    parent: Run | None = None,
) -> Run:
    """Queue a run; it starts when the surrounding transaction is committed and there is room.

    Raises InvalidRequest for an unknown kind, QueueFull when MAX_QUEUE runs wait already.
    """
    if kind not in KINDS:
        raise InvalidRequest(f"There is no kind of run called {kind!r}.", field="kind")
    with transaction.atomic():
        if Run.objects.filter(state=Run.State.QUEUED).count() >= settings.MAX_QUEUE:
            place = inference.queue_place(model=model, ahead=settings.MAX_QUEUE)
            raise QueueFull(
                f"{settings.MAX_QUEUE} runs are waiting already; try again soon.",
                expected_wait=place.seconds,
            )
        run = Run(owner=owner, kind=kind, model=model, params=params, parent=parent, last_seq=1)
        run.save(force_insert=True)
        events.store(run.id, [LoopEvent(EventKind.STATE, {"state": run.state})], last=1)
        transaction.on_commit(runner.dispatch)
    return run


def run_get(*, run_id: UUID, user: User | AnonymousUser) -> Run:
    """One of the user's own runs. Raises RunNotFound."""
    run = Run.objects.filter(id=run_id, owner_id=user.pk).first()
    if run is None:
        raise RunNotFound(f"There is no run {run_id}.")
    return run


def run_list(
    *, user: User | AnonymousUser, state: str | None = None, kind: str | None = None
) -> QuerySet[Run]:
    """Give the user's own runs, perhaps those of a state or kind only. Work in the background is
    among them if its kind is asked for."""
    runs = Run.objects.filter(owner_id=user.pk)
    runs = runs if state is None else runs.filter(state=state)
    if kind is not None:
        return runs.filter(kind=kind)
    return runs.exclude(kind__in=[name for name, known in KINDS.items() if known.background])


@storing("a run's end")
def run_cancel(*, run: Run) -> Run:
    """Stop the run, wherever it works; nothing happens to one that has ended. Gives it anew."""
    active = Run.objects.filter(id=run.id, state__in=Run.ACTIVE)
    try:
        asked = active.update(cancel_requested=True)
        if asked and not outcomes.finish(run.id, outcomes.STOPPED, expected=[Run.State.QUEUED]):
            runner.cancel(run.id)
    except DatabaseError:
        runner.cancel(run.id)  # what works here stops, whatever is written
        raise
    return Run.objects.get(id=run.id)


def queue_place(*, run: Run) -> QueuePosition | None:
    """Where the run waits: among the runs that have not started, behind all that waits for its
    model; or, once it works in this process, in its model's queue. None when it does not wait."""
    if run.state != Run.State.QUEUED:
        return runner.place(run.id)
    ahead = Run.objects.filter(state=Run.State.QUEUED, created_at__lt=run.created_at)
    return inference.queue_place(model=run.model, ahead=ahead.count())


def prompt_reading(*, run: Run) -> float | None:
    """How much of the prompt has been read that the run's model reads now, from 0.0 to 1.0; None
    when it reads none."""
    return runner.reading(run.id)


@storing("a decision")
def tool_call_decide(
    *, run: Run, call_id: str, decision: DecisionWord, arguments: JSON | None = None
) -> Run:
    """Let the tool call that the run waits for go ahead, perhaps with other arguments, or not.

    Saying the same again changes nothing. Raises ToolCallNotFound, or RunConflict when the call
    does not wait (any more).
    """
    text = json.dumps(arguments, ensure_ascii=False) if arguments is not None else None
    data: JSON = storable({"id": call_id, "decision": decision, "arguments": text})
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(id=run.id)
        if data not in _logged(locked, EventKind.TOOL_DECISION):
            _require_pending(locked, data["id"])
            state = LoopEvent(EventKind.STATE, {"state": Run.State.RUNNING.value})
            word = LoopEvent(EventKind.TOOL_DECISION, data)
            events.append(run.id, [word, state], state=Run.State.RUNNING)
            transaction.on_commit(lambda: runner.nudge(run.id))
    return Run.objects.get(id=run.id)


def _logged(run: Run, kind: str) -> list[JSON]:
    return list(run.events.filter(kind=kind).order_by("seq").values_list("data", flat=True))


def _require_pending(run: Run, call_id: str) -> None:
    ids = [call["id"] for call in _logged(run, EventKind.TOOL_CALL)]
    if call_id not in ids:
        raise ToolCallNotFound(f"This run has no tool call {call_id}.")
    if run.state != Run.State.WAITING or ids[-1] != call_id:
        raise RunConflict(f"The tool call {call_id} does not wait for a decision.")
