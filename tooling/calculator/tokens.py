"""The words of the calculator's language."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum, auto

from tooling.calculator.characters import CURRENCIES, HINTS, LETTERS, plain, shown

MAX_LENGTH = 1000
MAX_SHOWN = 40  # characters of what was written, in an error


class CalculationError(ValueError):
    """A sentence for the person or the model that wrote the expression."""


class Kind(Enum):
    NUMBER = auto()
    NAME = auto()
    SUPERSCRIPT = auto()
    SUBSCRIPT = auto()
    OPERATOR = auto()
    END = auto()


@dataclass(frozen=True)
class Token:
    """`spaced`: a space stands before it. `worded`: it was written as words ("square root of")."""

    kind: Kind
    text: str
    place: int
    spaced: bool = False
    worded: bool = False

    @property
    def shown(self) -> str:
        if self.kind is Kind.END:
            return "the end of the expression"
        return f'"{shortened(self.text)}" (character {self.place + 1})'

    def as_operator(self, text: str) -> Token:
        return replace(self, kind=Kind.OPERATOR, text=text)

    def as_number(self, text: str) -> Token:
        return replace(self, kind=Kind.NUMBER, text=text)


OPERATORS = {
    "**": "^",
    "==": "=",
    "<>": "!=",
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
    "of": "of",
    "mod": "mod",
    "÷": "/",
}  # how they are spelled -> operator
LATEX = {
    **dict.fromkeys(["times", "cdot", "ast"], "*"),
    "div": "/",
    "bmod": "mod",
    "lbrace": "{",
    "rbrace": "}",
    "lbrack": "[",
    "rbrack": "]",
    "le": "<=",
    "leq": "<=",
    "leqslant": "<=",
    "ge": ">=",
    "geq": ">=",
    "geqslant": ">=",
    "ne": "!=",
    "neq": "!=",
    "lt": "<",
    "gt": ">",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "lceil": "⌈",
    "rceil": "⌉",
    **dict.fromkeys(["vert", "lvert", "rvert"], "|"),
    **dict.fromkeys(["degree", "circ"], "°"),
    "frac": "\\frac",
    "dfrac": "\\frac",
    "tfrac": "\\frac",
    "cfrac": "\\frac",
    "sqrt": "\\sqrt",
    "binom": "\\binom",
    "%": "%",
    "{": "{",
    "}": "}",
}  # command -> operator
LATEX_SPACE = {
    *("left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "displaystyle", "quad"),
    *("qquad", "limits", ",", ";", ":", "!", " ", "$"),
}
LATEX_NAMES = {
    *("pi", "tau", "phi", "alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu"),
    *("rho", "sigma", "omega", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos"),
    *("arctan", "sinh", "cosh", "tanh", "coth", "ln", "log", "lg", "exp", "gcd", "max", "min"),
}
LATEX_SPELLINGS = {"infty": "oo", "varphi": "phi", "varepsilon": "epsilon", "vartheta": "theta"}

_GROUP = r"[0-9]{1,3}(?:,[0-9]{3})+"
_INDIAN = r"[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}"
_WHOLE = r"[0-9]+(?:_[0-9]+)*"
_VULGAR = "[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒]"
PATTERN = re.compile(
    rf"""
    (?P<space>\s+)
  | (?P<based>0[xXbBoO][0-9A-Za-z_.]*)
  | (?P<fraction>(?:[0-9]+[ ]?)?(?:{_VULGAR}|[⁰¹²³⁴⁵⁶⁷⁸⁹]+/[₀₁₂₃₄₅₆₇₈₉]+))
  | (?P<mixed>[0-9]+[ ]+[0-9]+/[0-9]+(?![0-9.,/]))
  | (?P<grouped>(?:{_GROUP}|{_INDIAN})(?![0-9])(?:\.[0-9]+)?)
  | (?P<apart>[0-9]{{1,3}}(?:['\u00a0][0-9]{{3}}|\{{,\}}[0-9]{{3}})+(?![0-9])(?:\.[0-9]+)?)
  | (?P<number>(?:{_WHOLE}\.?(?:{_WHOLE})?|\.{_WHOLE})(?:[eE][+-]?[0-9]+)?)
  | (?P<degrees>(?i:degrees|degree|deg)\b(?![ ]*\())
  | (?P<library>(?:[Mm]ath|cmath|np|numpy|sympy|sp)\.(?=[A-Za-z]))
  | (?P<base>(?:log|ln|\\log|\\ln)_(?=[0-9A-Za-z{{]))
  | (?P<indexed>[A-Za-z]_\{{[0-9]+\}})
  | (?P<letter>[xXCP](?=[ ]*\.?[0-9]))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<symbol>[{"".join(LETTERS)}])
  | (?P<circle>\^[ ]*(?:\\circ|\{{[ ]*\\circ[ ]*\}}))
  | (?P<command>\\(?:[A-Za-z]+|[,;:!$%{{}} ]))
  | (?P<superscript>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+|ⁿ)
  | (?P<subscript>[₀₁₂₃₄₅₆₇₈₉]+)
  | (?P<currency>[{CURRENCIES}])
  | (?P<bits><<|>>|\|\||&&)
  | (?P<operator>\*\*|//|<=|>=|==|!=|<>|!+(?!=)|[-+*/^=(),\[\]{{}}|%‰°√∛∜<>≤≥≠⌊⌋⌈⌉])
    """,
    re.VERBOSE,
)
QUESTION = re.compile(
    r"\s*(?:please\s+)?(?:(?:what(?:'?s|\s+is)|how\s+much\s+is|calculate|compute|evaluate|work\s+out)"
    r"\b:?)?\s*=?",
    re.IGNORECASE,
)
DISPLAYED = re.compile(
    r"\s*(\$\$?)(?P<body>[^$]+)\1\s*|\s*\\[(\[](?P<other>.+)\\[)\]]\s*", re.DOTALL
)
DATE = re.compile(
    r"(?<![\w.])(?:(?:1[5-9]|20)\d\d(?:-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2}|-0\d)"
    r"|\d{1,2}([/.-])\d{1,2}\1(?:1[5-9]|20)\d\d)(?![\w.])"
)


def prepared(text: str) -> str:
    """Blank out what stands around an expression: a question's words, a formula's marks, the last
    "=" or "?". Places stay the same. Raises CalculationError."""
    if len(text) > MAX_LENGTH:
        raise CalculationError(f"The expression is longer than {MAX_LENGTH:,} characters.")
    text = plain(text).rstrip().rstrip("=?").rstrip()
    displayed = DISPLAYED.fullmatch(text)
    if displayed:
        kept = displayed.span("body" if displayed["body"] is not None else "other")
        text = " " * kept[0] + text[slice(*kept)].rstrip()
    asked = QUESTION.match(text)
    if asked:
        text = " " * asked.end() + text[asked.end() :]
    if not text.strip():
        raise CalculationError("The expression is empty.")
    date = DATE.search(text)
    if date:
        raise CalculationError(
            f'"{date.group()}" looks like a date, and dates are not calculated with. '
            "For a calculation put spaces around the operators."
        )
    return text


def shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def meaningless(character: str, place: int) -> CalculationError:
    hint = f" {HINTS[character]}" if character in HINTS else ""
    return CalculationError(
        f'The character "{shown(character)}" ({place + 1}) means nothing here.{hint}'
    )
