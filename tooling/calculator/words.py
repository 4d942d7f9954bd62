"""English words in an expression: "two plus two", "15 percent of 80", "the square root of 16"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from tooling.calculator.tokens import CalculationError, Kind, Token

_BELOW_TWENTY = """zero one two three four five six seven eight nine ten eleven twelve thirteen
    fourteen fifteen sixteen seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
UNITS = {word: number for number, word in enumerate(_BELOW_TWENTY.split())}
TENS = {word: 10 * number for number, word in enumerate(_TENS.split(), start=2)}
SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
SINGULAR = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
SINGULAR |= {"eighth": 8, "ninth": 9, "tenth": 10, "hundredth": 100, "thousandth": 1000}
PLURAL = {f"{word}s": number for word, number in SINGULAR.items()} | {"halves": 2}
PARTS = SINGULAR | PLURAL
COUNTED = UNITS | TENS
NUMBER_WORDS = COUNTED.keys() | SCALES.keys()

# Longest first, so that "to the power of" is not read as "to the".
PHRASES: dict[tuple[str, ...], tuple[Kind, str]] = {
    tuple(phrase.split()): meaning
    for phrase, meaning in sorted(
        {
            "plus": (Kind.OPERATOR, "+"),
            "minus": (Kind.OPERATOR, "-"),
            "negative": (Kind.OPERATOR, "-"),
            "times": (Kind.OPERATOR, "*"),
            "multiplied by": (Kind.OPERATOR, "*"),
            "divided by": (Kind.OPERATOR, "/"),
            "over": (Kind.OPERATOR, "/"),
            "to the power of": (Kind.OPERATOR, "^"),
            "to the power": (Kind.OPERATOR, "^"),
            "raised to the power of": (Kind.OPERATOR, "^"),
            "raised to the power": (Kind.OPERATOR, "^"),
            "raised to": (Kind.OPERATOR, "^"),
            "squared": (Kind.SUPERSCRIPT, "2"),
            "cubed": (Kind.SUPERSCRIPT, "3"),
            "percent": (Kind.OPERATOR, "%"),
            "per cent": (Kind.OPERATOR, "%"),
            "modulo": (Kind.OPERATOR, "mod"),
            "off": (Kind.OPERATOR, "off"),
            "equals": (Kind.OPERATOR, "="),
            "equal to": (Kind.OPERATOR, "="),
            "is equal to": (Kind.OPERATOR, "="),
            "is greater than": (Kind.OPERATOR, ">"),
            "is less than": (Kind.OPERATOR, "<"),
            "square root of": (Kind.NAME, "sqrt"),
            "cube root of": (Kind.NAME, "cbrt"),
            "cubic root of": (Kind.NAME, "cbrt"),
            "factorial of": (Kind.NAME, "factorial"),
            "sum of": (Kind.NAME, "sum"),
            "product of": (Kind.NAME, "product"),
            "average of": (Kind.NAME, "mean"),
            "mean of": (Kind.NAME, "mean"),
        }.items(),
        key=lambda item: -len(item[0].split()),
    )
}


def read(tokens: list[Token]) -> list[Token]:
    """Give the tokens with English words as what they mean."""
    made: list[Token] = []
    place = 0
    while place < len(tokens):
        token, length = _word(tokens, place, made)
        made += [token] if token else []
        place += length
    return made


def _word(tokens: list[Token], place: int, before: list[Token]) -> tuple[Token | None, int]:
    """What stands at a place (None for "the"), and how many tokens it is."""
    token = tokens[place]
    word = _text(token)
    if token.kind is Kind.NUMBER:
        return _scaled(tokens, place)
    if token.kind is not Kind.NAME or len(word) < 2:
        return _article(tokens, place) or (token, 1)
    if word in NUMBER_WORDS:
        return _number(tokens, place)
    if word in SINGULAR:
        return token.as_number(f"1/{PARTS[word]}"), 1
    phrase = next((words for words in PHRASES if _texts(tokens, place, len(words)) == words), None)
    if phrase:
        kind, text = PHRASES[phrase]
        return replace(token, kind=kind, text=text, worded=True), len(phrase)
    if word == "factorial" and before and _is_complete(before[-1]):
        return token.as_operator("!"), 1
    if word == "the":
        return None, 1
    return (token.as_operator("and") if word == "and" else token), 1


def _is_complete(token: Token) -> bool:
    return token.kind is Kind.NUMBER or token.text == ")"


def _article(tokens: list[Token], place: int) -> tuple[Token | None, int] | None:
    """ "a half", "a hundred" """
    following = _texts(tokens, place + 1, 1)
    if _text(tokens[place]) == "a" and following and following[0] in SINGULAR:
        return tokens[place].as_number(f"1/{PARTS[following[0]]}"), 2
    if _text(tokens[place]) == "a" and following and following[0] in SCALES:
        token, length = _number(tokens, place + 1)
        return token, length + 1
    return None


def _number(tokens: list[Token], place: int) -> tuple[Token, int]:
    """Read "two hundred and twenty-five", "three point five", "two and a half", "two thirds"."""
    count = _Count()
    at = place
    while at < len(tokens):
        word = _text(tokens[at])
        if word in NUMBER_WORDS:
            if not count.takes(word):
                raise CalculationError(f"There is no operator before {tokens[at].shown}.")
        elif not _joins(tokens, at, count.room):
            break
        at += 1
    return _with_part(tokens, place, at, Fraction(count.total + count.current))


class _Count:
    """`current` is below a thousand, `total` the thousands; the next word is worth less than
    `room`: "two three" is no number."""

    def __init__(self) -> None:
        self.total = self.current = 0
        self.room = 1000

    def takes(self, word: str) -> bool:
        if word in COUNTED:
            fits = COUNTED[word] < self.room
            self.current += COUNTED[word]
            self.room = 10 if word in TENS else 0
        elif word == "hundred":
            fits = self.current < 100 and self.room != 100
            self.current, self.room = (self.current or 1) * 100, 100
        else:
            fits = not self.total or self.current > 0
            self.total += (self.current or 1) * SCALES[word]
            self.current, self.room = 0, 1000
        return fits


def _joins(tokens: list[Token], at: int, room: int) -> bool:
    """Whether it stands within a number: the hyphen of twenty-five, the "and" of a hundred and
    five."""
    following = _texts(tokens, at + 1, 1)
    if not following or following[0] not in COUNTED:
        return False
    if tokens[at].text == "-" and room == 10:
        tight = not tokens[at].spaced and not tokens[at + 1].spaced
        return tight and COUNTED[following[0]] < room
    return _text(tokens[at]) == "and" and room in (100, 1000)


def _with_part(tokens: list[Token], place: int, at: int, value: Fraction) -> tuple[Token, int]:
    if _texts(tokens, at, 1) == ("point",):
        digits = ""
        at += 1
        while at < len(tokens) and UNITS.get(_text(tokens[at]), 10) < 10:
            digits += str(UNITS[_text(tokens[at])])
            at += 1
        if not digits:
            raise CalculationError('The digits after "point" are missing.')
        return tokens[place].as_number(f"{value}.{digits}"), at - place
    part = _texts(tokens, at, 3)
    if part[:2] == ("and", "a") and part[2:] and part[2] in PARTS:
        value, at = value + Fraction(1, PARTS[part[2]]), at + 3
    elif part and part[0] in (SINGULAR if value == 1 else PLURAL):
        value, at = value / PARTS[part[0]], at + 1
    return tokens[place].as_number(str(value)), at - place


def _scaled(tokens: list[Token], place: int) -> tuple[Token, int]:
    """Read "5 million"."""
    token, at = tokens[place], place + 1
    value = None
    while at < len(tokens) and _text(tokens[at]) in SCALES:
        value = (value or Fraction(token.text)) * SCALES[_text(tokens[at])]
        at += 1
    return (token if value is None else token.as_number(str(value))), at - place


def _texts(tokens: Sequence[Token], place: int, count: int) -> tuple[str, ...]:
    return tuple(_text(token) for token in tokens[place : place + count])


def _text(token: Token) -> str:
    return token.text.lower() if token.kind in (Kind.NAME, Kind.OPERATOR) else ""
