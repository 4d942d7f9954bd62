"""The grammar of one ReAct step, for engines that can be held to one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from common.types import JSON
from inference.grammar.schema.narrow import schema_prepare
from inference.types import Constraint, ToolSpec

THOUGHT_CHARACTERS = 300
# A Python program inside a JSON string: what opens is closed, brackets and quotes alike. No word is
# longer than it must be: a lexer that has begun a long one does not go back.
PYTHON = r"""
python: piece+ | piece* comment
piece: PLAIN | NEWLINE | TAB | BACKSLASH NEWLINE | comment NEWLINE | string
     | "(" piece* ")" | "[" piece* "]" | "{" piece* "}"
comment: "#" (LINE | TAB | BACKSLASH | QUOTE)*
string: "'" (SINGLE | QUOTE | TAB | escaped)* "'"
      | QUOTE (LINE | TAB | escaped)* QUOTE
      | "'" "'" "'" ("'"? "'"? (SINGLE | QUOTE | NEWLINE | TAB | escaped))* "'" "'" "'"
      | QUOTE QUOTE QUOTE (QUOTE? QUOTE? (LINE | NEWLINE | TAB | escaped))* QUOTE QUOTE QUOTE
escaped: BACKSLASH (ANY | NEWLINE | TAB | BACKSLASH | QUOTE)
PLAIN: /[^"'#()\[\]{}\\\x00-\x1f\x7f]+/
LINE: /[^"\\\x00-\x1f\x7f]+/
SINGLE: /[^'"\\\x00-\x1f\x7f]+/
ANY: /[^"\\\x00-\x1f\x7f]/
NEWLINE: /\\n/
TAB: /\\t/
BACKSLASH: /\\\\/
QUOTE: /\\"/
""".strip()


def step_constraint(actions: Sequence[ToolSpec], tokens: int) -> Constraint:
    """Make the grammar of one step: a thought, then one of the actions with input valid for its
    schema.

    The thought takes half of the step's `tokens` at most, so that there is always a call: a step
    may be cut off inside its input only. A character may be cut where the thought is.
    """
    rules = [
        'start: "Thought: " thought "\\nAction: " call',
        f"thought[max_tokens={max(tokens // 2, 1)}]: THOUGHT",
        f"THOUGHT: /[^\\n]{{1,{THOUGHT_CHARACTERS}}}/",
        "call: " + " | ".join(f"call_{index}" for index in range(len(actions))),
    ]
    for index, spec in enumerate(actions):
        head = json.dumps(f"{spec.name}\nAction Input: ", ensure_ascii=False)
        rules.append(f"call_{index}: {head} {_input_rule(spec.parameters)}")
    if any(_program_parameter(spec.parameters) for spec in actions):
        rules.append(PYTHON)
    return Constraint("lark", "\n".join(rules))


def _input_rule(parameters: JSON) -> str:
    name = _program_parameter(parameters)
    if name:
        opening = json.dumps(f'{{{json.dumps(name)}: "')
        return f'{opening} python "\\"}}"'
    schema = schema_prepare({**parameters, "additionalProperties": False})
    return f"%json {json.dumps(schema)}"


def _program_parameter(parameters: JSON) -> str:
    """The name of the parameter of a tool whose whole input is a Python program, else ''."""
    properties = parameters.get("properties", {})
    if len(properties) != 1 or list(properties) != parameters.get("required"):
        return ""
    ((name, schema),) = properties.items()
    return name if schema.get("contentMediaType") == "text/x-python" else ""
