"""What a letter beside numbers means: 10x10, 5C2, 2j. It is decided from the whole expression, and
refused where it is not clear."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from tooling.calculator.tokens import CalculationError, Kind, Token

# Their names are variables.
BINDERS = {"solve", "diff", "derivative", "integrate", "integral", "limit", "sum", "product"}
BINDERS |= {"prod", "fsum"}
COMPARISONS = {"=", "!=", "<", ">", "<=", ">="}
CHOICES = {"ncr": "C", "npr": "P", "choose": "C"}


def read(tokens: list[Token]) -> list[Token]:
    """Decide on letters. Raises CalculationError."""
    for decide in (_products, _choices, _imaginary):
        tokens = decide(tokens)
    return tokens


def _products(tokens: list[Token]) -> list[Token]:
    """10x10 is a hundred, 3x1 + 2x2 is not clear, and 2x3 beside an x2 of its own is 2*x3."""
    numbered = [at for at in range(len(tokens)) if _is_factor(tokens, at, "xX")]
    opened = [at for at in range(len(tokens)) if _is_before_bracket(tokens, at)]
    if not numbered and not opened:
        return tokens
    others = {
        token.text.lower()
        for at, token in enumerate(tokens)
        if token.kind is Kind.NAME and re.fullmatch("[xX](_?[0-9]+)?", token.text)
        if at not in numbered and at not in opened
    }
    merged = {f"x{tokens[at + 1].text}" for at in numbered if not tokens[at + 1].spaced}
    if merged and merged <= others:
        return _merged(tokens, numbered)
    bound = any(token.text.lower() in BINDERS for token in tokens)
    if numbered and not (others or bound or _counts(merged)):
        return _replaced(tokens, [*numbered, *opened], lambda token: token.as_operator("*"))
    if numbered:
        raise _unclear(tokens[numbered[0]], "a variable or a product")
    if others or bound or any(token.text in COMPARISONS for token in tokens):
        return tokens
    spaced = [at for at in opened if tokens[at].spaced and tokens[at + 1].spaced]
    if len(spaced) < len(opened):
        raise _unclear(tokens[opened[0]], "a variable or a product")
    return _replaced(tokens, opened, lambda token: token.as_operator("*"))


def _counts(merged: set[str]) -> bool:
    """x1, x2, ... as the variables of a system are numbered."""
    return len(merged) > 1 and merged == {f"x{n}" for n in range(1, len(merged) + 1)}


def _is_factor(tokens: list[Token], at: int, letters: str) -> bool:
    """A letter with a number on both sides."""
    if not 0 < at < len(tokens) - 1 or tokens[at].kind is not Kind.NAME:
        return False
    before, after = tokens[at - 1], tokens[at + 1]
    left = before.kind is Kind.NUMBER or before.text in (")", "!", "%")
    return tokens[at].text in letters and left and after.kind is Kind.NUMBER


def _is_before_bracket(tokens: list[Token], at: int) -> bool:
    """The x of 5 x (3 + 4)."""
    if not 0 < at < len(tokens) - 1 or tokens[at].text not in ("x", "X"):
        return False
    before, after = tokens[at - 1], tokens[at + 1]
    return (before.kind is Kind.NUMBER or before.text == ")") and after.text == "("


def _merged(tokens: list[Token], places: list[int]) -> list[Token]:
    """The tokens with x and 1 as x1."""
    made: list[Token] = []
    for at, token in enumerate(tokens):
        if at - 1 in places and not token.spaced:
            made[-1] = replace(made[-1], text=made[-1].text + token.text)
        else:
            made.append(token)
    return made


def _choices(tokens: list[Token]) -> list[Token]:
    """5C2 and 5 nCr 2 count combinations, 5P2 permutations."""
    made = list(tokens)
    for at, token in enumerate(tokens):
        infix = token.kind is Kind.NAME and CHOICES.get(token.text.lower())
        if infix and 0 < at < len(tokens) - 1 and tokens[at + 1].kind is Kind.NUMBER:
            made[at] = token.as_operator(infix)
        elif _is_factor(tokens, at, "CP"):
            made[at] = token.as_operator(token.text)
    chosen = {token.text for token in made if token.kind is Kind.OPERATOR} & {"C", "P"}
    for at, token in enumerate(made):
        called = at + 1 < len(made) and made[at + 1].text == "("
        if token.kind is Kind.NAME and token.text in chosen and not called:
            raise _unclear(token, "a variable or a number of choices")
    return made


def _imaginary(tokens: list[Token]) -> list[Token]:
    """2j is Python's way to write 2i, unless a sum or the like runs over j."""
    tight = [
        at
        for at, token in enumerate(tokens)
        if token.text in ("j", "J") and at and tokens[at - 1].kind is Kind.NUMBER
        if not token.spaced
    ]
    if not tight or any(token.text.lower() in BINDERS for token in tokens):
        return tokens
    letters = {tokens[at].text for at in tight}
    places = [at for at, token in enumerate(tokens) if token.text in letters]
    return _replaced(tokens, places, lambda token: replace(token, text="i"))


def _replaced(
    tokens: list[Token], places: list[int], change: Callable[[Token], Token]
) -> list[Token]:
    return [change(token) if at in places else token for at, token in enumerate(tokens)]


def _unclear(token: Token, meanings: str) -> CalculationError:
    return CalculationError(
        f"{token.shown} can be {meanings}: write * for a product, and a variable apart, as in 2*x."
    )
