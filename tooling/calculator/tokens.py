"""The words of the calculator's language, with the characters that people type or paste."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

MAX_LENGTH = 1000

# One by one and not by NFKC, which would make 22 of a 2 with a superscript 2.
SPELLINGS = str.maketrans(
    {
        **dict.fromkeys("−–—﹣－", "-"),
        **dict.fromkeys("×✕✖·⋅∙∗", "*"),
        **dict.fromkeys("÷∕⁄", "/"),
        **dict.fromkeys("\u00a0\u2009\u202f\u200b", " "),
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        "＋": "+",
        "（": "(",
        "）": ")",
        "，": ",",
        "％": "%",
        "＝": "=",
        "π": " pi ",
        "∞": " oo ",
        "º": "°",
        "θ": " theta ",
        "τ": " tau ",
    }
)
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
OPERATORS = {"**": "^", "==": "=", "of": "*", "mod": "mod"}  # how they are spelled -> operator

PATTERN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<grouped>[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]+)?)
  | (?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<degrees>(?:degrees|degree|deg)\b(?!\())
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<superscript>⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)
  | (?P<operator>\*\*|//|==|[-+*/^=(),\[\]|!%°√∛])
    """,
    re.VERBOSE,
)


class CalculationError(ValueError):
    """A sentence for the person or the model that wrote the expression."""


class Kind(Enum):
    NUMBER = auto()
    NAME = auto()
    SUPERSCRIPT = auto()
    OPERATOR = auto()
    END = auto()


@dataclass(frozen=True)
class Token:
    kind: Kind
    text: str
    place: int

    @property
    def shown(self) -> str:
        if self.kind is Kind.END:
            return "the end of the expression"
        return f'"{self.text}" (character {self.place + 1})'


def tokenize(text: str) -> list[Token]:
    """Split the text; the last is always a token of kind END. Raises CalculationError."""
    if len(text) > MAX_LENGTH:
        raise CalculationError(f"The expression is longer than {MAX_LENGTH:,} characters.")
    text = text.translate(SPELLINGS).rstrip().rstrip("=?").rstrip()
    if not text.strip():
        raise CalculationError("The expression is empty.")
    tokens: list[Token] = []
    depth = position = 0
    while position < len(text):
        token, length = _token(text, position, depth)
        depth += (token.text in "([") - (token.text in ")]") if token else 0
        tokens += [token] if token else []
        position += length
    return [*tokens, Token(Kind.END, "", len(text))]


def _token(text: str, place: int, depth: int) -> tuple[Token | None, int]:
    """The token at a place (None for a space) and its length in the text."""
    match = PATTERN.match(text, place)
    if match is None:
        raise CalculationError(f'The character "{text[place]}" ({place + 1}) means nothing here.')
    kind, found = match.lastgroup, match.group()
    if kind == "grouped" and depth:  # in brackets a comma separates: max(1,200)
        match = re.compile("[0-9]+").match(text, place)
        assert match is not None
        kind, found = "number", match.group()
    return _made(kind or "", found, place), len(found)


def _made(kind: str, found: str, place: int) -> Token | None:
    match kind:
        case "space":
            return None
        case "grouped" | "number":
            return Token(Kind.NUMBER, found.replace(",", ""), place)
        case "superscript":
            return Token(Kind.SUPERSCRIPT, found.translate(SUPERSCRIPTS), place)
        case "name" if found not in OPERATORS:
            return Token(Kind.NAME, found, place)
        case "degrees":
            return Token(Kind.OPERATOR, "°", place)
    return Token(Kind.OPERATOR, OPERATORS.get(found, found), place)
