"""How a run ends: once, whoever ends it, with everything filled in from its log."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from agents.log import events
from agents.loops.contract import EventKind, LoopEvent
from agents.metrics import RUNS
from agents.models import Event, Run
from agents.signals import run_finished
from common.disk import disk_full_seen
from common.problems import problem_of
from common.types import JSON

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """An end: the state, why the model stopped, and the error if there was one, in the shape of
    `common.errors.to_wire`."""

    state: Run.State
    finish_reason: str
    error: JSON | None = None


STOPPED = RunOutcome(Run.State.STOPPED, "cancelled")
INTERRUPTED = RunOutcome(Run.State.INTERRUPTED, "interrupted")


def completed(finish_reason: str) -> RunOutcome:
    """Tell the end of a loop that was not disturbed."""
    states = {"cancelled": Run.State.STOPPED, "error": Run.State.FAILED}
    return RunOutcome(states.get(finish_reason, Run.State.COMPLETED), finish_reason)


def failed(error: Exception, run_id: UUID) -> RunOutcome:
    """Tell the end of a loop that raised. Of an unknown error only an id is told; the log has it
    all."""
    return RunOutcome(Run.State.FAILED, "error", problem_of(error, f"run {run_id}").wire)


def finish(
    run_id: UUID,
    outcome: RunOutcome,
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


def _last_events(outcome: RunOutcome) -> list[LoopEvent]:
    done = LoopEvent(
        EventKind.DONE, {"state": outcome.state.value, "finish_reason": outcome.finish_reason}
    )
    return [LoopEvent(EventKind.ERROR, outcome.error), done] if outcome.error else [done]


def _fill(run: Run, outcome: RunOutcome) -> None:
    entries = events.read(run.id)
    run.state = outcome.state
    run.finish_reason = outcome.finish_reason
    run.error = outcome.error
    run.output = said(entries, EventKind.TEXT)
    run.thinking = said(entries, EventKind.THINKING)
    run.usage = total_usage(entries)
    run.model = next((e.data["id"] for e in entries if e.kind == EventKind.MODEL), run.model)
    run.finished_at = timezone.now()
    run.lease_owner, run.lease_until = "", None


def said(entries: Iterable[Event], kind: str) -> str:
    """All text of one kind; what was said before and after a tool call are paragraphs."""
    parts = [""]
    for entry in entries:
        if entry.kind == kind:
            parts[-1] += entry.data["text"]
        elif entry.kind == EventKind.TOOL_CALL and parts[-1].strip():
            parts.append("")
    return "\n\n".join(part.strip("\n") if len(parts) > 1 else part for part in parts if part)


def total_usage(entries: Iterable[Event]) -> JSON:
    """Give the sum over a run's generations; of the first token the time of the first one. Why a
    prompt was not in the cache is a matter of each; what stopped the last one stopped the run."""
    total: JSON = {}
    for usage in (entry.data for entry in entries if entry.kind == EventKind.USAGE):
        for name, value in usage.items():
            if name == "stopped_by":
                total[name] = value
            if isinstance(value, str):
                continue
            if name != "first_token_seconds" or name not in total:
                total[name] = total.get(name, 0) + value
    return total


def _announce(run: Run) -> None:
    """What receivers write is kept with the end of the run; if one fails, the run ends without. A
    database that fails for a while, or a full disk, is no fault of theirs: then all of it is tried
    again."""
    try:
        with transaction.atomic():
            run_finished.send(sender=Run, run=run)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if disk_full_seen(error, f"run {run.id}"):
            raise
        logger.exception("A receiver failed on the end of run %s", run.id)
