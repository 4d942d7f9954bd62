"""How tools are put to a model and how its calls are read.

A model with a tool format of its own sees tools through its template and writes calls its own way;
mlx-lm's parsers read them. Any other model is told of the tools in the system prompt and writes a
call as JSON between <tool_call> and </tool_call>, or, when a call is forced, as JSON alone. A
grammar holds calls to the tools' schemas from their opening marker on.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlx_lm.tokenizer_utils import TokenizerWrapper
from mlx_lm.tool_parsers import json_tools

from inference.call_formats import FORMATS, typed_tools
from inference.call_writer import Term, literal
from inference.constraints import BARE, Calls, CallSyntax, call_body, grammar_make
from inference.engines.mlx_grammar import Grammars
from inference.engines.mlx_prompt import tool_plain
from inference.engines.mlx_text import ToolFormat
from inference.errors import InvalidRequest
from inference.types import GenerationRequest, Message, ToolCall, ToolSpec

logger = logging.getLogger(__name__)

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
        syntax=BARE
        if calls == "forced"
        else CallSyntax(START, END, term_make(grammars, tokenizer)),
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
    """Calls in the model's own format, where a grammar can hold it to the tools' schemas. Where it
    cannot, an offered call is free, and a forced one is written as bare JSON instead."""
    plan = ToolPlan(messages=request.messages, tools=tools)
    parallel, constraint = request.parallel_tool_calls, request.constraint
    if calls == "none":
        return replace(plan, grammar=grammar_make(constraint))
    native = ToolFormat(
        tokenizer.tool_call_start, tokenizer.tool_call_end or "", tokenizer.tool_parser
    )
    syntax = _native_syntax(tokenizer, grammars)
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


def _native_syntax(tokenizer: TokenizerWrapper, grammars: Grammars) -> CallSyntax | None:
    """How the model writes calls; None when no grammar can follow that."""
    name = tokenizer.tool_parser.__module__.rpartition(".")[2]
    known = FORMATS.get(name)
    if known is None and name != "json_tools":
        return None
    try:
        term = term_make(grammars, tokenizer)
    except InvalidRequest as error:
        logger.warning("tool calls are free: %s", error)
        return None
    return CallSyntax(tokenizer.tool_call_start, tokenizer.tool_call_end or "", term, known)


def _typed(native: ToolFormat, syntax: CallSyntax, tools: Sequence[ToolSpec]) -> ToolFormat:
    """The format with a reader that sees the types which the grammar went by."""
    if syntax.format is None or not syntax.format.typed:
        return native
    seen = [tool_plain(tool) for tool in typed_tools(tools)]

    def parse(text: str, _tools: Any) -> Any:
        return native.parse(text, seen)

    return replace(native, parse=parse)


def term_make(grammars: Grammars, tokenizer: TokenizerWrapper) -> Term:
    """A function from text to Lark terms: the model's special tokens by id, the rest in quotes."""
    special = {
        str(token): index
        for index, token in tokenizer.added_tokens_decoder.items()
        if grammars.native.is_special_token(index)
    }
    longest_first = sorted(special, key=len, reverse=True)
    pattern = re.compile(f"({'|'.join(map(re.escape, longest_first))})") if special else None

    def term(text: str) -> str:
        pieces = pattern.split(text) if pattern else [text]
        written = (f"<[{special[p]}]>" if p in special else literal(p) for p in pieces if p)
        return " ".join(written)

    return term


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
