"""Numbers of a schema: those that llguidance keeps exactly, and a narrower schema for the others.

It reads every number as a float of 64 bits and every bound of an integer as one of 64 bits: past
2^53 it would write a neighbour of what is demanded, and at the far end it recurses until its stack
overflows, which ends the process. It also lays out every item that `maxItems` allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from operator import mul
from typing import Any, TypeGuard

from common.types import JSON
from inference.grammar.schema.parts import Complaint, Path

EXACT = 1 << 53
MOST_ITEMS = 1000
MOST_LENGTH = 1_000_000
FINEST_FRACTION = 1 << 20
MOST_STEP = 1 << 32  # llguidance multiplies steps that hold together in 32 bits
LARGE = "numbers beyond 2^53 cannot be kept exactly"
LOWER = ("minimum", "exclusiveMinimum")
UPPER = ("maximum", "exclusiveMaximum")
COUNTS = {
    "minItems": ("maxItems", MOST_ITEMS),
    "minLength": ("maxLength", MOST_LENGTH),
    "minProperties": ("maxProperties", MOST_ITEMS),
}
TOGETHER = {"allOf", "anyOf", "oneOf", "$ref"}


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether JSON calls it a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number_complaints(path: Path, part: JSON) -> Iterator[Complaint]:
    """What a part demands that can be kept neither exactly nor more narrowly."""
    for key in part.keys() & {"const", "enum"}:
        if not all(map(_is_exact, _numbers(part[key]))):
            yield (*path, key), LARGE
    for keys, sign in ((LOWER, 1), (UPPER, -1)):
        for key in keys:
            # Not the negation: NaN compares with nothing.
            if is_number(value := part.get(key)) and not value * sign <= EXACT:
                yield (*path, key), LARGE
    if is_number(step := part.get("multipleOf")):
        if not 0 < step <= EXACT:
            yield (*path, "multipleOf"), "must be above 0 and at most 2^53"
        elif Fraction(step).denominator > FINEST_FRACTION:
            # 0.29 is a multiple of 0.01 on paper, and none to a validator that divides floats.
            yield (*path, "multipleOf"), "fractions are supported when binary, as 0.5 or 0.125"
    for key, (_, most) in COUNTS.items():
        if is_number(value := part.get(key)) and not value <= most:
            yield (*path, key), f"at most {most} is supported"


def step_complaints(parts: list[tuple[Path, JSON]]) -> Iterator[Complaint]:
    """Steps that may hold for one and the same number, and whose product is too large."""
    steps = [
        (path, Fraction(step))
        for path, part in parts
        if is_number(step := part.get("multipleOf"))
        and 0 < step <= EXACT
        and ("allOf" in path or part.keys() & TOGETHER)
    ]
    # A binary fraction has as many decimals as it has bits.
    decimals = max((step.denominator.bit_length() - 1 for _, step in steps), default=0)
    products = accumulate((step * 10**decimals for _, step in steps), mul)
    for (path, _), product in zip(steps, products, strict=True):
        if len(steps) > 1 and product >= MOST_STEP:
            yield (*path, "multipleOf"), "is too large together with other ones"


def numbers_narrow(part: JSON) -> JSON:
    """The part with numbers that llguidance takes, and nothing let pass that was not before."""
    narrowed = dict(part)
    for key in part.keys() & {"const", "enum"}:
        narrowed[key] = _plain(part[key])
    for keys, sign in ((LOWER, 1), (UPPER, -1)):
        for key in keys:
            if is_number(value := part.get(key)):
                narrowed.pop(key)
                _bound(narrowed, key, keys[0], value, sign)
    for least, (most, limit) in COUNTS.items():
        for key in (least, most):
            if is_number(value := part.get(key)):
                narrowed[key] = limit if value > limit else _plain(value)
    return narrowed


def bound_complaints(path: Path, part: JSON) -> Iterator[Complaint]:
    """Bounds that `numbers_narrow` would have changed."""
    narrowed = numbers_narrow(part)
    yield from (((*path, key), LARGE) for key in part if narrowed.get(key) != part[key])


def _bound(part: JSON, key: str, inclusive: str, value: float, sign: int) -> None:
    """A bound that lies further out than the exact numbers becomes the last of them."""
    if value * sign >= -EXACT:
        part[key] = _plain(value)
        return
    other = part.get(inclusive)
    part[inclusive] = max(other * sign, -EXACT) * sign if is_number(other) else -EXACT * sign


def _numbers(value: Any) -> Iterator[int | float]:
    if is_number(value):
        yield value
    for item in value.values() if isinstance(value, dict) else ():
        yield from _numbers(item)
    for item in value if isinstance(value, list) else ():
        yield from _numbers(item)


def _is_exact(value: float) -> bool:
    return -EXACT <= value <= EXACT


def _plain(value: Any) -> Any:
    """5.0 as 5, and -0.0 as 0: the same numbers to JSON, and written in one way."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
