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


@pytest.mark.parametrize("module", ["os", "numpy", "subprocess", "json.decoder", "threading"])
def test_a_module_that_is_not_there_is_named_with_those_that_are(module: str) -> None:
    error = PythonREPLTool().execute(f"import {module}").error or ""
    assert f'"{module}" is not available in the sandbox' in error
    assert ", ".join(MODULES) in error


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("os", "io.StringIO"),
        ("pathlib", "Files are not there"),
        ("requests", "no network"),
        ("urllib.request", "no network"),
        ("subprocess", "no other processes"),
        ("asyncio", "no other processes"),
        ("numpy", "use lists, math"),
        ("pandas", "Only the standard library"),
    ],
)
def test_a_refused_import_says_why(module: str, words: str) -> None:
    assert words in (PythonREPLTool().execute(f"import {module}").error or "")


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


@pytest.mark.parametrize(
    "code", ["raise SystemExit('bye')", "exit('bye')", "import sys\nsys.exit('bye')"]
)
def test_exit_with_a_code_is_an_error(code: str) -> None:
    assert PythonREPLTool().execute(f"print('a')\n{code}").error == "SystemExit: bye"


@pytest.mark.parametrize(
    "text",
    [
        "Here is the program:\n\n```python\nx = 6 * 7\nprint(x)\n```\n\nIt prints 42.",
        "```\nprint(6 * 7)\n```",
        ">>> x = 6\n>>> x * 7\n42\n",
        "`print(6 * 7)`",
        "python\nprint(6 * 7)",
    ],
)
def test_a_program_is_taken_out_of_what_a_model_wrapped_it_in(text: str) -> None:
    result = PythonREPLTool().execute(text)
    assert (result.result, result.error) == ("42\n", None)


def test_an_error_in_a_fence_names_the_line_of_the_text() -> None:
    error = PythonREPLTool().execute("Here:\n\n```python\nx = 1\nx / 0\n```").error or ""
    assert 'File "<code>", line 5' in error
    assert "x / 0" in error
    error = PythonREPLTool().execute("```python\nx = 1\nif x\n```").error or ""
    assert "line 3" in error
    assert "expected ':'" in error


@pytest.mark.parametrize("write", ["print(n)", "str(n)", "f'{n}'", "n"])
def test_a_number_that_is_too_long_to_write_is_explained(write: str) -> None:
    error = PythonREPLTool().execute(f"n = 9 ** 200_000\n{write}").error or ""
    assert "up to 100,000 digits" in error
    assert "n % 10**20" in error


@pytest.mark.parametrize("seconds", ["60", "11.5"])
def test_sleeping_past_the_end_is_refused_at_once(seconds: str) -> None:
    begun = time.monotonic()
    error = PythonREPLTool().execute(f"import time\ntime.sleep({seconds})").error or ""
    assert f"time.sleep({seconds}) is not available in the sandbox: the program is stopped" in error
    assert time.monotonic() - begun < 8


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("!pip install numpy", "no shell"),
        ("%matplotlib inline\nx = 1", "no shell"),
        ("pip install numpy", "no shell"),
        ("import io\nio.open('x')", "io.StringIO"),
        ("open('x.txt')", "io.StringIO"),
        ("import sys\nsys.stdin.readline()", "nobody to ask"),
        ("import sys\nfor line in sys.stdin: pass", "nobody to ask"),
        ("name = input('Name? ')", "nobody to ask"),
        ("help(str)", "documentation"),
    ],
)
def test_words_that_help(code: str, words: str) -> None:
    assert words in (PythonREPLTool().execute(code).error or "")


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
