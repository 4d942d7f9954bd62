"""Whether llguidance can follow a grammar, found out before any token is generated."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from common.errors import InvalidRequest
from common.types import JSON
from inference.grammar.schema.narrow import schema_prepare
from inference.grammar.schema.parts import Path, schema_definitions, schema_parts

# A grammar is compiled while other answers wait, so it may not take long: these are at most about
# half a second on a slow core.
LIMITS = LLParserLimits(
    max_grammar_size=100_000,
    initial_lexer_fuel=1_000_000,
    verbose_errors=False,
)
PROBED_BYTES = 64
OF_THE_WHOLE = re.compile("too (large|big)")
UNKNOWN_TOKEN = ("unknown special token", "Token range end too large")
OPENING = b'{["'  # of the bytes that may come, those that lead further in


@lru_cache(maxsize=1)
def _bytes_tokenizer() -> LLTokenizer:
    return LLTokenizer("byte")


@lru_cache(maxsize=256)
def grammar_error(grammar: str) -> str:
    """llguidance's complaint about a grammar, or ''. It is compiled, and a few bytes are tried."""
    matcher = LLMatcher(_bytes_tokenizer(), grammar, log_level=0, limits=LIMITS)
    if any(text in matcher.get_error() for text in UNKNOWN_TOKEN):
        # A special token of the model's: only the model's own tokenizer can try such a grammar.
        failed, messages = LLMatcher.validate_grammar_with_warnings(grammar, limits=LIMITS)
        return _short(messages[0]) if failed else ""
    if matcher.is_error():
        return _short(matcher.get_error())
    for _ in range(PROBED_BYTES):
        allowed = _allowed(matcher)
        if matcher.is_error() or matcher.is_stopped():
            break
        if not allowed:
            return "nothing can match it"
        matcher.consume_token(next((byte for byte in OPENING if byte in allowed), allowed[0]))
    if matcher.is_error():
        return f"nothing can match it, or it is too complex ({_short(matcher.get_error())})"
    return ""


def schema_error(schema: Any) -> str:
    """llguidance's complaint about a JSON Schema, or ''."""
    try:
        return grammar_error(LLMatcher.grammar_from_json_schema(json.dumps(schema_prepare(schema))))
    except (ValueError, TypeError, RecursionError) as error:
        return _short(str(error))


def schema_fault(schema: Any) -> Path | None:
    """The path of something that llguidance cannot follow in a checked schema; None if it can."""
    message = schema_error(schema)
    return _culprit(schema, schema, message, ()) if message else None


def schema_probe(schema: Any, where: str) -> None:
    """Raise InvalidRequest with the path of what llguidance cannot follow in a checked schema."""
    if message := schema_error(schema):
        field = ".".join((where, *_culprit(schema, schema, message, ())))
        raise InvalidRequest(f"{field}: {message}", field=field)


def _culprit(schema: Any, root: Any, message: str, path: Path) -> Path:
    """The path of the deepest part that draws the same complaint on its own."""
    if OF_THE_WHOLE.search(message):
        return path
    for name, part in schema_parts(schema):
        if isinstance(part, dict) and schema_error(_with_definitions(part, root)) == message:
            return _culprit(part, root, message, path + name)
    return path + _keyword(schema, message)


def _with_definitions(part: JSON, root: JSON) -> JSON:
    return {**schema_definitions(root), **part} if part is not root else part


HINTS = (
    ("type", "Invalid type"),
    ("oneOf", "oneOf"),
    ("pattern", "regex"),
    ("patternProperties", "patternProperty"),
    ("minLength", "Regex is empty"),
    ("minimum", "Failed to generate regex"),
    ("maximum", "Failed to generate regex"),
    ("const", "Constant"),
    ("multipleOf", "multiple of"),
    ("enum", "anyOf is empty"),
    ("enum", "incompatible types"),
    ("const", "incompatible types"),
    ("allOf", "incompatible types"),
    ("prefixItems", "prefixItems"),
    ("allOf", "Unsatisfiable"),
    ("$ref", "nothing can match"),
)


def _keyword(schema: Any, message: str) -> Path:
    """Which of the schema's own keywords the message is about, as the end of a path."""
    if not isinstance(schema, dict):
        return ()
    unknown = re.match(r"Unimplemented keys: \[\"([^\"]+)\"", message)
    if unknown:
        return (unknown[1],)
    named = [
        key for key in schema if re.search(rf"(?<![\w$]){re.escape(key)}(?!\w)", message, re.I)
    ]
    hinted = [key for key, text in HINTS if key in schema and text in message]
    return tuple((named + hinted)[:1])


def _allowed(matcher: LLMatcher) -> list[int]:
    """The bytes that may come next."""
    bits = int.from_bytes(matcher.compute_bitmask()[:32], "little")
    return [byte for byte in range(256) if bits >> byte & 1]


def _short(message: str) -> str:
    """A complaint in one line; regex errors put the point of it last."""
    lines = [line.strip() for line in message.split("<state>")[0].splitlines() if line.strip()]
    if not lines:
        return "it failed"
    text = lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"
    return text if len(text) <= 300 else f"{text[:300]} ..."
