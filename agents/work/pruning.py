"""What is kept of runs, and for how long: LOG_KEEP_DAYS and LOG_KEEP_SIZE.

A run that nothing refers to goes whole. Of one that an app above needs, such as a chat for the
answer that it wrote, the row and the steps stay, and what its log says twice goes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from agents.loops.contract import EventKind
from agents.models import Event, Run, Step
from agents.react.forks import RESUMABLE
from tooling.journal import text_length
from tooling.services import tool_calls_prune

logger = logging.getLogger(__name__)

AT_ONCE = 100  # runs in a transaction: nobody waits long for the database
# What pages and readers want of the log of a run that has ended: its rows tell the rest.
LASTING = (EventKind.PLAN, EventKind.MODEL, EventKind.ERROR, EventKind.DONE)

RUN_TEXTS = ("params", "output", "thinking", "usage")
EVENT_TEXTS = ("data",)
STEP_TEXTS = ("thought", "action_input", "observed", "text", "usage", "prompt")

_needed: list[Callable[[], QuerySet[Any, Any]]] = []


def runs_keep(needed: Callable[[], QuerySet[Any, Any]]) -> None:
    """Keep the rows of these runs: `needed` gives a queryset of their ids."""
    _needed.append(needed)


@dataclass(frozen=True, slots=True)
class RunLogs:
    """How much there is."""

    runs: int
    events: int
    size: int  # in bytes, about


def logs_measure() -> RunLogs:
    """Tell how much the runs and their logs take."""
    sizes = _sizes()
    return RunLogs(Run.objects.count(), Event.objects.count(), sizes.total())


def prune() -> None:
    """Remove what is older, and more, than the settings want; runs under way stay."""
    gone = sum(map(_drop, _slices(_old())))
    gone += sum(map(_drop, _slices(_surplus())))
    spared = Run.objects.filter(state__in=(*Run.ACTIVE, *RESUMABLE)).values("id")
    gone += tool_calls_prune(spared=spared)
    if gone:
        logger.info("%d rows of the logs of runs and tool calls were pruned", gone)


def _old() -> list[UUID]:
    if not settings.LOG_KEEP_DAYS:
        return []
    before = timezone.now() - timedelta(days=settings.LOG_KEEP_DAYS)
    old = _ended().filter(finished_at__lt=before)
    thick = _passing().filter(run__in=old.filter(_is_needed()).values("id"))
    whole = old.exclude(_is_needed()).values_list("id", flat=True)
    return [*whole, *thick.order_by().values_list("run_id", flat=True).distinct()]


def _surplus() -> list[UUID]:
    """Those that ended longest ago, until what stays is within the limit."""
    if not settings.LOG_KEEP_SIZE:
        return []
    whole, passing = _sizes(), _by_run(_passing(), "run_id", EVENT_TEXTS)
    needed = set(_ended().filter(_is_needed()).values_list("id", flat=True))
    surplus = whole.total() - settings.LOG_KEEP_SIZE
    going: list[UUID] = []
    for run_id in _ended().order_by("finished_at").values_list("id", flat=True):
        if surplus <= 0:
            break
        freed = passing[run_id] if run_id in needed else whole[run_id]
        surplus -= freed
        going += [run_id] if freed else []
    return going


def _slices(ids: list[UUID]) -> Iterator[list[UUID]]:
    yield from (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


@transaction.atomic
def _drop(ids: list[UUID]) -> int:
    """Remove these runs, or of those that are needed what may go; gives how many rows went."""
    ended = _ended().filter(id__in=ids)
    needed = list(ended.filter(_is_needed()).values_list("id", flat=True))
    thinned, _ = _passing().filter(run__in=needed).delete()
    removed, _ = ended.exclude(id__in=needed).delete()
    return thinned + removed


def _ended() -> QuerySet[Run]:
    return Run.objects.exclude(state__in=Run.ACTIVE)


def _passing() -> QuerySet[Event]:
    """What may go of the logs of runs that stay. One that can be resumed needs all of it."""
    over = Event.objects.exclude(run__state__in=(*Run.ACTIVE, *RESUMABLE))
    return over.exclude(kind__in=LASTING)


def _is_needed() -> Q:
    condition = Q(pk__in=[])
    for needed in _needed:
        condition |= Q(pk__in=needed())
    return condition


def _sizes() -> Counter[UUID]:
    """Bytes of each run, about: those of its texts."""
    sizes = _by_run(Run.objects.all(), "id", RUN_TEXTS)
    sizes.update(_by_run(Event.objects.all(), "run_id", EVENT_TEXTS))
    sizes.update(_by_run(Step.objects.all(), "run_id", STEP_TEXTS))
    return sizes


def _by_run(rows: QuerySet[Any], key: str, columns: tuple[str, ...]) -> Counter[UUID]:
    grouped = rows.order_by().values(key).annotate(size=Sum(text_length(*columns)))
    return Counter(dict(grouped.values_list(key, "size")))
