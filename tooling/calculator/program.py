"""The child that calculates: SymPy is loaded once, then one expression after another."""

from __future__ import annotations

import gc
import pkgutil
import signal
import sys
import warnings
from importlib import import_module
from types import FrameType

import sympy

from tooling.calculator.algebra import calculate
from tooling.calculator.answers import shown
from tooling.calculator.tokens import CalculationError
from tooling.jail.channel import Channel
from tooling.jail.lockdown import Refused, ResourceLimits, confine

# SymPy imports these inside its functions; once confined, nothing can be imported.
LAZY = (
    *("assumptions", "calculus", "combinatorics", "concrete", "discrete", "functions", "integrals"),
    *("logic", "physics.units", "polys", "series", "sets", "simplify", "solvers", "tensor.array"),
)
OPTIONAL = ("tests", "benchmarks", "wrapper")  # parts that are not needed, or need other packages

AGAIN = 0.1  # seconds: SymPy may swallow the first interruption


class OutOfTime(BaseException):
    """Not an Exception: SymPy catches those in many places."""


def main(channel: Channel, limits: ResourceLimits, parent: int) -> None:
    preload()
    signal.signal(signal.SIGALRM, _interrupt)
    try:
        channel.send({"ready": confine(limits, parent=parent)})
    except Refused as error:
        channel.send({"refused": str(error)})
        return
    while True:
        channel.send(answer_in_time(**channel.receive()))


def preload() -> None:
    warnings.simplefilter("ignore")
    sys.set_int_max_str_digits(0)  # numbers are bounded by digits of our own
    for part in LAZY:
        package = import_module(f"sympy.{part}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(word in module.name for word in OPTIONAL):
                import_module(module.name)
    for example in ("solve(x^2-2x-5)", "integrate(sin(x)*e^x, x, 0, 1)", "sqrt(2)*pi + 1/3"):
        answer(example)
    gc.freeze()


def answer_in_time(expression: str, seconds: float) -> dict[str, str]:
    """Answer before the parent kills the worker: one that stops by itself lives on."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
        try:
            return answer(expression)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except OutOfTime:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return {"error": f"The calculation was stopped: it took longer than {seconds:g} s."}


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise OutOfTime


def answer(expression: str) -> dict[str, str]:
    try:
        return {"result": shown(calculate(expression))}
    except CalculationError as error:
        return {"error": str(error)}
    except MemoryError:
        sympy.core.cache.clear_cache()
        return {"error": "The calculation needs too much memory."}
    except RecursionError:
        return {"error": "The calculation is nested too deeply."}
    except Exception as error:  # noqa: BLE001 - SymPy raises many kinds for what it cannot do
        return {"error": f"This cannot be calculated: {error or type(error).__name__}."}
