"""How a run ends: once, whoever ends it, with everything filled in from its log."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from agents import events
from agents.loops import LoopEvent
from agents.metrics import RUNS
from agents.models import Event, Run
from agents.signals import run_finished
from inference.errors import InferenceError
from inference.types import JSON
from tooling.errors import ToolError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An end: the state, why the model stopped, and the error if there was one, in the shape of
    `inference.errors.to_wire`."""

    state: Run.State
    finish_reason: str
    error: JSON | None = None


STOPPED = Outcome(Run.State.STOPPED, "cancelled")
INTERRUPTED = Outcome(Run.State.INTERRUPTED, "interrupted")


def completed(finish_reason: str) -> Outcome:
    """The end of a loop that was not disturbed."""
    states = {"cancelled": Run.State.STOPPED, "error": Run.State.FAILED}
    return Outcome(states.get(finish_reason, Run.State.COMPLETED), finish_reason)


def failed(error: Exception, run_id: UUID) -> Outcome:
    """The end of a loop that raised. Of an unknown error only an id is told; the log has it all."""
    if isinstance(error, InferenceError | ToolError):
        wire = {"code": error.code, "message": str(error), "details": error.details}
        return Outcome(Run.State.FAILED, "error", wire)
    error_id = uuid.uuid4().hex[:12]
    log.error("Run %s failed (error %s)", run_id, error_id, exc_info=error)
    message = f"Something went wrong; the server's log has it under {error_id}."
    wire = {"code": "internal_error", "message": message, "details": {}, "id": error_id}
    return Outcome(Run.State.FAILED, "error", wire)


def finish(
    run_id: UUID,
    outcome: Outcome,
    *,
    lease: str | None = None,
    expected: Iterable[str] = Run.ACTIVE,
) -> bool:
    """End the run: state, digest of the log, last events and signal in one transaction.

    False when it is not in an expected state any more, or held by another lease: then somebody
    else has ended it, or will.
    """
    with transaction.atomic():
        rows = Run.objects.select_for_update().filter(id=run_id, state__in=list(expected))
        run = (rows if lease is None else rows.filter(lease_owner=lease)).first()
        if run is None:
            return False
        closing = _last_events(outcome)
        run.last_seq += len(closing)
        events.store(run_id, closing, run.last_seq)
        _fill(run, outcome)
        run.save()
        _announce(run)
        ended = RUNS.labels(run.kind, run.state)
        transaction.on_commit(ended.inc, robust=True)
    return True


def _last_events(outcome: Outcome) -> list[LoopEvent]:
    done = LoopEvent(
        Event.Kind.DONE, {"state": outcome.state.value, "finish_reason": outcome.finish_reason}
    )
    return [LoopEvent(Event.Kind.ERROR, outcome.error), done] if outcome.error else [done]


def _fill(run: Run, outcome: Outcome) -> None:
    entries = events.read(run.id)
    run.state = outcome.state
    run.finish_reason = outcome.finish_reason
    run.error = outcome.error
    run.output = said(entries, Event.Kind.TEXT)
    run.thinking = said(entries, Event.Kind.THINKING)
    run.usage = total_usage(entries)
    run.model = next((e.data["id"] for e in entries if e.kind == Event.Kind.MODEL), run.model)
    run.finished_at = timezone.now()
    run.lease_owner, run.lease_until = "", None


def said(entries: Iterable[Event], kind: str) -> str:
    """All text of one kind; what was said before and after a tool call are paragraphs."""
    parts = [""]
    for entry in entries:
        if entry.kind == kind:
            parts[-1] += entry.data["text"]
        elif entry.kind == Event.Kind.TOOL_CALL and parts[-1].strip():
            parts.append("")
    return "\n\n".join(part.strip("\n") if len(parts) > 1 else part for part in parts if part)


def total_usage(entries: Iterable[Event]) -> JSON:
    """The sum over a run's generations; of the first token the time of the first one. Why a prompt
    was not in the cache is a matter of each."""
    total: JSON = {}
    for usage in (entry.data for entry in entries if entry.kind == Event.Kind.USAGE):
        for name, value in usage.items():
            if isinstance(value, str):
                continue
            if name != "first_token_seconds" or name not in total:
                total[name] = total.get(name, 0) + value
    return total


def _announce(run: Run) -> None:
    """What receivers write is kept with the end of the run; if one fails, the run ends without."""
    try:
        with transaction.atomic():
            run_finished.send(sender=Run, run=run)
    except Exception:
        log.exception("A receiver failed on the end of run %s", run.id)
