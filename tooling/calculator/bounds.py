"""How large a calculation may become. Checked before it is done, because SymPy does not stop.

Every number that was built is within MAX_LOG10, so estimating one from its parts is itself cheap.
"""

from __future__ import annotations

import math

import sympy

from tooling.calculator.tokens import CalculationError

MAX_LOG10 = 50_000  # of any number: that many digits before or after the point
MAX_FLOAT_LOG10 = 300
FLOAT_DIGITS = 40  # to work with where an exact fraction would be too long
MAX_FACTORIAL = 15_000
MAX_PRIME_BITS = 2_000
MAX_SYMBOLIC_EXPONENT = 1_000
MAX_ORDER = 20  # of a derivative
MAX_LITERAL_EXPONENT = 10_000


def literal(text: str) -> sympy.Rational:
    """Read the exact value of a number as written: 0.1 is one tenth."""
    exponent = text.lower().partition("e")[2]
    if exponent and (len(exponent) > 6 or abs(int(exponent)) > MAX_LITERAL_EXPONENT):
        raise CalculationError(f"The exponent of {text} is beyond ±{MAX_LITERAL_EXPONENT:,}.")
    return sympy.Rational(text)


def log10(number: sympy.Expr) -> float:
    """Give the decimal logarithm of the larger of |number| and 1/|number|, roughly; 0 for zero."""
    if number.is_Rational:
        return max(_digits(number.p), _digits(number.q))
    value = abs(number.evalf(5, maxn=400))
    if not value.is_Float or value == 0:
        return 0.0
    return abs(float(sympy.log(value, 10).evalf(5)))


def bounded(value: sympy.Basic) -> sympy.Basic:
    """Give the value if it is no larger than numbers may be."""
    if value.is_Rational and log10(value) > MAX_LOG10:
        raise too_large()
    return value


def check_power(base: sympy.Expr, exponent: sympy.Expr) -> None:
    if not exponent.is_number:
        return
    size = magnitude(exponent)
    if not base.is_number:
        if size > MAX_SYMBOLIC_EXPONENT:
            raise CalculationError(f"The exponent is larger than {MAX_SYMBOLIC_EXPONENT:,}.")
        return
    if base in (0, 1, -1):
        return
    digits = size * log10(base)
    if digits > MAX_LOG10:
        raise too_large(digits)


def is_long_fraction(base: sympy.Expr, exponent: sympy.Expr) -> bool:
    """1.0001^100000 is 22015.4..., and an exact fraction of 421,000 digits."""
    if not (base.is_Rational and not base.is_Integer and exponent.is_number):
        return False
    size = magnitude(exponent)
    value = abs(math.log10(abs(base.p)) - math.log10(base.q))
    return size * log10(base) > MAX_LOG10 and size * value < MAX_FLOAT_LOG10


def check_exponential(argument: sympy.Expr) -> None:
    """For exp, sinh and cosh."""
    if argument.is_number and (digits := magnitude(argument) / math.log(10)) > MAX_LOG10:
        raise too_large(digits)


def check_factorial(argument: sympy.Expr) -> None:
    if argument.is_number and magnitude(argument) > MAX_FACTORIAL:
        raise CalculationError(f"Factorials go up to {MAX_FACTORIAL:,}.")


def check_choice(total: sympy.Expr, chosen: sympy.Expr) -> None:
    """For binomial coefficients and permutations."""
    if total.is_number and chosen.is_number:
        digits = magnitude(chosen) * math.log10(magnitude(total) + 2)
        if digits > MAX_LOG10:
            raise too_large(digits)


def check_prime(number: sympy.Expr) -> None:
    if not number.is_Integer:
        raise CalculationError("Prime numbers are asked about for whole numbers only.")
    if number.p.bit_length() > MAX_PRIME_BITS:
        raise CalculationError(f"The number is longer than {MAX_PRIME_BITS:,} bits.")


def magnitude(number: sympy.Expr) -> float:
    """Give |number| as a float, infinity beyond what a float can hold."""
    try:
        return abs(complex(number.evalf(10)))
    except (OverflowError, TypeError):
        return math.inf


def too_large(digits: float = 0) -> CalculationError:
    about = f" (about {digits:,.0f} digits)" if 0 < digits < 1e15 else ""
    return CalculationError(
        f"The result would be too large{about}: numbers go up to {MAX_LOG10:,} digits."
    )


def _digits(whole: int) -> float:
    return math.log10(abs(whole)) if whole else 0.0
