"""The calculator's functions: name -> what makes the SymPy object, and from how many arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy

from tooling.calculator import arithmetic, bounds, calculus
from tooling.calculator.arithmetic import guarded, of_all, whole
from tooling.calculator.tokens import CalculationError

MANY = 100
DEGREE = sympy.pi / 180


@dataclass(frozen=True)
class Function:
    make: Callable[..., Any]
    least: int = 1
    most: int = 1
    of_lists: bool = False  # takes lists and equations too


GROWING = {
    name: guarded(getattr(sympy, name), bounds.check_exponential)
    for name in ("exp", "sinh", "cosh", "tanh", "coth", "sech", "csch")
}
FUNCTIONS: dict[str, Function] = {
    **{
        name: Function(make)
        for name, make in {
            "sqrt": sympy.sqrt,
            "cbrt": lambda x: arithmetic.root(x, sympy.Integer(3)),
            **GROWING,
            "ln": arithmetic.log,
            "log2": lambda x: arithmetic.log(x, sympy.Integer(2)),
            "log10": lambda x: arithmetic.log(x, sympy.Integer(10)),
            **{name: getattr(sympy, name) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
            **{name: getattr(sympy, name) for name in ("asin", "acos", "atan", "acot")},
            **{name: getattr(sympy, name) for name in ("asec", "acsc", "acoth")},
            **{f"arc{name}": getattr(sympy, f"a{name}") for name in ("sin", "cos", "tan")},
            **{name: getattr(sympy, name) for name in ("asinh", "acosh", "atanh")},
            "radians": lambda x: x * DEGREE,
            "degrees": lambda x: x / DEGREE,
            "deg": lambda x: x * DEGREE,
            "abs": sympy.Abs,
            "sign": sympy.sign,
            "floor": sympy.floor,
            "ceil": sympy.ceiling,
            "ceiling": sympy.ceiling,
            "re": sympy.re,
            "im": sympy.im,
            "arg": sympy.arg,
            "conjugate": sympy.conjugate,
            "trunc": arithmetic.truncate,
            "isqrt": lambda x: sympy.floor(sympy.sqrt(x)),
            "square": lambda x: sympy.Pow(x, 2),
            "cube": lambda x: sympy.Pow(x, 3),
            "factorial": guarded(sympy.factorial, bounds.check_factorial),
            "factorial2": arithmetic.double_factorial,
            "gamma": guarded(sympy.gamma, bounds.check_factorial),
            "isprime": arithmetic.is_prime,
            "factorint": arithmetic.prime_factors,
            "primefactors": arithmetic.prime_factors,
            "simplify": sympy.simplify,
            "expand": sympy.expand,
            "factor": sympy.factor,
        }.items()
    },
    "log": Function(arithmetic.log, 1, 2),
    "root": Function(arithmetic.root, 2, 2),
    "atan2": Function(sympy.atan2, 2, 2),
    "round": Function(arithmetic.round_half_up, 1, 2),
    "N": Function(arithmetic.numeric, 1, 2),
    "pow": Function(guarded(sympy.Pow, bounds.check_power), 2, 2),
    "mod": Function(arithmetic.mod, 2, 2),
    "binomial": Function(arithmetic.choose, 2, 2),
    "comb": Function(arithmetic.choose, 2, 2),
    "perm": Function(guarded(sympy.ff, bounds.check_choice), 2, 2),
    "gcd": Function(of_all(guarded(lambda *n: sympy.igcd(*n), whole)), 2, MANY, of_lists=True),
    "lcm": Function(of_all(guarded(lambda *n: sympy.ilcm(*n), whole)), 2, MANY, of_lists=True),
    "max": Function(of_all(sympy.Max), 1, MANY, of_lists=True),
    "min": Function(of_all(sympy.Min), 1, MANY, of_lists=True),
    "mean": Function(arithmetic.mean, 1, MANY, of_lists=True),
    "average": Function(arithmetic.mean, 1, MANY, of_lists=True),
    "median": Function(arithmetic.median, 1, MANY, of_lists=True),
    "solve": Function(calculus.solve, 1, 20, of_lists=True),
    "diff": Function(calculus.differentiate, 1, 3),
    "derivative": Function(calculus.differentiate, 1, 3),
    "integrate": Function(calculus.integrate, 1, 4),
    "integral": Function(calculus.integrate, 1, 4),
    "limit": Function(calculus.limit, 3, 3),
    "sum": Function(calculus.total, 1, MANY, of_lists=True),
    "product": Function(calculus.product, 1, MANY, of_lists=True),
    "hypot": Function(lambda *n: sympy.sqrt(sympy.Add(*(sympy.Pow(x, 2) for x in n))), 2, MANY),
}
ALIASES = {
    "lg": "log10",
    "lb": "log2",
    "fabs": "abs",
    "sgn": "sign",
    "signum": "sign",
    "fact": "factorial",
    "fac": "factorial",
    "ncr": "binomial",
    "choose": "binomial",
    "npr": "perm",
    "avg": "mean",
    "prod": "product",
    "fsum": "sum",
    "power": "pow",
    "nthroot": "root",
    "arctan2": "atan2",
    "int": "trunc",
    "tg": "tan",
    "ctg": "cot",
    "cotg": "cot",
    "cosec": "csc",
    "arctg": "atan",
    **{f"arc{name}": f"a{name}" for name in ("cot", "sec", "csc", "sinh", "cosh", "tanh")},
    **{f"ar{name}": f"a{name}" for name in ("sinh", "cosh", "tanh")},
}
FUNCTIONS |= {alias: FUNCTIONS[name] for alias, name in ALIASES.items()}


def call(name: str, arguments: list[Any]) -> Any:
    """Apply a function. Raises CalculationError."""
    function = FUNCTIONS[name]
    if not function.least <= len(arguments) <= function.most:
        raise CalculationError(f"{name} takes {_count(function)}, not {len(arguments)}.")
    if not function.of_lists and not all(isinstance(a, sympy.Expr) for a in arguments):
        raise CalculationError(f"{name} takes numbers, no lists or equations.")
    value = function.make(*arguments)
    if isinstance(value, int) and not isinstance(value, bool):
        value = sympy.Integer(value)
    return bounds.bounded(value) if isinstance(value, sympy.Expr) else value


def _count(function: Function) -> str:
    if function.least == function.most:
        return "1 argument" if function.least == 1 else f"{function.least} arguments"
    return f"{function.least} to {function.most} arguments"
