"""Runs loops on daemon threads. The database is the queue: whoever has room takes the oldest.

At most MAX_BATCH runs work at once in a process; a run that waits for a person gives its place to
the next. One service thread flushes held-back text, another renews leases, sees cancellations that
other processes asked for and, in a server, takes care of what dead processes left behind.

No Celery or the like: it would ask for a broker, and its tasks neither wait for a person in their
middle nor are taken over at the event where a dead process stopped.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from uuid import UUID

from django.conf import settings
from django.db import connections

from agents.errors import RunEnded
from agents.models import Run
from agents.work import leases, outcomes
from agents.work.jobs import ABORT_SECONDS, GRACE_SECONDS, RunWork, may_pass
from agents.work.ticker import Ticker
from common.disk import disk_full_seen
from inference.engines.base import QueuePosition

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.05
TEND_SECONDS = 0.5
RENEW_SECONDS = 5.0
SWEEP_SECONDS = 10.0


class Runner:
    """The runs of this process. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[UUID, RunWork] = {}
        self._owing: list[RunWork] = []  # over, but for an end that the database did not take
        self._busy = 0  # threads at work, without those that wait for a person
        self._more = False  # somebody asked for a thread when all were busy
        self._serving = False
        self._stopping = False
        self._renewed_at = self._swept_at = 0.0
        self._flusher = Ticker("run-flusher", FLUSH_SECONDS, self._flush, self.is_active)
        self._keeper = Ticker(
            "run-keeper", TEND_SECONDS, self._tend, lambda: self._serving or self.is_active()
        )

    def startup(self) -> None:
        """In a server: end what dead processes left behind, go on with what was queued."""
        self._serving, self._stopping = True, False
        self._swept_at = time.monotonic()
        self._keeper.ensure()
        self._sweep()

    def shutdown(self) -> None:
        """End this process's runs as interrupted, with what they have; queued ones stay queued."""
        self._serving, self._stopping = False, True
        for job in self._snapshot():
            try:
                self._give_up(job, outcomes.INTERRUPTED)
            except Exception:
                logger.exception("Run %s could not be ended", job.run.id)
            finally:
                job.control.cancel()

    def dispatch(self) -> None:
        """Take a run that was queued, now, or when there is room."""
        with self._lock:
            if self._stopping:
                return
            if self._busy >= settings.MAX_BATCH:
                self._more = True
                return
            self._busy += 1
        threading.Thread(target=self._work, name="run", daemon=True).start()

    def cancel(self, run_id: UUID) -> None:
        """Stop the run if it works in this process."""
        if job := self._jobs.get(run_id):
            job.control.cancel()

    def nudge(self, run_id: UUID) -> None:
        """Tell a waiting run of this process that its log has something new."""
        if job := self._jobs.get(run_id):
            job.control.nudge()

    def place(self, run_id: UUID) -> QueuePosition | None:
        """Where a run of this process waits for its model; None when it does not."""
        job = self._jobs.get(run_id)
        return job.control.place() if job else None

    def reading(self, run_id: UUID) -> float | None:
        """How much of its prompt a run of this process has had read; None when none is read."""
        job = self._jobs.get(run_id)
        return job.control.reading() if job else None

    def is_active(self) -> bool:
        """Whether any run is in this process's hands."""
        return bool(self._jobs) or self._busy > 0 or bool(self._owing)

    # --- threads that work on runs ---------------------------------------------------------------

    def _work(self) -> None:
        try:
            while self._take_next():
                pass
        except Exception as error:
            if not disk_full_seen(error, "taking a run"):
                logger.exception("A runner thread failed")
            self._leave()
        finally:
            connections.close_all()

    def _take_next(self) -> bool:
        """Work on the next run; False when this thread is to end (its place is given back)."""
        run = None if self._stopping else leases.claim()
        if run is not None:
            return self._run(run)
        with self._lock:
            again, self._more = self._more and not self._stopping, False
            if not again:
                self._busy -= 1
        return again

    def _run(self, run: Run) -> bool:
        job = RunWork(run, self._room)
        with self._lock:
            self._jobs[run.id] = job
        self._flusher.ensure()
        self._keeper.ensure()
        try:
            job.work()
        except Exception:
            logger.exception("Run %s failed where nothing should", run.id)
        finally:
            with self._lock:
                self._let_go(job)
        return self._stays(job)

    def _let_go(self, job: RunWork) -> bool:
        """Take the job out, once; what it owes is kept. The caller holds the lock."""
        known = self._jobs.pop(job.run.id, None) is not None
        if known and job.owed is not None:
            self._owing.append(job)
        return known

    def _stays(self, job: RunWork) -> bool:
        """Runs that came back from waiting may have made us too many; a given-up thread ends."""
        with self._lock:
            if job.given_up:
                return False
            if self._busy <= settings.MAX_BATCH:
                return True
            self._busy -= 1
            return False

    def _leave(self) -> None:
        with self._lock:
            self._busy -= 1

    @contextlib.contextmanager
    def _room(self) -> Iterator[None]:
        """Give this thread's place to another run for a while."""
        self._leave()
        self.dispatch()
        try:
            yield
        finally:
            with self._lock:
                self._busy += 1

    # --- service threads -------------------------------------------------------------------------

    def _snapshot(self) -> list[RunWork]:
        with self._lock:
            return list(self._jobs.values())

    def _flush(self) -> None:
        for job in self._snapshot():
            try:
                job.writer.flush_if_due()
            except RunEnded:
                job.control.cancel()
            except Exception as error:
                if not disk_full_seen(error, f"run {job.run.id}"):
                    logger.exception("The text of run %s could not be written", job.run.id)

    def _tend(self) -> None:
        jobs, now = self._snapshot(), time.monotonic()
        for job in jobs:  # first, for it needs no database
            if job.control.cancelled_for() > ABORT_SECONDS:
                job.control.abort()
        if jobs:
            self._see_cancellations(jobs)
        held = [*jobs, *self._owing]
        if held and now - self._renewed_at >= RENEW_SECONDS:
            leases.renew(job.lease for job in held)
            self._renewed_at = now  # only now: a sweep takes runs whose leases have lapsed
        self._settle()
        if self._serving and now - self._swept_at >= SWEEP_SECONDS:
            self._sweep()

    def _see_cancellations(self, jobs: list[RunWork]) -> None:
        by_id = {job.run.id: job for job in jobs}
        for run_id in leases.lost_or_cancelled(by_id):
            by_id[run_id].control.cancel()
        for job in jobs:
            if job.control.cancelled_for() > GRACE_SECONDS:
                self._give_up(job, outcomes.STOPPED)

    def _settle(self) -> None:
        """Write the ends that the database did not take, until it does."""
        for job in list(self._owing):
            try:
                job.settle()
            except RunEnded:
                logger.info("Run %s was ended elsewhere", job.run.id)
            except Exception as error:
                if may_pass(error):  # told when it failed first
                    connections.close_all()
                    continue
                logger.exception("The end of run %s cannot be written", job.run.id)
            with self._lock:
                self._owing.remove(job)

    def _give_up(self, job: RunWork, outcome: outcomes.RunOutcome) -> None:
        """End the run though its thread has not: what that thread writes later is refused."""
        try:
            with contextlib.suppress(RunEnded):
                job.end(outcomes.STOPPED if job.control.cancelled else outcome)
        finally:
            with self._lock:
                if self._let_go(job):
                    job.given_up = True
                    self._busy -= 1

    def _sweep(self) -> None:
        self._swept_at = time.monotonic()
        recover()
        queued = Run.objects.filter(state=Run.State.QUEUED).count()
        for _ in range(min(queued, settings.MAX_BATCH)):
            self.dispatch()


def recover() -> int:
    """End the runs of dead processes as interrupted, with what they have; gives their number.

    A process of this host that is gone is seen at once, others by their lapsed lease.
    """
    ended = 0
    for run in leases.abandoned():
        lease = leases.take_over(run)
        if lease is not None:
            outcome = outcomes.STOPPED if run.cancel_requested else outcomes.INTERRUPTED
            ended += outcomes.finish(run.id, outcome, lease=lease)
    if ended:
        logger.warning("%d runs had been left behind and are interrupted now", ended)
    return ended


_runner = Runner()
startup = _runner.startup
shutdown = _runner.shutdown
dispatch = _runner.dispatch
cancel = _runner.cancel
nudge = _runner.nudge
place = _runner.place
reading = _runner.reading
is_active = _runner.is_active
