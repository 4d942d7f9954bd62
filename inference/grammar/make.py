"""From what a request demands of its output to a grammar for llguidance.

A grammar is a string that `llguidance.LLMatcher` takes. Everything here is pure: what a model must
emit exactly is decided from the request alone and checked before any token is generated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from llguidance import regex_to_lark

from common.errors import InvalidRequest
from common.types import JSON
from inference.grammar.calls.formats.base import MOST_PARALLEL_CALLS, CallFormat
from inference.grammar.calls.texts import guard
from inference.grammar.calls.writer import CallWriter, Term, literal
from inference.grammar.form import Calls, arguments_check, arguments_schema, constraint_check
from inference.grammar.gbnf import lark_of
from inference.grammar.schema.hints import COMPOSED
from inference.grammar.schema.narrow import schema_bare, schema_close, schema_prepare
from inference.grammar.schema.probe import grammar_error, schema_probe
from inference.grammar.schema.relax import schema_relaxed
from inference.types import Constraint, ToolSpec


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """What stands around tool calls, and how they are written between it.

    `start` and `end` are texts ('' for a bare JSON call); `term` turns a text into Lark terms, as
    who knows the tokenizer does: a special token as <[its id]>, other text in quotes. Without a
    `format` a call is JSON.
    """

    start: str = ""
    end: str = ""
    term: Term = literal
    format: CallFormat | None = None

    @property
    def markers(self) -> tuple[str, ...]:
        """What no value may hold, or the call would be cut there."""
        return (self.end, *(self.format.inner if self.format else ()))


@dataclass(frozen=True, slots=True)
class CallBody:
    """What stands between a pair of markers: a Lark expression with its rules and JSON parts.
    `several` when it holds all calls of an answer."""

    expression: str
    rules: tuple[str, ...]
    parts: tuple[JSON, ...]
    several: bool = False


BARE = CallSyntax()


def grammar_make(
    constraint: Constraint | None,
    *,
    tools: Sequence[ToolSpec] = (),
    calls: Calls = "none",
    parallel: bool = True,
    syntax: CallSyntax = BARE,
) -> str | None:
    """The grammar of an answer; None when anything goes.

    With `calls` "forced" the answer is a call of one of the tools (or several, when `parallel`);
    "offered" lets the model write text, bound by the constraint if there is one, or open a call,
    which is held as far as a grammar can hold it.
    Raises InvalidRequest naming the field, for schemas with the path of the offending keyword.
    """
    if calls == "none" or not tools:
        return None if constraint is None else _answer_grammar(constraint)
    body = call_body(tools_held(tools, calls), syntax, parallel=parallel)
    if body is None:
        raise InvalidRequest("the model's tool format cannot hold these schemas", field="tools")
    parts = list(body.parts)
    repeated = parallel and not body.several
    if calls == "forced":
        start = f"start: {_repeated('marked', repeated)}" if syntax.start else "start: calls"
    elif constraint is not None:
        parts.append({"name": "answer", **_answer_part(constraint)})
        start = f"start: @answer | {_repeated('marked', repeated)}"
    else:
        start = f"start: {'marked* TEXT' if repeated else 'TEXT | marked'}"
    rules = [f"calls: {body.expression}", *body.rules]
    if syntax.start:
        rules += _marked(syntax, is_forced=calls == "forced")
    lark = "\n".join([r"%llguidance {}", start, *rules])
    return _checked(json.dumps({"grammars": [{"name": "main", "lark_grammar": lark}, *parts]}))


def tools_held(tools: Sequence[ToolSpec], calls: Calls) -> tuple[ToolSpec, ...]:
    """The tools with what a grammar holds of their schemas.

    Raises InvalidRequest with the path of a keyword that no grammar can guarantee, where calls are
    forced.
    """
    held = _closed if calls == "forced" else _relaxed
    return tuple(held(index, tool) for index, tool in enumerate(tools))


def tools_unheld(tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
    """Those whose offered calls a grammar holds in part only."""
    return tuple(
        tool
        for index, tool in enumerate(tools)
        if schema_bare(_offered(index, tool)) != _relaxed(index, tool).parameters
    )


def _closed(index: int, tool: ToolSpec) -> ToolSpec:
    """The tool with its arguments as an object, without parameters that nobody has named."""
    schema = schema_bare(arguments_check(index, tool))
    schema_probe(schema, f"tools.{index}.parameters")
    return ToolSpec(tool.name, tool.description, schema_close(schema))


def _relaxed(index: int, tool: ToolSpec) -> ToolSpec:
    """The same, without what cannot be held."""
    schema = schema_relaxed(_offered(index, tool), least={"type": "object"})
    return ToolSpec(tool.name, tool.description, schema)


def _offered(index: int, tool: ToolSpec) -> JSON:
    """The tool's arguments; others are let in where what cannot be held may name them."""
    schema = arguments_schema(index, tool)
    return schema if schema.keys() & COMPOSED else schema_close(schema)


def call_body(tools: Sequence[ToolSpec], syntax: CallSyntax, *, parallel: bool) -> CallBody | None:
    """How the tools are called, as `tools_held` gives them; None when the format cannot say what
    their schemas demand."""
    if syntax.format is None:
        return _json_body(tools, syntax, parallel)
    writer = CallWriter(syntax.term, syntax.markers)
    expression = syntax.format.calls(writer, tools, parallel)
    if expression is None:
        return None
    rules, parts = tuple(writer.rules), tuple(writer.parts)
    return CallBody(expression, rules, parts, several=syntax.format.several)


def _json_body(tools: Sequence[ToolSpec], syntax: CallSyntax, parallel: bool) -> CallBody:
    """One call as an object, several as a list of them."""
    several = f' | "[" call (", " call){{0,{MOST_PARALLEL_CALLS - 1}}} "]"' if parallel else ""
    rules = ["call: " + " | ".join(f"call_{index}" for index in range(len(tools)))]
    parts = []
    for index, tool in enumerate(tools):
        opening = literal(f'{{"name": {json.dumps(tool.name)}, "arguments": ')
        rules.append(f'call_{index}: {opening} @arguments_{index} "}}"')
        schema = schema_prepare(guard(tool.parameters, syntax.markers))
        parts.append({"name": f"arguments_{index}", "json_schema": schema})
    return CallBody(f"call{several}", tuple(rules), tuple(parts))


def _repeated(rule: str, parallel: bool) -> str:
    return f"{rule}{{1,{MOST_PARALLEL_CALLS}}}" if parallel else rule


def _marked(syntax: CallSyntax, *, is_forced: bool) -> list[str]:
    """`marked`: calls between their markers, with text before them where they are offered."""
    start = syntax.term(syntax.start)
    end = syntax.term(syntax.end) if syntax.end else ""
    body = f"calls {end}" if syntax.format else rf'"\n"? calls "\n"? {end}'
    if is_forced:
        return [rf'marked: {start} {body} "\n"?' if end else f"marked: {start} {body}"]
    text = r"TEXT: /(.|\n)*/"
    if start.startswith('"'):
        # A lazy lexeme: free text up to the first time the marker is complete.
        return [text, f"opening[lazy]: TEXT {start}", f"marked: opening {body}"]
    return [text, f"marked: TEXT {start} {body}"]


def _answer_grammar(constraint: Constraint) -> str:
    part = {"name": "answer", **_answer_part(constraint)}
    return _checked(json.dumps({"grammars": [part]}))


def _answer_part(constraint: Constraint) -> JSON:
    """The constraint as one part of a grammar."""
    constraint_check(constraint)
    value = constraint.value
    if constraint.kind == "json_object":
        return {"json_schema": schema_prepare({"type": "object"})}
    if constraint.kind == "json_schema":
        if constraint.strict:
            schema_probe(value, "constraint.value")
        else:
            value = schema_relaxed(schema_close(value)) if isinstance(value, dict) else {}
        return {"json_schema": schema_prepare(schema_close(value))}
    if constraint.kind == "choice":
        return {"lark_grammar": "start: " + " | ".join(map(literal, value))}
    if constraint.kind == "regex":
        return {"lark_grammar": f"start: /{regex_to_lark(value, 'd')}/"}
    return {"lark_grammar": lark_of(value)}


def _checked(grammar: str) -> str:
    """The grammar itself, when llguidance takes it."""
    if message := grammar_error(grammar):
        raise InvalidRequest(f"the grammar cannot be used: {message}", field="constraint.value")
    return grammar
