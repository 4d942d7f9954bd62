"""A grammar as one Lark text, for those who take no list of grammars."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from common.types import JSON

HEADER = "%llguidance {}"
HEADER_LINE = re.compile(r"^\s*%llguidance[^\n]*\n?")
# Which escapes a text may hold: an option that the llguidance in llama.cpp does not know yet, and
# it refuses what it does not know.
TOO_NEW = "json_allowed_escapes"
INLINE = re.compile(r"%json\s*(?=\{)")
REFERENCE = re.compile(r"@(\w+)")


def lark_text(grammar: str) -> str:
    """The grammar that `inference.grammar.make` gave, its parts as rules of the first one."""
    first, *parts = json.loads(grammar)["grammars"]
    if "json_schema" in first:
        return f"{HEADER}\nstart: {_json(first['json_schema'])}"
    text = HEADER_LINE.sub("", first["lark_grammar"])
    names = {part["name"] for part in parts}
    text = REFERENCE.sub(lambda found: found[1] if found[1] in names else found[0], text)
    text = _with_known_options(text)
    return "\n".join([HEADER, text, *(f"{part['name']}: {_part(part)}" for part in parts)])


def after_thinking(lark: str, opens: int | None, closes: int) -> str:
    """The grammar of an answer that a block of thinking comes before. `closes` is the token that
    ends it, and `opens` the one that may begin it; None where the prompt has begun it already."""
    thought = f"THOUGHT <[{closes}]> GAP answer"
    rules = [
        f"start: {thought if opens is None else f'<[{opens}]> {thought} | answer'}",
        "THOUGHT: /(?s:.*)/",
        r"GAP: /\s{0,4}/",
        f"answer: {_nested(HEADER_LINE.sub('', lark))}",
    ]
    return "\n".join([HEADER, *rules])


def after_tokens(tokens: Sequence[int], lark: str | None) -> str:
    """The grammar of an answer that begins with these tokens; None where the rest is free."""
    answer = r"/(?s:.*)/" if lark is None else _nested(HEADER_LINE.sub("", lark))
    forced = " ".join(f"<[{token}]>" for token in tokens)
    return "\n".join([HEADER, f"start: {forced} answer", f"answer: {answer}"])


def _part(part: JSON) -> str:
    if "json_schema" in part:
        return _json(part["json_schema"])
    return _nested(_with_known_options(HEADER_LINE.sub("", part["lark_grammar"])))


def _nested(lark: str) -> str:
    return f"%lark {{\n{lark}\n}}"


def _json(schema: JSON) -> str:
    if options := schema.get("x-guidance"):
        known = {key: value for key, value in options.items() if key != TOO_NEW}
        schema = schema | {"x-guidance": known}
    return f"%json {json.dumps(schema)}"


def _with_known_options(lark: str) -> str:
    """The text with its JSON Schemas in a form that llama.cpp takes."""
    pieces: list[str] = []
    at = 0
    for found in INLINE.finditer(lark):
        if found.start() < at:
            continue
        try:
            schema, end = json.JSONDecoder().raw_decode(lark, found.end())
        except ValueError:
            continue
        pieces += [lark[at : found.start()], _json(schema)]
        at = end
    return "".join([*pieces, lark[at:]])
