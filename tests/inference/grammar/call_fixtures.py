"""Tools of every shape, and texts drawn at random from a grammar through a real tokenizer."""

from __future__ import annotations

import numpy as np
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

from inference.types import ToolSpec

SEARCH = ToolSpec(
    "web_search",
    "Looks something up.",
    {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "language": {"type": "string", "enum": ["en", "de", "日本語"]},
            "limit": {"type": "integer", "minimum": 1, "maximum": 20},
            "safe": {"type": "boolean"},
        },
        "required": ["query"],
        "additionalProperties": False,
    },
)
CONVERT = ToolSpec(
    "convert_2",
    "Converts an amount.",
    {
        "type": "object",
        "properties": {
            "amount": {"type": "number", "exclusiveMinimum": 0},
            "unit": {"$ref": "#/$defs/unit"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "digits": {"type": ["integer", "null"]},
            "code": {"type": "string", "minLength": 2, "maxLength": 4},
        },
        "required": ["amount", "unit", "code"],
        "$defs": {"unit": {"enum": ["kg", "m", "€"]}},
    },
)
NOTHING = ToolSpec("clock", "The time.", {"type": "object", "properties": {}})
OPTIONAL = ToolSpec(
    "lamp",
    "A lamp.",
    {"type": "object", "properties": {"on": {"type": "boolean"}, "colour": {"type": "string"}}},
)
NESTED = ToolSpec(
    "plan_trip",
    "A trip.",
    {
        "type": "object",
        "properties": {
            "stops": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"town": {"type": "string"}, "days": {"type": "integer"}},
                    "required": ["town"],
                    "additionalProperties": False,
                },
                "maxItems": 2,
            },
            "budget": {"type": "object", "additionalProperties": {"type": "number"}},
            "title": {"type": "string"},
        },
        "required": ["stops"],
    },
)
PATTERN = ToolSpec(
    "book",
    "Books.",
    {
        "type": "object",
        "properties": {"day": {"type": "string", "format": "date"}},
        "required": ["day"],
    },
)
CLOSING = (b"<", b'"', b"\n", b"[", b"}")
FLAT = (SEARCH, CONVERT, NOTHING, OPTIONAL)


class RandomWriter:
    """Draws texts that a grammar allows: any allowed token is as likely as another, but the end of
    the answer is taken now and then, and so is what may close a text."""

    def __init__(self, native: LLTokenizer, end: int) -> None:
        self._native = native
        self._end = end
        texts = (native.decode_bytes([token]) for token in range(native.vocab_size))
        self._closing = np.array([text[:1] in CLOSING for text in texts])

    def draw(
        self, grammar: str, random: np.random.Generator, limit: int = 300, opening: str = ""
    ) -> tuple[str, bool]:
        """The text, and whether it is complete. `opening` is what it begins with."""
        matcher = LLMatcher(self._native, grammar)
        assert not matcher.is_error(), matcher.get_error()
        tokens = self._native.tokenize_str(opening, parse_special=True) if opening else []
        for token in tokens:
            assert matcher.consume_token(token), f"{opening!r} is not allowed"
        for _ in range(limit):
            if matcher.is_stopped():
                break
            token = self._token(matcher, random)
            assert matcher.consume_token(token), matcher.get_error()
            if token == self._end:
                return self._native.decode_bytes(tokens).decode(), True
            tokens.append(token)
        text = self._native.decode_bytes(tokens).decode(
            errors="ignore"
        )  # it may end in a character
        return text, matcher.is_stopped()

    def _token(self, matcher: LLMatcher, random: np.random.Generator) -> int:
        size = self._native.vocab_size
        bits = allocate_token_bitmask(1, size)
        fill_next_token_bitmask(matcher, bits)
        flags = np.unpackbits(bits.view(np.uint8), count=size, bitorder="little")
        allowed = np.flatnonzero(flags)
        assert len(allowed), f"nothing may follow: {matcher.get_error()}"
        if flags[self._end] and random.random() < 0.3:
            return self._end
        closing = np.flatnonzero(flags & self._closing)
        if len(allowed) > 1000 and len(closing) and random.random() < 0.4:
            return int(random.choice(closing))
        return int(random.choice(allowed))
