"""What people read in two ways. It is refused with both spellings, never guessed."""

from __future__ import annotations

from tooling.calculator.nodes import Binary, Call, Name, Node, Number, Unary, bare
from tooling.calculator.tokens import CalculationError, Kind, Token, shortened

PERCENT = {"%", "‰"}
TEMPERATURES = {"c", "f", "k", "celsius", "fahrenheit", "kelvin"}


def check_superscript(left: Node, after: Token) -> None:
    """2³√8 is 2³ times √8, or 2 times the third root of 8."""
    if after.text == "√":
        raise CalculationError('"³√" after a number is not clear: write 2*root(8, 3), or 2^3*√8.')
    _check_tower(left)


def check_left(operator: str, left: Node, token: Token) -> None:
    if operator == "^":
        _check_tower(left)
    if operator == "off" and not is_percent(left):
        raise CalculationError('"off" takes a percentage: 20% off 50.')
    if operator == "of" and isinstance(left, Number) and left.text.isdigit():
        raise CalculationError(
            f'"of" takes a part: 15% of 80, 1/2 of 10; not {shortened(left.text)} of.'
        )


def check_right(operator: str, left: Node, right: Node) -> None:
    """100 + 10% is 110 on a pocket calculator, and 100.1 in mathematics."""
    if operator not in ("+", "-") or not is_percent(right) or is_percent(left):
        return
    if left == Number("1"):  # there it is the same
        return
    raise CalculationError(
        f'A percentage after "{operator}" is not clear: write 100*(1 {operator} 10%) for 10% of '
        f"it, or 100 {operator} (10%) for 0.1."
    )


def is_percent(node: Node) -> bool:
    match node:
        case Unary(operator, _):
            return operator in PERCENT
        case Binary("+" | "-", left, right):
            return is_percent(left) and is_percent(right)
    return False


def check_postfix(left: Node, token: Token, following: Token, after: Token) -> None:
    if token.text == "°":
        _check_degrees(left, following)
    if token.text in PERCENT:
        _check_percent(left, token, following, after)
    if token.text in ("!", "!!") and isinstance(left, Unary) and left.operator in ("!", "!!"):
        raise CalculationError("Factorials of factorials need brackets: (3!)!.")


def _check_degrees(left: Node, following: Token) -> None:
    if isinstance(left, Call):
        raise CalculationError(
            f"Put the degrees into the brackets: {left.name}(30°). For an angle in degrees write "
            "degrees(asin(0.5))."
        )
    if following.text.lower() in TEMPERATURES:
        raise CalculationError("Units of temperature are not known here.")


def _check_percent(left: Node, token: Token, following: Token, after: Token) -> None:
    if isinstance(left, Unary) and left.operator in PERCENT:
        raise CalculationError("Two percent signs are not clear: write (5%) of 1%.")
    if following.text not in ("-", "+") or following.kind is not Kind.OPERATOR:
        return
    if token.spaced or not after.spaced:
        raise CalculationError(
            f'"%" before "{following.text}" is not clear: write 17 mod (-5) for a remainder, or '
            "5% + 2 for percent."
        )


def check_implicit(left: Node, token: Token) -> None:
    """1/2x is x/2 or 1/(2x); e^2x is e^(2x) or (e^2)x."""
    last = left.right if isinstance(left, Binary) and left.operator == "*" else left
    if isinstance(left, Binary) and left.operator in ("/", "//", "mod"):
        raise CalculationError(
            f"A product without a sign after a division is not clear before {token.shown}: "
            "write (1/2)*x, or 1/(2*x)."
        )
    if isinstance(last, Number) and token.text == "\\frac":
        number = shortened(last.text)
        raise CalculationError(
            f"A number before \\frac is not clear: write {number} + or {number} * before it."
        )
    if isinstance(last, Number) and last.text.endswith(".") and not token.spaced:
        raise CalculationError(
            "Digits that repeat, as in 0.(3), are not known here: write the fraction, 1/3."
        )
    if isinstance(last, Binary) and last.operator == "^" and _is_run_on(last, token):
        raise CalculationError(
            f"How far the exponent reaches is not clear before {token.shown}: write e^(2*x), or "
            "e^2 * x."
        )


def _is_run_on(power: Binary, token: Token) -> bool:
    """x^2y is a product, as in polynomials."""
    exponential = isinstance(power.left, Number) or power.left in (Name("e"), Name("E"))
    plain = isinstance(power.right, Number | Name)
    return exponential and plain and token.kind is Kind.NAME and not token.spaced


def check_root(argument: Node) -> None:
    if isinstance(argument, Unary) and argument.operator != "-":
        raise CalculationError("How far the root reaches is not clear: write √(9!) or (√9)!.")


def inverted(exponent: Node) -> bool:
    """Whether a function's power is -1, which means its inverse. Others below zero are refused."""
    inner = bare(exponent)
    if inner in (Number("-1"), Unary("-", Number("1"))):
        return True
    if isinstance(inner, Unary) or (isinstance(inner, Number) and inner.text.startswith("-")):
        raise CalculationError("A function to a negative power is not clear: write 1/sin(x)^2.")
    return False


def _check_tower(left: Node) -> None:
    if isinstance(left, Binary) and left.operator == "^":
        raise CalculationError("A power of a power needs brackets: (2^2)^3, or 2^(2^3).")
