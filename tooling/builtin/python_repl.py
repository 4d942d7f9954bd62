"""The tool that runs Python, in the sandbox."""

from __future__ import annotations

from tooling.base import BaseTool, ToolParameter, ToolResult
from tooling.sandbox import programs
from tooling.sandbox.programs import ProgramResult

TIMEOUT = 10.0  # seconds for the program itself
MAX_CODE = 100_000  # characters


class PythonREPLTool(BaseTool):
    timeout_seconds = TIMEOUT + programs.TERMS.wait_seconds + programs.START_SECONDS
    repeatable = True

    @property
    def name(self) -> str:
        return "python_repl"

    @property
    def description(self) -> str:
        return (
            "Run a Python program and get what it prints, and the value of its last expression. "
            f"It has {TIMEOUT:g} seconds, no files and no network; it starts anew each time."
        )

    @property
    def parameters(self) -> dict[str, ToolParameter]:
        code = ToolParameter(
            name="code",
            type="string",
            description="The Python program; much of the standard library can be imported, such as "
            "math, json, re, datetime, itertools and statistics",
            min_length=1,
            max_length=MAX_CODE,
            multiline=True,
            schema={"contentMediaType": "text/x-python"},
        )
        return {"code": code}

    def warm(self) -> None:
        programs.pool().warm()

    def execute(self, code: str) -> ToolResult:
        outcome = programs.run(code, timeout=TIMEOUT, cancelled=self.stop_event.is_set)
        return ToolResult(success=outcome.ok, result=shown(outcome), error=_error(outcome))


def shown(outcome: ProgramResult) -> str:
    """Tell what a REPL would have on the screen: the prints, then the value."""
    text = outcome.stdout
    if outcome.value_repr is None:
        return text
    if text and not text.endswith("\n"):
        text += "\n"
    return f"{text}{outcome.value_repr}\n"


def _error(outcome: ProgramResult) -> str | None:
    if outcome.error is None:
        return None
    return "\n".join(part for part in (outcome.stderr.strip(), outcome.error) if part)
