"""Untrusted Python runs here and nowhere else.

`run` gives a program to a child process that has nothing: no environment, no folder, no file,
socket or process (`tooling.jail.lockdown`), and a reduced Python (`tooling.jail.policy`).
The child serves one run. Time, memory and output are limited from outside, and the outcome comes
over a private socket, so that nothing a program prints can pass for it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from tooling.jail.lockdown import ResourceLimits
from tooling.jail.offers import MODULES
from tooling.sandbox.command import Program
from tooling.sandbox.pool import START_SECONDS, Cancelled, Pool, Terms, Unavailable
from tooling.sandbox.watch import ChildReply, Ending

__all__ = ["MODULES", "START_SECONDS", "ProgramResult", "pool", "run", "run_in"]

MEMORY = 512 * 1024 * 1024  # bytes
CPU_SECONDS = 30  # of the whole process; a run's own time limit comes first
TERMS = Terms(Program("tooling.jail.python"), ResourceLimits(MEMORY, CPU_SECONDS))


@dataclass(frozen=True)
class ProgramResult:
    """How a program ended. `value_repr` is that of a last expression, unless it is None; `error` is
    a traceback of the program's own lines, or a sentence about the limit that stopped it."""

    ok: bool
    stdout: str = ""
    stderr: str = ""
    value_repr: str | None = None
    error: str | None = None
    timed_out: bool = False
    cancelled: bool = False


def run(
    code: str, *, timeout: float = 10.0, cancelled: Callable[[], bool] | None = None
) -> ProgramResult:
    """Run a program to its end. `timeout` in seconds counts from the moment it begins; `cancelled`
    is asked about twenty times a second. Never raises for what the program does."""
    return run_in(pool(), code, timeout=timeout, cancelled=cancelled)


def run_in(
    pool: Pool, code: str, *, timeout: float, cancelled: Callable[[], bool] | None = None
) -> ProgramResult:
    try:
        message = {"code": code, "seconds": timeout}
        reply = pool.ask(message, timeout=timeout, cancelled=cancelled or (lambda: False))
    except Unavailable as error:
        return ProgramResult(ok=False, error=str(error), cancelled=isinstance(error, Cancelled))
    return _outcome(reply, pool.terms, timeout)


@functools.cache
def pool() -> Pool:
    """Give the pool of this process, made at its first use."""
    return Pool(TERMS)


os.register_at_fork(after_in_child=pool.cache_clear)  # its thread stayed behind


def _outcome(reply: ChildReply, terms: Terms, timeout: float) -> ProgramResult:
    value, error = reply.message.get("value"), reply.message.get("error")
    if len(str(value)) + len(str(error)) > terms.max_output:
        reply = replace(reply, ending=Ending.TOO_MUCH_OUTPUT)
    if reply.ending is not Ending.ANSWERED:
        value, error = None, _stopped(reply, terms, timeout)
    return ProgramResult(
        ok=error is None,
        stdout=reply.stdout,
        stderr=reply.stderr,
        value_repr=value if isinstance(value, str) else None,
        error=None if error is None else str(error),
        timed_out=reply.ending is Ending.TIMED_OUT,
        cancelled=reply.ending is Ending.CANCELLED,
    )


def _stopped(reply: ChildReply, terms: Terms, timeout: float) -> str:
    match reply.ending:
        case Ending.TIMED_OUT:
            return (
                f"The program was stopped: it ran longer than {timeout:g} s. Look for a loop that "
                "does not end, or for a faster way."
            )
        case Ending.CANCELLED:
            return "The program was stopped: the run was cancelled."
        case Ending.TOO_MUCH_OUTPUT:
            return f"The program was stopped: it gave more than {terms.max_output:,} characters."
        case Ending.TOO_MUCH_MEMORY:
            return f"The program was stopped: it used more than {terms.limits.memory >> 20} MB."
        case _:
            return f"The program ended the interpreter (exit code {reply.exit_code or 0})."
