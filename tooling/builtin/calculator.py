"""The tool that calculates. SymPy lives in confined worker processes, never in this one."""

from __future__ import annotations

import functools
import importlib.util
import os
from pathlib import Path

from tooling.base import BaseTool, ToolParameter, ToolResult
from tooling.calculator.tokens import MAX_LENGTH
from tooling.jail.lockdown import ResourceLimits
from tooling.sandbox.command import ROOT, Program
from tooling.sandbox.pool import START_SECONDS, Pool, Terms, Unavailable
from tooling.sandbox.watch import Ending

TIMEOUT = 3.0  # seconds for one expression, then its worker is killed
GRACE = 0.5  # seconds before that, the worker stops by itself
MEMORY = 768 * 1024 * 1024  # bytes
CPU_SECONDS = 1_000_000  # a worker serves for days; each expression has its own time limit
WORKERS = 2
WAIT_SECONDS = 15.0


class CalculatorTool(BaseTool):
    timeout_seconds = TIMEOUT + WAIT_SECONDS + START_SECONDS
    repeatable = True

    @property
    def name(self) -> str:
        return "calculator"

    @property
    def description(self) -> str:
        return (
            "Evaluate a mathematical expression, exactly where possible: + - * / ^ ** ! % "
            "sqrt sin cos tan log exp, pi, e, degrees (sin(30°)), and solve, diff, integrate, "
            "limit, sum: solve(x^2 = 4, x), integrate(x^2, x, 0, 1)."
        )

    @property
    def parameters(self) -> dict[str, ToolParameter]:
        expression = ToolParameter(
            name="expression",
            type="string",
            description="Mathematical expression to evaluate",
            min_length=1,
            max_length=MAX_LENGTH,
        )
        return {"expression": expression}

    def warm(self) -> None:
        """Start one worker, which loads SymPy for seconds; its first use starts the others."""
        pool().warm(1)

    def execute(self, expression: str) -> ToolResult:
        try:
            reply = pool().ask(
                {"expression": expression, "seconds": TIMEOUT - GRACE},
                timeout=TIMEOUT,
                cancelled=self.stop_event.is_set,
            )
        except Unavailable as error:
            return ToolResult(success=False, error=str(error))
        if reply.ending is not Ending.ANSWERED:
            return ToolResult(success=False, error=_stopped(reply.ending))
        problem = reply.message.get("error")
        return ToolResult(
            success=problem is None, result=reply.message.get("result"), error=problem
        )


@functools.cache
def pool() -> Pool:
    """Give the workers of this process, made at the first use."""
    return Pool(terms())


os.register_at_fork(after_in_child=pool.cache_clear)  # its thread stayed behind


def terms() -> Terms:
    return Terms(
        Program("tooling.calculator.program", (ROOT, *_packages("sympy", "mpmath"))),
        ResourceLimits(MEMORY, CPU_SECONDS),
        reuse=True,
        spare=WORKERS,
        at_once=WORKERS,
        wait_seconds=WAIT_SECONDS,
    )


def _packages(*names: str) -> set[Path]:
    """The folders that hold these packages; nothing is imported to find them."""
    specs = [importlib.util.find_spec(name) for name in names]
    return {Path(spec.origin).parents[1] for spec in specs if spec and spec.origin}


def _stopped(ending: Ending) -> str:
    match ending:
        case Ending.TIMED_OUT:
            return f"The calculation was stopped: it took longer than {TIMEOUT:g} s."
        case Ending.CANCELLED:
            return "The calculation was cancelled."
        case Ending.TOO_MUCH_MEMORY:
            return "The calculation was stopped: it needed too much memory."
        case _:
            return "The calculation broke off."
