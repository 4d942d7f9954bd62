"""From what a request demands of its output to a grammar for llguidance.

A grammar is a string that `llguidance.LLMatcher` takes. Everything here is pure: what a model must
emit exactly is decided from the request alone and checked before any token is generated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from llguidance import LLMatcher, regex_to_lark

from inference.constraint_schema import schema_check, schema_prepare
from inference.errors import InvalidRequest
from inference.types import JSON, Constraint, ToolSpec

MOST_PARALLEL_CALLS = 8

Calls = Literal["none", "offered", "forced"]


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """What stands around a tool call: markers as Lark terms ('' for a bare JSON call).

    Lark writes a special token as <name> and text as "text"; who knows the tokenizer decides.
    """

    start: str = ""
    end: str = ""


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
    "offered" lets the model write text, bound by the constraint if there is one, or open a call.
    Raises InvalidRequest naming the field, for schemas with the path of the offending keyword.
    """
    if calls == "none" or not tools:
        return None if constraint is None else _answer_grammar(constraint)
    parts = [_tool_part(index, tool) for index, tool in enumerate(tools)]
    if calls == "forced":
        start = _forced(syntax, parallel)
    elif constraint is not None:
        parts.append({"name": "answer", **_answer_part(constraint)})
        start = f"start: @answer | {_repeated('marked', parallel)}"
    else:
        start = f"start: {'marked* TEXT' if parallel else 'TEXT | marked'}"
    lark = "\n".join([r"%llguidance {}", start, *_call_rules(tools, syntax, parallel, calls)])
    return _checked(json.dumps({"grammars": [{"name": "main", "lark_grammar": lark}, *parts]}))


def _forced(syntax: CallSyntax, parallel: bool) -> str:
    if syntax.start:
        return f"start: {_repeated('marked', parallel)}"
    return "start: calls"


def _repeated(rule: str, parallel: bool) -> str:
    return f"{rule}{{1,{MOST_PARALLEL_CALLS}}}" if parallel else rule


def _call_rules(
    tools: Sequence[ToolSpec], syntax: CallSyntax, parallel: bool, calls: Calls
) -> list[str]:
    """`calls` is the JSON; `marked` the same between markers, with text before where offered."""
    several = f' | "[" call (", " call){{0,{MOST_PARALLEL_CALLS - 1}}} "]"' if parallel else ""
    rules = [
        f"calls: call{several}",
        "call: " + " | ".join(f"call_{index}" for index in range(len(tools))),
    ]
    for index, tool in enumerate(tools):
        opening = json.dumps(f'{{"name": {json.dumps(tool.name)}, "arguments": ')
        rules.append(f'call_{index}: {opening} @arguments_{index} "}}"')
    if not syntax.start:
        return rules
    body = rf'"\n"? calls "\n"? {syntax.end}'
    if calls == "forced":
        return [*rules, rf'marked: {syntax.start} {body} "\n"?']
    text = r"TEXT: /(.|\n)*/"
    if syntax.start.startswith('"'):
        # A lazy lexeme: free text up to the first time the marker is complete.
        return [*rules, text, f"opening[lazy]: TEXT {syntax.start}", f"marked: opening {body}"]
    return [*rules, text, f"marked: TEXT {syntax.start} {body}"]


def _tool_part(index: int, tool: ToolSpec) -> JSON:
    """A tool's arguments. Parameters that the schema does not name are not invented."""
    schema = dict(tool.parameters) or {"type": "object"}
    if "properties" in schema or set(schema) <= {"type"}:
        schema.setdefault("additionalProperties", False)
    where = f"tools.{index}.parameters"
    schema_check(schema, where)
    return {"name": f"arguments_{index}", "json_schema": schema_prepare(schema)}


def _answer_grammar(constraint: Constraint) -> str:
    part = {"name": "answer", **_answer_part(constraint)}
    return _checked(json.dumps({"grammars": [part]}))


def _answer_part(constraint: Constraint) -> JSON:
    """The constraint as one part of a grammar."""
    value = constraint.value
    if constraint.kind == "json_object":
        return {"json_schema": schema_prepare({"type": "object"})}
    if constraint.kind == "json_schema":
        schema_check(value, "constraint.value")
        return {"json_schema": schema_prepare(value)}
    if constraint.kind == "choice":
        return {"lark_grammar": _choice(value)}
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"a {constraint.kind} is a text", field="constraint.value")
    if constraint.kind == "regex":
        return {"lark_grammar": f"start: /{regex_to_lark(value, 'd')}/"}
    return {"lark_grammar": value}


def _choice(value: Any) -> str:
    texts = value if isinstance(value, list | tuple) else []
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise InvalidRequest("a choice is a list of texts", field="constraint.value")
    return "start: " + " | ".join(json.dumps(text) for text in texts)


def _checked(grammar: str) -> str:
    """The grammar itself, when llguidance takes it."""
    failed, messages = LLMatcher.validate_grammar_with_warnings(grammar)
    if failed:
        raise InvalidRequest(
            f"the grammar cannot be used: {messages[0].strip()}", field="constraint.value"
        )
    return grammar
