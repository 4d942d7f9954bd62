"""Children that are started before they are asked for, so that a run does not wait for one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tooling.jail.lockdown import ResourceLimits
from tooling.sandbox.child import Child
from tooling.sandbox.command import Program
from tooling.sandbox.watch import ChildReply, Ending

START_SECONDS = 30.0  # for a child to be confined and ready, on a machine under load
POLL = 0.05  # seconds


class Unavailable(Exception):
    """No child can be had: the sentence says why."""


class Cancelled(Unavailable):
    """Nobody wants the answer any more, and nothing was run."""


@dataclass(frozen=True)
class Terms:
    """What a pool starts, and how much of it.

    `reuse`: a child that answered serves the next one; otherwise each serves once. `spare` children
    wait; at most `at_once` are at work, and further callers wait for `wait_seconds`.
    """

    program: Program
    limits: ResourceLimits
    max_output: int = 100_000
    reuse: bool = False
    spare: int = 1
    at_once: int = max(2, os.cpu_count() or 2)
    wait_seconds: float = 30.0


class Pool:
    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._spares: list[Child] = []
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(terms.at_once)
        self._starting = 0
        self._closed = False
        # One thread starts all children and lives as long as the pool (see Child.__init__).
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="sandbox")

    def warm(self, wanted: int | None = None) -> None:
        """See that the spares are there or on their way; returns at once. `wanted` asks for fewer
        of them: what starts takes the processor from others."""
        with self._lock:
            self._spares = [child for child in self._spares if child.alive]
            most = self.terms.spare if wanted is None else min(wanted, self.terms.spare)
            missing = most - len(self._spares) - self._starting
            if self._closed or missing <= 0:
                return
            self._starting += missing
            for _ in range(missing):
                self._starter.submit(self._add_spare)

    def ask(
        self, message: dict[str, object], *, timeout: float, cancelled: Callable[[], bool]
    ) -> ChildReply:
        """Send a message to a child and wait for its answer; `timeout` counts from the sending.

        Raises Unavailable.
        """
        self._wait_for_slot(cancelled)
        try:
            child = self._ready_child(cancelled)
            answered = False
            try:
                child.send(message)
                reply = child.receive(timeout, cancelled)
                answered = reply.ending is Ending.ANSWERED
                return reply
            except OSError as error:
                raise Unavailable(f"The sandbox's process ended: {error}.") from error
            finally:
                self._put_back(child, reuse=answered and self.terms.reuse)
        finally:
            self._slots.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._starter.shutdown()
        for child in self._spares:
            child.close()
        self._spares = []

    def _wait_for_slot(self, cancelled: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self.terms.wait_seconds
        while not self._slots.acquire(timeout=POLL):
            if cancelled():
                raise Cancelled("It was cancelled before it began.")
            if time.monotonic() > deadline:
                raise Unavailable("The sandbox is busy with other work; try again shortly.")

    def _ready_child(self, cancelled: Callable[[], bool]) -> Child:
        try:
            child = self._spare() or self._starter.submit(self._start).result()
        except OSError as error:
            raise Unavailable(f"The sandbox's process could not be started: {error}.") from error
        if child.confined:
            return child
        reply = child.receive(START_SECONDS, cancelled)
        child.confined = "ready" in reply.message
        if not child.confined:
            child.close()
            if reply.ending is Ending.CANCELLED:
                raise Cancelled("It was cancelled before it began.")
            raise Unavailable(_why_not(reply))
        return child

    def _spare(self) -> Child | None:
        """One that waits and lives; one that is known to be ready comes first."""
        with self._lock:
            self._spares.sort(key=lambda child: not child.confined)
            while self._spares:
                child = self._spares.pop(0)
                if child.alive:
                    return child
                child.close()
        return None

    def _put_back(self, child: Child, *, reuse: bool) -> None:
        if reuse:
            with self._lock:
                self._spares.append(child)
        else:
            child.close()
        self.warm()

    def _add_spare(self) -> None:
        try:
            child = self._start()
        finally:
            with self._lock:
                self._starting -= 1
        with self._lock:
            self._spares.append(child)

    def _start(self) -> Child:
        return Child(self.terms.program, self.terms.limits, max_output=self.terms.max_output)


def _why_not(reply: ChildReply) -> str:
    if "refused" in reply.message:
        return str(reply.message["refused"])
    return f"The sandbox did not start ({reply.ending}). {reply.stderr.strip()[-500:]}".strip()
