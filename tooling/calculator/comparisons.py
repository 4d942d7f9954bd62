"""Whether numbers are equal, larger or smaller: decided, or refused."""

from __future__ import annotations

from itertools import pairwise

import sympy

from tooling.calculator.tokens import CalculationError

DIGITS = 50
NOTHING = sympy.Float("1e-40")  # what is larger is not zero, whatever rounding did


def holds(operators: tuple[str, ...], numbers: list[sympy.Expr]) -> bool:
    """Whether 1 < 2 <= 3. Raises CalculationError."""
    results = [
        _holds(operator, *pair) for operator, pair in zip(operators, pairwise(numbers), strict=True)
    ]
    return all(results)


def _holds(operator: str, left: sympy.Expr, right: sympy.Expr) -> bool:
    if left.free_symbols or right.free_symbols:
        raise CalculationError(
            "Variables are compared in one equation only: solve(x^2 = 4, x). "
            "Inequalities and chains take numbers."
        )
    if operator in ("=", "!="):
        return equal(left, right) == (operator == "=")
    if not (left.is_extended_real and right.is_extended_real):
        raise CalculationError("Only real numbers are larger or smaller than others.")
    if equal(left, right):
        return operator in ("<=", ">=")
    return bool(_is_less(left, right)) == (operator in ("<", "<="))


def equal(left: sympy.Expr, right: sympy.Expr) -> bool:
    """Whether two numbers are the same. Raises CalculationError where that is not known."""
    if left.has(sympy.nan, sympy.zoo) or right.has(sympy.nan, sympy.zoo):
        raise CalculationError("The result is undefined.")
    if left == right:
        return True
    difference = sympy.Add(left, sympy.Mul(-1, right))
    if difference.is_infinite or difference is sympy.nan:
        return False
    if difference.is_Rational:
        return bool(difference == 0)
    real, imaginary = difference.evalf(DIGITS).as_real_imag()
    if max(abs(real), abs(imaginary)) > NOTHING:
        return False
    if sympy.simplify(difference) == 0:
        return True
    raise CalculationError(f"Both sides agree to {DIGITS} digits; whether for ever is not known.")


def _is_less(left: sympy.Expr, right: sympy.Expr) -> bool:
    if left.is_infinite or right.is_infinite:
        return bool(left < right)
    difference = sympy.Add(left, sympy.Mul(-1, right))
    return bool(difference.evalf(DIGITS) < 0)
