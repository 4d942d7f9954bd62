"""How tools are put to a model and how its calls are read.

A model with a tool format of its own sees tools through its template and writes calls its own way;
mlx-lm's parsers read them. Any other model is told of the tools in the system prompt and writes a
call as JSON between <tool_call> and </tool_call>, or, when a call is forced, as JSON alone. A
grammar holds calls to the tools' schemas from their opening marker on.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.errors import InvalidRequest
from inference.grammar.calls.formats import FORMATS
from inference.grammar.calls.parameters import typed_tools
from inference.grammar.form import Calls, calls_wanted
from inference.grammar.make import BARE, CallSyntax, call_body, grammar_make
from inference.types import GenerationRequest, PromptMessage, ToolSpec, WrittenCall
from inference.worker.dialect import Dialect, ToolFormat
from inference.worker.prompt import tool_plain

logger = logging.getLogger(__name__)

START, END = "<tool_call>", "</tool_call>"
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
    how to read it. `answer_is_call`: the whole answer is one JSON call, without markers."""

    messages: tuple[PromptMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    grammar: str | None = None
    format: ToolFormat | None = None
    answer_is_call: bool = False


def plan_make(request: GenerationRequest, dialect: Dialect) -> ToolPlan:
    """Raises InvalidRequest for an unknown tool, or a schema that cannot be guaranteed."""
    calls, tools = calls_wanted(request)
    if dialect.calls is not None:
        return _native_plan(request, dialect, dialect.calls, calls, tools)
    messages = messages_in_text(request.messages)
    if calls != "none" and request.prompt is None:
        messages = _with_instructions(messages, tools, calls)
    grammar = grammar_make(
        request.constraint,
        tools=tools,
        calls=calls,
        parallel=request.parallel_tool_calls,
        syntax=BARE if calls == "forced" else CallSyntax(START, END, dialect.term()),
    )
    return ToolPlan(
        messages=messages,
        grammar=grammar,
        format=None if calls == "none" else JSON_FORMAT,
        answer_is_call=calls == "forced",
    )


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
    if syntax is not None and call_body(tools, syntax, parallel=parallel) is not None:
        grammar = grammar_make(
            constraint, tools=tools, calls=calls, parallel=parallel, syntax=syntax
        )
        return replace(plan, grammar=grammar, format=_typed(native, syntax, tools))
    if calls == "forced":
        grammar = grammar_make(None, tools=tools, calls=calls, parallel=parallel)
        return replace(plan, grammar=grammar, format=native, answer_is_call=True)
    # A grammar for the answer would forbid the call, so a call that is only offered is off.
    return replace(
        plan,
        grammar=grammar_make(constraint),
        tools=() if constraint else tools,
        format=None if constraint else native,
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


def messages_in_text(messages: Sequence[PromptMessage]) -> tuple[PromptMessage, ...]:
    """Calls and results written into the text, for a template that knows neither."""
    plain: list[PromptMessage] = []
    for message in messages:
        if message.role == "tool":
            text = f"<tool_response>\n{message.content}\n</tool_response>"
            if plain and plain[-1].role == "user" and plain[-1].tool_call_id == "merged":
                plain[-1] = replace(plain[-1], content=f"{plain[-1].content}\n{text}")
            else:
                plain.append(PromptMessage("user", text, tool_call_id="merged"))
        elif message.tool_calls:
            calls = "\n".join(f"{START}{_call_json(call)}{END}" for call in message.tool_calls)
            text = f"{message.content}\n{calls}".strip()
            plain.append(PromptMessage(message.role, text))
        else:
            plain.append(message)
    return tuple(replace(message, tool_call_id=None) for message in plain)


def _call_json(call: WrittenCall) -> str:
    return f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}'
