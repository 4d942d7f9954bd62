"""Code written by the default language model."""

from __future__ import annotations

import ast
import re

from common.errors import CortexError
from inference import services as inference
from inference.types import AGENT, Completion, GenerationRequest, PromptMessage, Sampling
from tooling.base import BaseTool, ToolParameter, ToolResult

TEMPERATURE = 0.3
PYTHON = ("python", "python3", "py")
SYSTEM = (
    "You are an expert {language} programmer. Write complete, correct {language} code for the "
    "request: with types where the language has them, errors handled, a short documentation of "
    "each function and an example of its use. Answer with one fenced code block and nothing else."
)
REPAIR = "That code does not parse: {error}. Answer with the whole corrected code in one fence."
# A fence closes with its own mark at its own indentation, so that one inside a docstring does not;
# none closes it when the tokens ran out.
FENCE = re.compile(
    r"^([ \t]*)(`{3,}|~{3,})[^\n`]*\n(?P<code>.*?)(?P<end>^\1\2[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)


class CodeGeneratorTool(BaseTool):
    timeout_seconds = 300.0
    repeatable = True

    @property
    def name(self) -> str:
        return "code_generator"

    @property
    def description(self) -> str:
        return "Generate code in any programming language from a description of what it should do"

    @property
    def parameters(self) -> dict[str, ToolParameter]:
        return {
            "request": ToolParameter(
                name="request",
                type="string",
                description="What the code should do",
                min_length=1,
                max_length=8000,
                multiline=True,
            ),
            "language": ToolParameter(
                name="language",
                type="string",
                description="Programming language",
                required=False,
                default="python",
                min_length=1,
                max_length=40,
            ),
        }

    def execute(self, request: str, language: str = "python") -> ToolResult:
        messages = (
            PromptMessage(role="system", content=SYSTEM.format(language=language)),
            PromptMessage(role="user", content=request),
        )
        try:
            return self._written(messages, language)
        except CortexError as error:
            return ToolResult(success=False, error=f"The model could not write it: {error}")

    def _written(self, messages: tuple[PromptMessage, ...], language: str) -> ToolResult:
        answer = self._ask(messages)
        code, problem = _judged(answer, language)
        if problem and answer.finish_reason == "stop" and not self.stopping:
            said = PromptMessage(role="assistant", content=answer.text)
            mending = PromptMessage(role="user", content=REPAIR.format(error=problem))
            again, still = _judged(self._ask((*messages, said, mending)), language)
            code, problem = (code, problem) if still else (again, "")
        if not problem:
            return ToolResult(success=True, result=code)
        error = f"The model's {language} code is not valid: {problem}."
        return ToolResult(success=False, result=code or None, error=error)

    def _ask(self, messages: tuple[PromptMessage, ...]) -> Completion:
        return inference.complete(
            GenerationRequest(
                messages=messages,
                sampling=Sampling(temperature=TEMPERATURE),
                priority=AGENT,
            )
        )


def _judged(answer: Completion, language: str) -> tuple[str, str]:
    """The code of an answer, and what is wrong with it ("" if nothing is known to be)."""
    code, whole = code_extract(answer.text)
    if not code:
        return code, "the answer holds no code"
    if answer.finish_reason == "length" and not whole:
        return code, "it is cut off at the limit of tokens"
    return code, _syntax_error(code) if language.strip().lower() in PYTHON else ""


def code_extract(text: str) -> tuple[str, bool]:
    """Give the code of an answer, and whether its end was seen: the longest fenced block, or all of
    it when nothing is fenced."""
    blocks = list(FENCE.finditer(text))
    if not blocks:
        return text.strip(), False
    longest = max(blocks, key=lambda block: len(block["code"]))
    return longest["code"].strip("\n").rstrip(), bool(longest["end"])


def _syntax_error(code: str) -> str:
    try:
        ast.parse(code)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:  # NUL characters; deep nesting
        return str(error) or "it is nested too deeply"
    return ""
