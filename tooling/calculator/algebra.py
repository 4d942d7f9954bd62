"""The calculator's nodes -> SymPy objects, each made from its parts, never from a string."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sympy

from tooling.calculator import bounds
from tooling.calculator.expressions import Binary, Call, Name, Node, Number, Sequence, Unary, parse
from tooling.calculator.functions import BINDERS, FUNCTIONS, call
from tooling.calculator.tokens import CalculationError

CONSTANTS = {
    "pi": sympy.pi,
    "e": sympy.E,
    "E": sympy.E,
    "i": sympy.I,
    "I": sympy.I,
    "oo": sympy.oo,
    "inf": sympy.oo,
    "infinity": sympy.oo,
    "tau": 2 * sympy.pi,
    "phi": sympy.GoldenRatio,
}
GREEK = frozenset(
    ["alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "rho", "sigma", "omega"]
)
NAMES = frozenset(FUNCTIONS)


@dataclass(frozen=True)
class Calculated:
    """`decimal`: the expression was written with decimals, so the answer is shown in them."""

    value: Any
    decimal: bool


def calculate(text: str) -> Calculated:
    """Calculate what is written. Raises CalculationError."""
    tree = parse(text, NAMES)
    value = Calculation(tree).value(tree)
    if isinstance(value, sympy.Equality):
        value = call("solve", [value]) if value.free_symbols else _holds(value)
    decimal = any(isinstance(node, Number) and "." in node.text for node in walk(tree))
    return Calculated(value, decimal or (isinstance(tree, Call) and tree.name == "round"))


def walk(node: Node) -> Iterator[Node]:
    yield node
    for part in _parts(node):
        yield from walk(part)


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Call(_, parts) | Sequence(parts):
            return parts
        case Unary(_, operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
    return ()


class Calculation:
    """One expression. A name that a sum or an integral runs over is a variable in all of it."""

    def __init__(self, tree: Node) -> None:
        calls = [node for node in walk(tree) if isinstance(node, Call) and node.name in BINDERS]
        arguments = [argument for node in calls for argument in node.arguments[1:]]
        named = [part for argument in arguments for part in walk(argument)]
        self.variables = {node.name for node in named if isinstance(node, Name)} - {"pi", "oo"}

    def value(self, node: Node) -> Any:
        match node:
            case Number(text):
                return bounds.bounded(bounds.literal(text))
            case Name(name):
                return self.named(name)
            case Unary(operator, operand):
                return self.unary(operator, self.number(operand))
            case Binary("=", left, right):
                return sympy.Eq(self.number(left), self.number(right), evaluate=False)
            case Binary(operator, left, right):
                return self.binary(operator, self.number(left), self.number(right))
            case Call(name, arguments):
                return call(name, [self.value(argument) for argument in arguments])
            case Sequence(items):
                return [self.value(item) for item in items]
        raise CalculationError("The expression is not understood.")

    def number(self, node: Node) -> sympy.Expr:
        """Make a value that can be calculated with."""
        value = self.value(node)
        if not isinstance(value, sympy.Expr):
            raise CalculationError(
                "A list, an equation or a truth value cannot be calculated with."
            )
        return value

    def named(self, name: str) -> sympy.Expr:
        if name in CONSTANTS and name not in self.variables:
            return CONSTANTS[name]
        letter, rest = name[:1], name[1:].lstrip("_")
        if name in GREEK or (letter.isalpha() and (not rest or rest.isdigit())):
            return sympy.Symbol(name)
        raise CalculationError(
            f'The name "{name}" is unknown. Variables are single letters (a product is x*y); '
            "functions are sqrt, sin, log, exp, solve, diff, integrate and the like."
        )

    def unary(self, operator: str, operand: sympy.Expr) -> sympy.Expr:
        match operator:
            case "-":
                return sympy.Mul(sympy.Integer(-1), operand)
            case "%":
                return sympy.Mul(operand, sympy.Rational(1, 100))
            case "°":
                return sympy.Mul(operand, sympy.pi, sympy.Rational(1, 180))
        return call("factorial", [operand])

    def binary(self, operator: str, left: sympy.Expr, right: sympy.Expr) -> sympy.Expr:
        match operator:
            case "+":
                return bounds.bounded(sympy.Add(left, right))
            case "-":
                return bounds.bounded(sympy.Add(left, sympy.Mul(sympy.Integer(-1), right)))
            case "*":
                return bounds.bounded(sympy.Mul(left, right))
            case "^":
                return power(left, right)
            case "mod":
                return call("mod", [left, right])
        quotient = bounds.bounded(sympy.Mul(left, reciprocal(right)))
        return sympy.floor(quotient) if operator == "//" else quotient


def _holds(equation: sympy.Equality) -> bool:
    return bool(sympy.simplify(equation.lhs - equation.rhs) == 0)


def power(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    if bounds.is_long_fraction(base, exponent):
        return sympy.Pow(base.evalf(bounds.FLOAT_DIGITS), exponent).evalf()
    bounds.check_power(base, exponent)
    if base == 0 and exponent.is_negative:
        raise CalculationError("Division by zero.")
    return sympy.Pow(base, exponent)


def reciprocal(number: sympy.Expr) -> sympy.Expr:
    if number.is_zero:
        raise CalculationError("Division by zero.")
    return sympy.Pow(number, sympy.Integer(-1))
