"""Tells when a text runs in a circle, so that an answer which would never end is ended.

The text is cut into units (a word, a number, a line break, a character of a script without spaces).
Every so often the last units are asked for their smallest periods: the prefix function of the
reversed tail gives the period of every length of it in one pass. A window of fixed size is looked
at after a fixed number of units, so a unit costs the same however long the answer is.

A tail that is periodic but for its numbers is a circle where the numbers count up or where they are
few ("12. the same", "13. the same"). Rows of data, whose numbers are what they are there for, are
not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

NEAR, FAR = 768, 2048  # units that are looked at, and now and then for long periods
FAR_EVERY = 4

# All that follows is in weights: about a character each.
STEP = 64  # after which the text is looked at again

# What must have been repeated until it counts as a circle.
LONG = 500
LONG_PARAGRAPH = 700  # of a period from LONG / 2 on: songs repeat a chorus once or twice
LONG_SIGNS = 720  # of what has hardly a letter: matrices, boxes, separators
LONG_BLANK = 120  # of nothing: empty lines, or blanks four of which count as one
LONG_COUNTED = 600  # where numbers count up
LONG_CHANGING = 700  # where numbers follow no rule
LONG_LISTING = 2400  # of code and data with a counter, such as the options of a form
TURNS_LEAST = 1.5  # of any period, besides its first turn
TURNS_COUNTED, TURNS_CHANGING, TURNS_LISTING = 2.5, 4, 24
FEW_LETTERS, PROSE_LETTERS = 0.3, 0.4  # share of the letters in a period
MOST_DIGITS = 0.12  # share of the digits, where numbers follow no rule

LONGEST_NUMBER = 11  # digits; longer ones are digits that run, as in 0.333...
# Scripts that write no spaces between words.
DENSE = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fff\u3040-\ua4cf\uac00-\ud7af"
UNIT = re.compile(
    rf" ?(?:\d{{1,12}}|[{DENSE}]|[^\W\d_{DENSE}]{{1,16}}|([^\w\s])\1{{0,15}})|\n|[^\S\n]{{1,16}}|.",
    re.DOTALL,
)
HEAVY = {  # scripts and signs of which each takes a token, or several
    re.compile(rf" ?[{DENSE}]"): 3,
    re.compile(" ?[\U0001f000-\U0001faff]"): 7,
}
CODE = frozenset('{}<>=;[]"/_\\`')  # and addresses, and lines to be filled in
NUMBER = "<number>"  # the key of all numbers; no unit reads so


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of the text: `key` is the same where the text is alike, whatever a number is."""

    text: str
    key: str
    weight: int

    @property
    def is_number(self) -> bool:
        return self.key == NUMBER


class RepetitionGuard:
    """Takes the pieces of an answer; `fired` from the piece on with which it runs in a circle."""

    def __init__(self) -> None:
        self.fired = False
        self._units: list[Unit] = []
        self._rest = ""
        self._unseen = self._looks = 0

    def feed(self, piece: str) -> bool:
        """Take the next piece in, and tell whether the text runs in a circle."""
        self._rest += piece
        for unit in self._take():
            self._units.append(unit)
            self._unseen += unit.weight
            if self._unseen >= STEP and not self.fired:
                self.fired = self._look()
        return self.fired

    def _take(self) -> Iterator[Unit]:
        """The units that are whole: the last may still grow with what follows."""
        start = 0
        for match in UNIT.finditer(self._rest):
            if match.end() == len(self._rest):
                break
            start = match.end()
            yield unit_of(match.group())
        self._rest = self._rest[start:]

    def _look(self) -> bool:
        self._unseen = 0
        self._looks += 1
        if self._looks % FAR_EVERY:
            return is_circle(self._units[-NEAR:])
        del self._units[:-FAR]
        return is_circle(self._units)


def unit_of(text: str) -> Unit:
    """A piece of text that `UNIT` has cut."""
    bare = text.strip()
    if bare.isdecimal():
        if len(bare) <= LONGEST_NUMBER:
            return Unit(text, NUMBER, len(text))
        return Unit(text, text, 2 * len(text))
    if not bare:
        return Unit(text, text, max(len(text) // 4, 1))
    for pattern, weight in HEAVY.items():
        if pattern.match(text):
            return Unit(text, text, weight * len(text))
    if len(bare) > 2 and len(set(bare)) == 1 and bare.isalpha():
        return Unit(text, text, 2 * len(bare.encode()))  # a letter that is held
    return Unit(text.casefold(), text.casefold(), len(text))


def is_circle(units: Sequence[Unit]) -> bool:
    """Tell whether the units end in a circle."""
    tail = units[::-1]
    weights = [0, *accumulate(unit.weight for unit in tail)]
    for period, length in periods([unit.text for unit in tail]):
        repeated = weights[length] - weights[period]
        if repeated >= LONG_BLANK and repeated >= _needed(tail[:period], weights[period]):
            return True
    if not any(unit.is_number for unit in tail):
        return False
    return any(
        weights[length] - weights[period] >= LONG_COUNTED
        and _counts_in_circles(tail[:length], period, weights)
        for period, length in periods([unit.key for unit in tail])
    )


def periods(keys: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The smallest periods that the keys begin with, each with the length up to which it holds."""
    borders = [0]
    period = 1
    for index in range(1, len(keys)):
        key, border = keys[index], borders[-1]
        while border and key != keys[border]:
            border = borders[border - 1]
        border += key == keys[border]
        borders.append(border)
        if index + 1 - border != period:
            yield period, index
            period = index + 1 - border
    yield period, len(keys)


def _needed(period: Sequence[Unit], weight: int) -> float:
    """How much must have been repeated of a period of this weight."""
    if all(unit.text.isspace() for unit in period):
        return LONG_BLANK
    if _letters(period) < FEW_LETTERS * weight:
        return LONG_SIGNS
    return max(LONG, min(2 * weight, LONG_PARAGRAPH), TURNS_LEAST * weight)


def _counts_in_circles(tail: Sequence[Unit], period: int, weights: Sequence[int]) -> bool:
    """Tell whether a tail that is periodic but for its numbers is a circle."""
    once, repeated = weights[period], weights[len(tail)] - weights[period]
    slots = _steps(tail, period)
    if any(slot[:1] < [0] for slot in slots) and all(_same(slot) > 1 for slot in slots):
        return False  # what counts down ends by itself
    counted = min(repeated, once * min((_same(slot) for slot in slots), default=0))
    letters, digits = _letters(tail[:period]), _digits(tail[:period])
    if letters < FEW_LETTERS * once:
        return False
    if letters < PROSE_LETTERS * once or any(unit.text[-1] in CODE for unit in tail[:period]):
        return counted >= max(LONG_LISTING, TURNS_LISTING * once)
    if digits <= MOST_DIGITS * once and repeated >= max(LONG_CHANGING, TURNS_CHANGING * once):
        return True
    return counted >= max(LONG_COUNTED, TURNS_COUNTED * once)


def _steps(tail: Sequence[Unit], period: int) -> list[list[int]]:
    """By how much each number of the period grew with each turn, the latest first."""
    return [
        [
            int(tail[index].text) - int(tail[index + period].text)
            for index in range(slot, len(tail) - period, period)
        ]
        for slot in range(min(period, len(tail) - period))
        if tail[slot].is_number
    ]


def _same(steps: Sequence[int]) -> int:
    """How many of the latest steps are the same."""
    return next((n for n, step in enumerate(steps) if step != steps[0]), len(steps))


def _digits(units: Sequence[Unit]) -> int:
    return sum(unit.weight for unit in units if unit.is_number)


def _letters(units: Sequence[Unit]) -> int:
    return sum(unit.weight for unit in units if unit.text[-1].isalpha())
