"""The calculator's answers as text: exact, and with the decimal value where that says more."""

from __future__ import annotations

from typing import Any

import sympy

from tooling.calculator.algebra import Calculated
from tooling.calculator.calculus import Solutions
from tooling.calculator.tokens import CalculationError

DIGITS = 15
MAX_WHOLE_DIGITS = 4000  # of a whole number; a longer one is shown rounded
MAX_TEXT = 10_000
SIMPLER = 60  # operations up to which a number is tried to be written shorter
UNDEFINED = (sympy.zoo, sympy.nan)


def shown(answer: Calculated) -> str:
    text = _text(answer.value, answer.decimal)
    if len(text) > MAX_TEXT:
        raise CalculationError(f"The answer is longer than {MAX_TEXT:,} characters.")
    return text


def _text(value: Any, decimal: bool) -> str:
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, Solutions):
        return _solutions(value, decimal)
    if isinstance(value, list):
        return f"[{', '.join(_text(item, decimal) for item in value)}]"
    if value.has(*UNDEFINED):
        raise CalculationError("The result is undefined.")
    if value.is_number:
        return _number(value, decimal)
    return sympy.sstr(value)


def _solutions(solutions: Solutions, decimal: bool) -> str:
    if solutions.always:
        return "every value"
    texts = [
        ", ".join(f"{name} = {_text(value, decimal)}" for name, value in solution.items())
        for solution in solutions.found
    ]
    return " or ".join(texts) or "no solution"


def _number(value: sympy.Expr, decimal: bool) -> str:
    if value.is_Integer:
        return _whole(value)
    if value.is_Rational:
        return _fraction(value, decimal)
    if value.is_infinite:
        return sympy.sstr(value)
    if value.is_Float:
        return _decimal(value, None)
    value = _shortest(value)
    if value.is_Rational:
        return _number(value, decimal)
    exact, about = sympy.sstr(value), _decimal(value)
    return exact if exact == about else f"{exact} ≈ {about}"


def _whole(value: sympy.Integer) -> str:
    if abs(value.p).bit_length() > MAX_WHOLE_DIGITS * 3.32:
        return f"≈ {_decimal(value)}"
    return str(value.p)


def _fraction(value: sympy.Rational, decimal: bool) -> str:
    about = _decimal(value)
    is_exact = sympy.Rational(about) == value
    if decimal:
        return about
    return f"{sympy.sstr(value)} {'=' if is_exact else '≈'} {about}"


def _shortest(value: sympy.Expr) -> sympy.Expr:
    """(√2 + 1)(√2 - 1) is 1."""
    if value.count_ops() > SIMPLER:
        return value
    expanded = sympy.expand(value)
    return expanded if expanded.count_ops() < value.count_ops() else value


def _decimal(value: sympy.Expr, digits: int | None = DIGITS) -> str:
    number = value if digits is None else value.evalf(digits)
    real, imaginary = number.as_real_imag()
    if imaginary == 0:
        return _real(real)
    sign = "-" if imaginary < 0 else "+"
    part = f"{_real(abs(imaginary))}*I"
    return f"{_real(real)} {sign} {part}" if real else f"{'-' if sign == '-' else ''}{part}"


def _real(number: sympy.Expr) -> str:
    """Without the zeros that say nothing: 0.5, 1.25e-9."""
    text = str(number)
    mantissa, mark, exponent = text.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}{mark}{exponent.lstrip('+')}"
