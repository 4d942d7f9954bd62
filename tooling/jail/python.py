"""The child that runs one Python program and tells how it ended."""

from __future__ import annotations

import ast
import linecache
import sys
import time
import traceback
import types
from typing import Any

from tooling.jail import facades, policy, source, stand_ins
from tooling.jail.channel import Channel
from tooling.jail.lockdown import Refused, ResourceLimits, confine

FILENAME = "<code>"
SHELL = ("!", "%", "pip ", "pip3 ", "python ", "python3 ", "$ ")


def main(channel: Channel, limits: ResourceLimits, parent: int) -> None:
    facades.preload()
    sys.set_int_max_str_digits(stand_ins.MAX_DIGITS)
    stdout, stderr = sys.stdout, sys.stderr
    stand_ins.protect_streams()
    try:
        channel.send({"ready": confine(limits, parent=parent)})
    except Refused as error:
        channel.send({"refused": str(error)})
        return
    message = channel.receive()
    stand_ins.end_at(time.monotonic() + message["seconds"])
    outcome = run(source.program(message["code"]))
    stdout.flush()
    stderr.flush()
    channel.send(outcome)


def run(code: str) -> dict[str, Any]:
    """Execute a program; `value` is the repr of a last expression, `error` a traceback."""
    linecache.cache[FILENAME] = (len(code), None, code.splitlines(keepends=True), FILENAME)
    module = policy.program_module("__main__")
    sys.modules["__main__"] = module
    try:
        body, last = _compiled(code)
        exec(body, vars(module))
        value = eval(last, vars(module)) if last else None
        return {"value": None if value is None else repr(value), "error": None}
    except SystemExit as error:
        return {"value": None, "error": _exit_error(error)}
    except BaseException as error:  # noqa: BLE001 - whatever a program raises is its result
        return {"value": None, "error": explain(error)}


def _compiled(code: str) -> tuple[types.CodeType, types.CodeType | None]:
    tree = policy.checked_tree(ast.parse(code, FILENAME))
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        return compile(tree, FILENAME, "exec", dont_inherit=True), None
    tree.body.pop()
    value = compile(ast.Expression(last.value), FILENAME, "eval", dont_inherit=True)
    return compile(tree, FILENAME, "exec", dont_inherit=True), value


def _exit_error(error: SystemExit) -> str | None:
    if error.code in (None, 0):
        return None
    return f"SystemExit: {error.code}" if type(error.code) in (int, str) else "SystemExit"


def explain(error: BaseException) -> str:
    """Write the traceback as Python prints it, of the program's own lines alone."""
    try:
        report = traceback.TracebackException.from_exception(error, compact=True)
        _keep_own_frames(report)
        return "".join(report.format()).rstrip("\n") + _advice(error)
    except BaseException:  # noqa: BLE001 - the exception's own methods failed
        return type(error).__name__


def _advice(error: BaseException) -> str:
    """What helps with an error whose own words lead elsewhere."""
    match error:
        case ValueError() if "integer string conversion" in str(error):
            return (
                f"\nA number is written with up to {stand_ins.MAX_DIGITS:,} digits. Of a larger "
                "one show a part (n % 10**20), or its length (math.log10(n))."
            )
        case MemoryError():
            return "\nThere is no more memory: keep less at once, as a generator does."
        case SyntaxError() if (error.text or "").lstrip().startswith(SHELL):
            return "\nThere is no shell and no installer here: only Python can be run."
    return ""


def _keep_own_frames(report: traceback.TracebackException) -> None:
    own = [frame for frame in report.stack if frame.filename == FILENAME]
    if own:
        report.stack = traceback.StackSummary.from_list(own)
    else:
        del report.stack[:]
    for other in (report.__cause__, report.__context__, *(report.exceptions or ())):
        if other is not None:
            _keep_own_frames(other)
