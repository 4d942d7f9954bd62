"""The calculator's functions of numbers, where SymPy's own need a check or another convention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

from tooling.calculator import bounds
from tooling.calculator.tokens import CalculationError

ONE_HALF = sympy.Rational(1, 2)
FIFTEEN = sympy.Integer(15)
MAX_DECIMALS = 100
MAX_DIGITS = 1000  # of N(...)


def guarded(make: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    """`make`, after `check` has not raised."""

    def checked(*arguments: sympy.Expr) -> Any:
        check(*arguments)
        return make(*arguments)

    return checked


def whole(*arguments: sympy.Expr) -> None:
    if not all(argument.is_Integer for argument in arguments):
        raise CalculationError("Whole numbers are needed here.")


def log(argument: sympy.Expr, base: sympy.Expr = sympy.E) -> sympy.Expr:
    if argument.is_zero:
        raise CalculationError("The logarithm of zero is undefined.")
    if base in (0, 1):
        raise CalculationError(f"There is no logarithm to the base {base}.")
    return sympy.log(argument) if base == sympy.E else sympy.log(argument, base)


def root(argument: sympy.Expr, degree: sympy.Expr) -> sympy.Expr:
    if degree.is_zero:
        raise CalculationError("There is no root of degree 0.")
    bounds.check_power(argument, sympy.Pow(degree, -1))
    if degree.is_Integer and degree.is_odd and argument.is_negative:
        return -sympy.root(-argument, degree)  # the real one
    return sympy.root(argument, degree)


def round_half_up(number: sympy.Expr, digits: sympy.Expr = sympy.S.Zero) -> sympy.Expr:
    if not number.is_extended_real or not digits.is_Integer or abs(digits) > MAX_DECIMALS:
        raise CalculationError(f"round takes a number and how many decimals, up to {MAX_DECIMALS}.")
    scale = sympy.Pow(10, digits)
    scaled = sympy.Mul(number, scale)
    nearest = sympy.floor(sympy.Abs(scaled) + ONE_HALF)  # halves go away from zero
    return sympy.sign(scaled) * nearest / scale


def mod(number: sympy.Expr, divisor: sympy.Expr) -> sympy.Expr:
    if divisor.is_zero:
        raise CalculationError("Division by zero.")
    return sympy.Mod(number, divisor)


def choose(total: sympy.Expr, chosen: sympy.Expr) -> sympy.Expr:
    if total.is_Integer and chosen.is_Integer and total >= chosen >= 0:
        chosen = min(chosen, total - chosen)
    bounds.check_choice(total, chosen)
    return sympy.binomial(total, chosen)


def double_factorial(number: sympy.Expr) -> sympy.Expr:
    """5!! = 5*3*1"""
    if not number.is_Integer or number < -1:
        raise CalculationError("Double factorials are those of whole numbers from -1 on: 5!!.")
    bounds.check_factorial(number)
    return sympy.factorial2(number)


def truncate(number: sympy.Expr) -> sympy.Expr:
    """-2.7 -> -2"""
    return sympy.sign(number) * sympy.floor(sympy.Abs(number))


def is_prime(number: sympy.Expr) -> bool:
    bounds.check_prime(number)
    return bool(sympy.isprime(number))


def prime_factors(number: sympy.Expr) -> str:
    bounds.check_prime(number)
    if number < 2:
        raise CalculationError("Prime factors are those of whole numbers from 2 on.")
    powers = sorted(sympy.factorint(number).items())
    return " * ".join(f"{prime}^{times}" if times > 1 else str(prime) for prime, times in powers)


def mean(*numbers: Any) -> sympy.Expr:
    values = flat(numbers)
    return sympy.Add(*values) / len(values)


def median(*numbers: Any) -> sympy.Expr:
    values = flat(numbers)
    if not all(value.is_extended_real for value in values):
        raise CalculationError("Numbers are needed here.")
    values.sort()
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def flat(numbers: tuple[Any, ...]) -> list[sympy.Expr]:
    """Numbers and lists of numbers, as one list."""
    values = [v for n in numbers for v in (n if isinstance(n, list) else [n])]
    if not values or not all(isinstance(v, sympy.Expr) for v in values):
        raise CalculationError("Numbers are needed here.")
    return values


def of_all(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *numbers: make(*flat(numbers))


def numeric(number: sympy.Expr, digits: sympy.Expr = FIFTEEN) -> sympy.Expr:
    if not digits.is_Integer or not 1 <= digits <= MAX_DIGITS:
        raise CalculationError(f"N gives 1 to {MAX_DIGITS:,} digits.")
    return sympy.N(number, int(digits))
