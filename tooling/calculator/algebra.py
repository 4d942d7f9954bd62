"""The calculator's nodes -> SymPy objects, each made from its parts, never from a string."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sympy

from tooling.calculator import bounds, comparisons
from tooling.calculator.expressions import parse
from tooling.calculator.functions import FUNCTIONS, call
from tooling.calculator.nodes import (
    Binary,
    Call,
    Comparison,
    Group,
    Name,
    Node,
    Number,
    Sequence,
    Unary,
    bare,
    walk,
)
from tooling.calculator.readings import BINDERS
from tooling.calculator.tokens import CalculationError, shortened

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
VARIABLE = re.compile("[A-Za-z](_?[0-9]+)?")
_UNITS = """
    mm cm dm km mg kg ml cl dl lb lbs oz ft in inch inches foot feet yard yards mile miles mph kmh
    ms sec second seconds minute minutes hour hours day days week weeks month months year years
    kb mb gb tb kib mib gib kw kwh hz khz mhz ghz usd eur gbp chf jpy inr dollar dollars euro euros
    meter meters metre metres gram grams liter liters litre litres celsius fahrenheit
"""
UNITS = frozenset(_UNITS.split())


@dataclass(frozen=True)
class Calculated:
    """`decimal`: the expression was written with decimals, so the answer is shown in them."""

    value: Any
    decimal: bool


def calculate(text: str) -> Calculated:
    """Calculate what is written. Raises CalculationError."""
    tree = bare(parse(text, NAMES))
    value = Calculation(tree).value(tree)
    if isinstance(value, sympy.Equality):
        if value.free_symbols:
            value = call("solve", [value])
        else:
            value = comparisons.equal(value.lhs, value.rhs)
    decimal = any(isinstance(node, Number) and "." in node.text for node in walk(tree))
    return Calculated(value, decimal or (isinstance(tree, Call) and tree.name == "round"))


class Calculation:
    """One expression. A name that a sum or an integral runs over is a variable in all of it."""

    def __init__(self, tree: Node) -> None:
        calls = [node for node in walk(tree) if isinstance(node, Call) and node.name in BINDERS]
        self.variables = {name for node in calls for name in _bound(node)} - {"pi", "oo"}
        _check_letters(tree, self.variables)

    def value(self, node: Node) -> Any:
        match node:
            case Number(text):
                return bounds.bounded(bounds.literal(text))
            case Name(name):
                return self.named(name)
            case Group(inner):
                return self.value(inner)
            case Unary(operator, operand):
                return self.unary(operator, self.number(operand))
            case Comparison(("=",), (left, right)):
                return sympy.Eq(self.number(left), self.number(right), evaluate=False)
            case Comparison(operators, operands):
                return comparisons.holds(operators, [self.number(item) for item in operands])
            case Binary(operator, left, right):
                return self.binary(operator, self.number(left), self.number(right))
            case Call(name, arguments):
                return call(name, [self.value(argument) for argument in arguments])
            case Sequence(items):
                return [self.value(item) for item in items]
        raise CalculationError("The expression is not understood.")

    def number(self, node: Node) -> sympy.Expr:
        """Make a value that can be calculated with. Square brackets may group, too."""
        value = self.value(node)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, sympy.Expr):
            raise CalculationError(
                "A list, an equation or a truth value cannot be calculated with."
            )
        return value

    def named(self, name: str) -> sympy.Expr:
        if name in CONSTANTS and name not in self.variables:
            return CONSTANTS[name]
        if name in GREEK or VARIABLE.fullmatch(name):
            return sympy.Symbol(name)
        if name.lower() in CONSTANTS and len(name) > 1:
            return CONSTANTS[name.lower()]
        raise _unknown(name)

    def unary(self, operator: str, operand: sympy.Expr) -> sympy.Expr:
        match operator:
            case "-":
                return sympy.Mul(sympy.Integer(-1), operand)
            case "%":
                return sympy.Mul(operand, sympy.Rational(1, 100))
            case "‰":
                return sympy.Mul(operand, sympy.Rational(1, 1000))
            case "°":
                return sympy.Mul(operand, sympy.pi, sympy.Rational(1, 180))
            case "!!":
                return call("factorial2", [operand])
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
            case "off":
                return bounds.bounded(sympy.Mul(right, sympy.Add(1, sympy.Mul(-1, left))))
            case "C":
                return call("binomial", [left, right])
            case "P":
                return call("perm", [left, right])
        quotient = bounds.bounded(sympy.Mul(left, reciprocal(right)))
        return sympy.floor(quotient) if operator == "//" else quotient


def _bound(node: Call) -> set[str]:
    """The variables that a call names: the second argument, and all unknowns of `solve`."""
    named = node.arguments[1:] if node.name == "solve" else node.arguments[1:2]
    items = [item for n in named for item in (n.items if isinstance(n, Sequence) else (n,))]
    return {item.name for item in items if isinstance(item, Name)}


def _check_letters(tree: Node, variables: set[str]) -> None:
    """V = I*R is of a current, E = m*c^2 of an energy: not of the constants i and e."""
    nodes = list(walk(tree))
    names = {node.name for node in nodes if isinstance(node, Name)} - variables
    others = names - CONSTANTS.keys() | variables
    unclear = sorted(names & {"E", "I"})
    if unclear and others and any(isinstance(node, Comparison) for node in nodes):
        raise CalculationError(
            f'"{unclear[0]}" is not clear in an equation: write {unclear[0].lower()} for the '
            "constant, or another letter for a variable."
        )


def _unknown(name: str) -> CalculationError:
    short, stem = shortened(name), name.rstrip("0123456789").lower()
    if stem in NAMES:
        return CalculationError(
            f'The name "{short}" is unknown: put the argument of {stem} into brackets.'
        )
    if name.lower() in UNITS:
        return CalculationError(f'Units are not calculated with: leave "{short}" out.')
    return CalculationError(
        f'The name "{short}" is unknown. Variables are single letters (a product is x*y); '
        "functions are sqrt, sin, log, exp, solve, diff, integrate and the like."
    )


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
