"""The calculator: right where it answers, clear where it does not, and always in time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.tooling.corpus.expressions import HOSTILE, LEGITIMATE
from tests.tooling.corpus.writings import COMPUTED, REFUSED
from tests.waiting import eventually
from tooling.base import ToolResult, stop_signal
from tooling.builtin import calculator
from tooling.builtin.calculator import CalculatorTool, pool
from tooling.jail import lockdown
from tooling.sandbox.command import ROOT
from tooling.sandbox.pool import Pool

LEEWAY = 20.0  # seconds: a worker that was killed starts again, on a machine under load


def calculate(expression: str) -> ToolResult:
    return CalculatorTool().execute(expression)


@pytest.mark.parametrize("expression", LEGITIMATE)
def test_the_answer_is_exact(expression: str) -> None:
    result = calculate(expression)
    assert (result.result, result.error) == (LEGITIMATE[expression], None)
    assert result.success


@pytest.mark.parametrize("expression", HOSTILE, ids=lambda text: repr(text[:25]))
def test_what_is_not_calculated_is_explained_in_time(
    expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calculator, "TIMEOUT", 1.2)
    begun = time.monotonic()
    result = calculate(expression)
    assert time.monotonic() - begun < calculator.TIMEOUT + LEEWAY
    assert not result.success
    assert result.result is None
    assert result.error
    assert len(result.error) < 400
    assert "Traceback" not in result.error


@pytest.mark.parametrize("expression", COMPUTED)
def test_what_people_write_is_computed(expression: str) -> None:
    result = calculate(expression)
    assert (result.result, result.error) == (COMPUTED[expression], None)


@pytest.mark.parametrize("expression", REFUSED, ids=lambda text: repr(text[:25]))
def test_what_is_not_clear_is_refused_with_words(expression: str) -> None:
    result = calculate(expression)
    assert (result.result, result.success) == (None, False)
    assert REFUSED[expression] in (result.error or "")
    assert len(result.error or "") < 400
    assert (result.error or "").isprintable()


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("9**9**9", "too large (about 369,693,100 digits)"),
        ("factorial(10**9)", "Factorials go up to"),
        ("(" * 200 + "1", "nested deeper than 50"),
        ("1+" * 300 + "1", "more than 200 parts"),
        ("1" * 1001, "longer than 1,000 characters"),
        ("2 + * 3", 'missing before "*" (character 5)'),
        ("xy + 1", 'The name "xy" is unknown'),
        ("sin 2x", "Put the argument of sin into brackets"),
        ("sqrt()", "sqrt takes 1 argument, not 0"),
        ("1/0", "Division by zero"),
        ("sum(sin(k), k, 1, 10^6)", "longer than"),
    ],
)
def test_the_error_says_what_is_wrong(expression: str, words: str) -> None:
    assert words in (calculate(expression).error or "")


def test_twenty_at_once_get_their_own_answers() -> None:
    with ThreadPoolExecutor(20) as threads:
        results = list(threads.map(lambda n: calculate(f"{n}^2").result, range(20)))
    assert results == [str(n**2) for n in range(20)]


def test_a_worker_that_will_not_stop_is_killed_and_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert calculate("1+1").success
    monkeypatch.setattr(calculator, "TIMEOUT", 0.6)
    monkeypatch.setattr(calculator, "GRACE", -60)
    assert "stopped" in (calculate("sum(sin(k), k, 1, 10^6)").error or "")
    monkeypatch.undo()
    assert calculate("1+2").result == "3"


def test_a_worker_that_dies_is_replaced() -> None:
    assert calculate("1+1").success
    for child in list(pool()._spares):
        child.process.kill()
        child.process.wait()
    assert calculate("1+2").result == "3"


def test_a_stopped_calculation_ends_at_once() -> None:
    assert calculate("1+1").success
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    token = stop_signal.set(stop)
    try:
        result = calculate("sum(sin(k), k, 1, 10^6)")
    finally:
        stop_signal.reset(token)
    assert result.error == "The calculation was cancelled."


def test_it_is_made_ready_with_one_worker_and_its_first_call_starts_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fresh = Pool(calculator.terms())
    monkeypatch.setattr(calculator, "pool", lambda: fresh)
    try:
        CalculatorTool().warm()
        CalculatorTool().warm()
        eventually(lambda: fresh._spares and not fresh._starting)
        (first,) = fresh._spares
        assert calculate("1+1").result == "2"
        eventually(lambda: len(fresh._spares) == calculator.WORKERS)
        assert first in fresh._spares
    finally:
        fresh.close()


@pytest.mark.skipif(sys.platform != "linux", reason="read in /proc")
def test_the_worker_is_confined_as_untrusted_python_is() -> None:
    assert calculate("1+1").success
    child = next(child for child in pool()._spares if child.confined)
    status = Path(f"/proc/{child.process.pid}/status").read_text()
    assert "Seccomp:\t2" in status
    assert "NoNewPrivs:\t1" in status
    assert lockdown.NICENESS > 0
    assert Path(f"/proc/{child.process.pid}/environ").read_bytes() == b""


def test_the_web_process_does_not_import_sympy() -> None:
    script = (
        "import os, sys, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'tests.settings'\n"
        "django.setup()\n"
        "from tooling.builtin.calculator import CalculatorTool\n"
        "assert CalculatorTool().execute('1+1').result == '2'\n"
        "print('sympy' in sys.modules, 'mpmath' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "False False"
