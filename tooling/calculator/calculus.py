"""The calculator's functions of expressions: solve, differentiate, integrate, sum, limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sympy

from tooling.calculator import bounds
from tooling.calculator.arithmetic import flat
from tooling.calculator.tokens import CalculationError


@dataclass(frozen=True)
class Solutions:
    """Each solution gives a value to each unknown; `always` when any value will do."""

    found: tuple[dict[sympy.Symbol, sympy.Expr], ...]
    always: bool = False


def differentiate(
    expression: sympy.Expr, variable: Any = None, times: sympy.Expr = sympy.S.One
) -> sympy.Expr:
    if not times.is_Integer or not 1 <= times <= bounds.MAX_ORDER:
        raise CalculationError(f"A derivative's order is 1 to {bounds.MAX_ORDER}.")
    return sympy.diff(expression, _variable(variable, expression), times)


def integrate(expression: sympy.Expr, variable: Any = None, *limits: sympy.Expr) -> sympy.Expr:
    if len(limits) == 1:
        raise CalculationError("integrate takes both limits or none.")
    variable = _variable(variable, expression)
    integral = sympy.integrate(expression, (variable, *limits) if limits else variable)
    if not limits and integral.has(sympy.Integral, sympy.RootSum):
        raise CalculationError("No closed form was found for this integral.")
    return integral


def limit(expression: sympy.Expr, variable: Any, point: sympy.Expr) -> sympy.Expr:
    return sympy.limit(expression, _variable(variable), point)


def total(*arguments: Any) -> sympy.Expr:
    """Add up the values of a term, as in sum(k^2, k, 1, 10), or numbers: sum(1, 2, 3)."""
    if _runs(arguments):
        return sympy.summation(arguments[0], arguments[1:])
    return sympy.Add(*_numbers("sum", arguments))


def product(*arguments: Any) -> sympy.Expr:
    if _runs(arguments):
        return sympy.product(arguments[0], arguments[1:])
    return sympy.Mul(*_numbers("product", arguments))


def _runs(arguments: tuple[Any, ...]) -> bool:
    """A term, its variable, from where to where."""
    numbers = all(isinstance(argument, sympy.Expr) for argument in arguments)
    return numbers and len(arguments) == 4 and isinstance(arguments[1], sympy.Symbol)


def _numbers(name: str, arguments: tuple[Any, ...]) -> list[sympy.Expr]:
    values = flat(arguments)
    if any(value.free_symbols for value in values):
        raise CalculationError(f"{name} takes numbers, or as in {name}(k^2, k, 1, 10) four things.")
    return values


def solve(*arguments: Any) -> Solutions:
    """Equations (or expressions that shall be zero), then, where it is not clear, the unknowns."""
    given = [item for a in arguments for item in (a if isinstance(a, list) else [a])]
    equations = [given[0], *(item for item in given[1:] if not isinstance(item, sympy.Symbol))]
    unknowns = [item for item in given[1:] if isinstance(item, sympy.Symbol)]
    if not unknowns:
        unknowns = sorted(set().union(*(e.free_symbols for e in equations)), key=str)
        if len(unknowns) > len(equations):
            raise CalculationError(f"Name the unknowns: solve(..., {unknowns[0]}).")
    if not unknowns:
        raise CalculationError("There is no unknown to solve for.")
    return _solved([_zero(equation) for equation in equations], unknowns)


def _solved(zeros: list[sympy.Expr], unknowns: list[sympy.Symbol]) -> Solutions:
    zeros = [sympy.expand(zero) for zero in zeros]
    if not any(zeros):
        return Solutions((), always=True)
    try:
        # A list of one would lose the roots that have no closed form.
        system = zeros if len(zeros) > 1 else zeros[0]
        found = sympy.solve(system, unknowns, dict=True)
    except NotImplementedError as error:
        raise CalculationError("No way is known to solve this.") from error
    if not found and not any(map(sympy.simplify, zeros)):  # sin²(x) + cos²(x) = 1
        return Solutions((), always=True)
    if any(value.has(sympy.RootOf) for solution in found for value in solution.values()):
        found = [{unknowns[0]: root} for root in sympy.Poly(zeros[0], unknowns[0]).nroots()]
    return Solutions(tuple(found))


def _zero(equation: Any) -> sympy.Expr:
    return equation.lhs - equation.rhs if isinstance(equation, sympy.Equality) else equation


def _variable(variable: Any, expression: sympy.Expr | None = None) -> sympy.Symbol:
    if isinstance(variable, sympy.Symbol):
        return variable
    if variable is not None or expression is None:
        raise CalculationError(f"{variable} is no variable.")
    free = expression.free_symbols
    if len(free) > 1:
        raise CalculationError("Name the variable.")
    return free.pop() if free else sympy.Symbol("x")
