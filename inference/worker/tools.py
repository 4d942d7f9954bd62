"""How tools are put to a model and how its calls are read.

A model with a tool format of its own sees tools through its template and writes calls its own way;
mlx-lm's parsers read them. Any other model is told of the tools in the system prompt and writes a
call as JSON between <tool_call> and </tool_call>, or, when a call is forced, as JSON alone. A
grammar holds calls to the tools' schemas from their opening marker on. What it cannot hold of a
call that is only offered is checked when the call is there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.errors import InvalidRequest
from inference.grammar.calls.formats import FORMATS
from inference.grammar.calls.parameters import typed_tools
from inference.grammar.form import Calls, calls_wanted
from inference.grammar.make import (
    BARE,
    CallSyntax,
    call_body,
    grammar_make,
    tools_held,
    tools_unheld,
)
from inference.types import GenerationRequest, PromptMessage, ToolSpec
from inference.worker.conversation import END, START, messages_in_text
from inference.worker.dialect import Dialect, ToolFormat
from inference.worker.prompt import tool_plain

logger = logging.getLogger(__name__)

JSON_FORMAT = ToolFormat(START, END, lambda text, tools: json.loads(text.strip()))

INSTRUCTIONS = """You have access to these tools:
<tools>
{tools}
</tools>

{how}"""
OFFERED = """To use a tool, write its call as JSON between <tool_call> and </tool_call>:
<tool_call>{"name": "tool name", "arguments": {"argument": "value"}}</tool_call>
When no tool is needed, answer directly."""
FORCED = """Answer with the tool call alone, as JSON:
{"name": "tool name", "arguments": {"argument": "value"}}"""


@dataclass(frozen=True, slots=True)
class ToolPlan:
    """What to show the model (`messages`, and `tools` for the template), what to hold it to, and
    how to read it. `answer_is_call`: the whole answer is one JSON call, without markers. Calls of
    `unheld` tools are to be checked: no grammar holds all that they demand."""

    messages: tuple[PromptMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    grammar: str | None = None
    format: ToolFormat | None = None
    answer_is_call: bool = False
    unheld: tuple[ToolSpec, ...] = ()


def plan_make(request: GenerationRequest, dialect: Dialect) -> ToolPlan:
    """Raises InvalidRequest for an unknown tool, or a schema that cannot be guaranteed."""
    calls, tools = calls_wanted(request)
    if dialect.calls is not None:
        return _native_plan(request, dialect, dialect.calls, calls, tools)
    messages = messages_in_text(request.messages)
    if calls != "none" and not request.is_raw:
        messages = _with_instructions(messages, tools, calls)
    plan = ToolPlan(messages, format=JSON_FORMAT)
    if calls == "none":
        return replace(plan, grammar=grammar_make(request.constraint), format=None)
    if calls == "forced":
        grammar = grammar_make(
            None, tools=tools, calls=calls, parallel=request.parallel_tool_calls, syntax=BARE
        )
        return replace(plan, grammar=grammar, answer_is_call=True)
    return _offered(plan, request, tools, lambda: CallSyntax(START, END, dialect.term()))


def _offered(
    plan: ToolPlan,
    request: GenerationRequest,
    tools: tuple[ToolSpec, ...],
    syntax: Callable[[], CallSyntax],
) -> ToolPlan:
    """A call may come, or an answer. Where no grammar can hold both, the calls are free, unless the
    answer is bound."""
    try:
        grammar = grammar_make(
            request.constraint,
            tools=tools,
            calls="offered",
            parallel=request.parallel_tool_calls,
            syntax=syntax(),
        )
    except InvalidRequest as error:
        if request.constraint is not None:
            raise
        logger.warning("tool calls are free: %s", error)
        return replace(plan, unheld=tools)
    return replace(plan, grammar=grammar, unheld=tools_unheld(tools))


def _native_plan(
    request: GenerationRequest,
    dialect: Dialect,
    native: ToolFormat,
    calls: Calls,
    tools: tuple[ToolSpec, ...],
) -> ToolPlan:
    """Calls in the model's own format, where a grammar can hold it to the tools' schemas. Where it
    cannot, an offered call is free, and a forced one is written as bare JSON instead."""
    plan = ToolPlan(messages=request.messages, tools=tools)
    parallel, constraint = request.parallel_tool_calls, request.constraint
    if calls == "none":
        return replace(plan, grammar=grammar_make(constraint))
    syntax = _native_syntax(dialect, native)
    held = tools_held(tools, calls)
    if syntax is not None and call_body(held, syntax, parallel=parallel) is not None:
        known = syntax
        plan = replace(plan, format=_typed(native, known, held))
        if calls == "offered":
            return _offered(plan, request, tools, lambda: known)
        grammar = grammar_make(
            constraint, tools=tools, calls=calls, parallel=parallel, syntax=known
        )
        return replace(plan, grammar=grammar)
    if calls == "forced":
        grammar = grammar_make(None, tools=tools, calls=calls, parallel=parallel)
        return replace(plan, grammar=grammar, format=native, answer_is_call=True)
    # A grammar for the answer would forbid the call, so a call that is only offered is off.
    return replace(
        plan,
        grammar=grammar_make(constraint),
        tools=() if constraint else tools,
        format=None if constraint else native,
        unheld=tools,
    )


def _native_syntax(dialect: Dialect, native: ToolFormat) -> CallSyntax | None:
    """How the model writes calls; None when no grammar can follow that."""
    known = FORMATS.get(dialect.family)
    if known is None and dialect.family != "json_tools":
        return None
    try:
        term = dialect.term()
    except InvalidRequest as error:
        logger.warning("tool calls are free: %s", error)
        return None
    return CallSyntax(native.start, native.end, term, known)


def _typed(native: ToolFormat, syntax: CallSyntax, tools: Sequence[ToolSpec]) -> ToolFormat:
    """The format with a reader that sees the types which the grammar went by."""
    if syntax.format is None or not syntax.format.typed:
        return native
    seen = [tool_plain(tool) for tool in typed_tools(tools)]

    def parse(text: str, _tools: Any) -> Any:
        return native.parse(text, seen)

    return replace(native, parse=parse)


def _with_instructions(
    messages: tuple[PromptMessage, ...], tools: Sequence[ToolSpec], calls: Calls
) -> tuple[PromptMessage, ...]:
    """The tools, appended to the system message or as one."""
    listed = "\n".join(
        json.dumps(
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        )
        for tool in tools
    )
    how = FORCED if calls == "forced" else OFFERED
    text = INSTRUCTIONS.replace("{how}", how).replace("{tools}", listed)
    if messages and messages[0].role == "system":
        first = replace(messages[0], content=f"{messages[0].content}\n\n{text}")
        return (first, *messages[1:])
    return (PromptMessage("system", text), *messages)
