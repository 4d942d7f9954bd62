"""Who works on a run. A lease names the process and is renewed while the thread lives."""

from __future__ import annotations

import os
import socket
import sys
import uuid
from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

import psutil
from django.db.models import Q, QuerySet
from django.utils import timezone

from agents.models import Run

LEASE = timedelta(seconds=30)


def claim() -> Run | None:
    """Take the run that has waited longest; None when none waits. One process gets it."""
    waiting = Run.objects.filter(state=Run.State.QUEUED, cancel_requested=False)
    while run_id := waiting.order_by("created_at").values_list("id", flat=True).first():
        now = timezone.now()
        if waiting.filter(id=run_id).update(
            state=Run.State.RUNNING,
            lease_owner=_new_lease(),
            lease_until=now + LEASE,
            started_at=now,
        ):
            return Run.objects.get(id=run_id)
    return None


def renew(leases: Iterable[str]) -> None:
    """Hold on to these for another while."""
    Run.objects.filter(lease_owner__in=list(leases), state__in=Run.ACTIVE).update(
        lease_until=timezone.now() + LEASE
    )


def abandoned() -> QuerySet[Run]:
    """Find runs that nobody works on any more though their rows say so."""
    held = Run.objects.filter(state__in=(Run.State.RUNNING, Run.State.WAITING))
    owners = held.values_list("lease_owner", flat=True)
    dead = [owner for owner in owners if _is_dead(owner)]
    lapsed = Q(lease_until__lt=timezone.now()) | Q(lease_until=None)
    return held.filter(lapsed | Q(lease_owner__in=dead))


def take_over(run: Run) -> str | None:
    """Take the lease of a run that was `abandoned`; None when somebody else was faster."""
    lease, now = _new_lease(), timezone.now()
    seen = Run.objects.filter(id=run.id, state=run.state, lease_owner=run.lease_owner)
    taken = seen.filter(lease_until=run.lease_until).update(
        lease_owner=lease, lease_until=now + LEASE
    )
    return lease if taken else None


def lost_or_cancelled(jobs: Iterable[UUID]) -> list[UUID]:
    """Those of this process's runs that it should stop working on."""
    ids = list(jobs)
    ours = Run.objects.filter(
        id__in=ids, state__in=Run.ACTIVE, lease_owner__startswith=f"{process_name()} "
    )
    kept = set(ours.filter(cancel_requested=False).values_list("id", flat=True))
    return [run_id for run_id in ids if run_id not in kept]


def process_name() -> str:
    """Names this process for ever: the host, the process id, and when it started."""
    return _name_of(os.getpid())


def _new_lease() -> str:
    return f"{process_name()} {uuid.uuid4().hex}"


@cache
def _name_of(pid: int) -> str:
    return f"{_host()} {pid} {_started(pid)}"


def _is_dead(owner: str) -> bool:
    """Whether the lease's process is certainly gone: it ran on this host and is not there now."""
    try:
        host, pid, started, _ = owner.rsplit(" ", 3)
        return host == _host() and _started(int(pid)) != started
    except ValueError:  # not one of our leases; it will lapse
        return False


@cache
def _host() -> str:
    """This host and, on Linux, this container: process ids mean something within it only."""
    namespace = Path("/proc/self/ns/pid")
    suffix = f"/{namespace.stat().st_ino}" if namespace.exists() else ""
    return socket.gethostname() + suffix


def _started(pid: int) -> str:
    """When the process started, in seconds; "" when it is gone."""
    # Linux counts from the boot, and psutil adds the clock's idea of the boot, which changes when
    # the clock is set: a living process would look like another one.
    origin = psutil.boot_time() if sys.platform == "linux" else 0.0
    try:
        process = psutil.Process(pid)
        ended = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return "" if ended else f"{process.create_time() - origin:.2f}"
    except psutil.NoSuchProcess:
        return ""
