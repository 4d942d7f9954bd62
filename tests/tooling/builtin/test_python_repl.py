"""The tool python_repl: ordinary programs run, and what goes wrong is said with line numbers."""

from __future__ import annotations

import threading
import time

import pytest

from tests.tooling.corpus.legitimate import PROGRAMS
from tooling.base import stop_signal
from tooling.builtin.python_repl import PythonREPLTool
from tooling.sandbox.programs import MODULES


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_that_models_write_run(name: str) -> None:
    code, expected = PROGRAMS[name]
    result = PythonREPLTool().execute(code)
    assert result.error is None
    assert result.success
    assert result.result == expected


def test_prompts_are_not_filled_with_the_list_of_modules() -> None:
    tool = PythonREPLTool()
    told = tool.description + tool.parameters["code"].description
    assert len(tool.description) <= 200
    assert len(told) <= 320
    named = told.partition("such as ")[2].replace(" and ", ", ").split(", ")
    assert named
    assert set(named) <= set(MODULES)


def test_a_refused_import_names_what_there_is() -> None:
    error = PythonREPLTool().execute("import subprocess").error or ""
    assert all(module in error for module in MODULES)


def test_an_error_names_the_line_of_the_given_code() -> None:
    code = "def half(x):\n    return 1 / x\n\nprint('before')\nhalf(0)\n"
    result = PythonREPLTool().execute(code)
    assert not result.success
    assert result.result == "before\n"
    assert 'File "<code>", line 5, in <module>' in (result.error or "")
    assert 'File "<code>", line 2, in half' in (result.error or "")
    assert (result.error or "").endswith("ZeroDivisionError: division by zero")


def test_a_syntax_error_names_its_line() -> None:
    error = PythonREPLTool().execute("x = 1\nif x\n    y").error or ""
    assert "line 2" in error
    assert "SyntaxError" in error


def test_an_error_within_a_library_shows_only_the_programs_lines() -> None:
    error = PythonREPLTool().execute("import statistics\nstatistics.mean([])").error or ""
    assert "line 2" in error
    assert "statistics.py" not in error
    assert "StatisticsError" in error


@pytest.mark.parametrize("module", ["os", "numpy", "subprocess", "json.decoder", "time"])
def test_a_module_that_is_not_there_is_named_with_those_that_are(module: str) -> None:
    error = PythonREPLTool().execute(f"import {module}").error or ""
    assert f'"{module}" is not available in the sandbox' in error
    assert ", ".join(MODULES) in error


@pytest.mark.parametrize("module", MODULES)
def test_every_promised_module_can_be_imported(module: str) -> None:
    assert PythonREPLTool().execute(f"import {module}\nfrom {module} import *").success


@pytest.mark.parametrize("call", ["open('x')", "input()", "eval('1')", "exec('1')", "vars()"])
def test_a_withheld_function_says_so(call: str) -> None:
    error = PythonREPLTool().execute(f"print(1)\n{call}").error or ""
    assert "is not available in the sandbox" in error
    assert "line 2" in error


def test_warnings_are_errors_companions() -> None:
    result = PythonREPLTool().execute("x = 5 is 5\n1 / 0")
    assert "SyntaxWarning" in (result.error or "")


def test_exit_with_a_code_is_an_error() -> None:
    assert PythonREPLTool().execute("raise SystemExit('bye')").error == "SystemExit: bye"


def test_runs_know_nothing_of_each_other() -> None:
    assert PythonREPLTool().execute("shared = 1").success
    assert "NameError" in (PythonREPLTool().execute("print(shared)").error or "")


def test_a_stopped_call_ends_at_once() -> None:
    stop = threading.Event()
    token = stop_signal.set(stop)
    threading.Timer(2, stop.set).start()
    begun = time.monotonic()
    try:
        result = PythonREPLTool().execute("print('on', 'it')\nwhile True: pass")
    finally:
        stop_signal.reset(token)
    assert time.monotonic() - begun < 8
    assert result.result == "on it\n"
    assert "cancelled" in (result.error or "")
