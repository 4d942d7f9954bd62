"""How tools are put to a model and how its calls are read.

A model with a tool format of its own sees tools through its template and writes calls its own way;
mlx-lm's parsers read them. Any other model is told of the tools in the system prompt and writes a
call as JSON between <tool_call> and </tool_call>, or, when a call is forced, as JSON alone. JSON
formats are held to the tools' schemas by a grammar.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mlx_lm.tokenizer_utils import TokenizerWrapper
from mlx_lm.tool_parsers import json_tools

from inference.constraints import BARE, Calls, CallSyntax, grammar_make
from inference.engines.mlx_grammar import Grammars
from inference.engines.mlx_text import ToolFormat
from inference.errors import InvalidRequest
from inference.types import GenerationRequest, Message, ToolCall, ToolSpec

START, END = json_tools.tool_call_start, json_tools.tool_call_end
JSON_FORMAT = ToolFormat(START, END, json_tools.parse_tool_call)

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

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    grammar: str | None = None
    format: ToolFormat | None = None
    answer_is_call: bool = False


def plan_make(
    request: GenerationRequest, tokenizer: TokenizerWrapper, grammars: Grammars
) -> ToolPlan:
    """Raises InvalidRequest for an unknown tool, or a schema that cannot be guaranteed."""
    calls, tools = _wanted(request)
    if tokenizer.has_tool_calling:
        return _native_plan(request, tokenizer, grammars, calls, tools)
    messages = messages_in_text(request.messages)
    if calls != "none" and request.prompt is None:
        messages = _with_instructions(messages, tools, calls)
    grammar = grammar_make(
        request.constraint,
        tools=tools,
        calls=calls,
        parallel=request.parallel_tool_calls,
        syntax=BARE if calls == "forced" else _syntax(START, END, grammars, calls),
    )
    return ToolPlan(
        messages=messages,
        grammar=grammar,
        format=None if calls == "none" else JSON_FORMAT,
        answer_is_call=calls == "forced",
    )


def _native_plan(
    request: GenerationRequest,
    tokenizer: TokenizerWrapper,
    grammars: Grammars,
    calls: Calls,
    tools: tuple[ToolSpec, ...],
) -> ToolPlan:
    """Calls in the model's own format. Only a JSON one can be held to schemas; where another
    model's call is forced, it is written as bare JSON instead."""
    plan = ToolPlan(messages=request.messages, tools=tools)
    native = ToolFormat(
        tokenizer.tool_call_start, tokenizer.tool_call_end or "", tokenizer.tool_parser
    )
    parallel, constraint = request.parallel_tool_calls, request.constraint
    if calls == "none":
        return replace(plan, grammar=grammar_make(constraint))
    if tokenizer.tool_parser is json_tools.parse_tool_call:
        syntax = _syntax(native.start, native.end, grammars, calls)
        grammar = grammar_make(
            constraint, tools=tools, calls=calls, parallel=parallel, syntax=syntax
        )
        return replace(plan, grammar=grammar, format=native)
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


def _wanted(request: GenerationRequest) -> tuple[Calls, tuple[ToolSpec, ...]]:
    """Whether calls are offered or forced, and of which tools."""
    choice = request.tool_choice
    if choice == "none":
        return "none", ()
    if choice == "auto":
        return ("offered" if request.tools else "none"), request.tools
    if not request.tools:
        raise InvalidRequest("tool_choice needs tools", field="tools")
    if choice == "required":
        return "forced", request.tools
    named = tuple(tool for tool in request.tools if tool.name == choice)
    if not named:
        raise InvalidRequest(f"there is no tool {choice!r} in tools", field="tool_choice")
    return "forced", named


def _syntax(start: str, end: str, grammars: Grammars, calls: Calls) -> CallSyntax:
    if calls == "none":
        return BARE
    return CallSyntax(grammars.term(start), grammars.term(end))


def _with_instructions(
    messages: tuple[Message, ...], tools: Sequence[ToolSpec], calls: Calls
) -> tuple[Message, ...]:
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
    return (Message("system", text), *messages)


def messages_in_text(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Calls and results written into the text, for a template that knows neither."""
    plain: list[Message] = []
    for message in messages:
        if message.role == "tool":
            text = f"<tool_response>\n{message.content}\n</tool_response>"
            if plain and plain[-1].role == "user" and plain[-1].tool_call_id == "merged":
                plain[-1] = replace(plain[-1], content=f"{plain[-1].content}\n{text}")
            else:
                plain.append(Message("user", text, tool_call_id="merged"))
        elif message.tool_calls:
            calls = "\n".join(f"{START}{_call_json(call)}{END}" for call in message.tool_calls)
            text = f"{message.content}\n{calls}".strip()
            plain.append(Message(message.role, text))
        else:
            plain.append(message)
    return tuple(replace(message, tool_call_id=None) for message in plain)


def _call_json(call: ToolCall) -> str:
    return f'{{"name": {json.dumps(call.name)}, "arguments": {call.arguments}}}'
