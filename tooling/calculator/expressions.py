"""The calculator's language: text -> a small tree of the nodes below.

The grammar has numbers, names, operators, calls and lists, and nothing else: what Python would call
an attribute, a string or a keyword cannot be written in it. Length, depth and nodes are bounded.
SymPy's own parser is no choice: it evaluates the text as Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tooling.calculator.tokens import CalculationError, Kind, Token, tokenize

MAX_NODES = 200
MAX_DEPTH = 50

Node: TypeAlias = "Number | Name | Call | Unary | Binary | Sequence"


@dataclass(frozen=True)
class Number:
    """As written: digits, one point, an exponent."""

    text: str


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class Call:
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Unary:
    """`operator` is one of - ! % ° (the last three stand behind their operand)."""

    operator: str
    operand: Node


@dataclass(frozen=True)
class Binary:
    """`operator` is one of + - * / // mod ^ ="""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Sequence:
    items: tuple[Node, ...]


# How tightly an operator binds to its left; `^` groups to the right.
BINDING = {"=": 1, "+": 10, "-": 10, "*": 20, "/": 20, "//": 20, "mod": 20, "^": 30}
IMPLICIT = 20  # 2pi, 3(4+5): as `*`, so 1/2x is (1/2)*x
SIGN = 25  # -3^2 is -(3^2)
ARGUMENT = 26  # √2x is (√2)*x
POSTFIX = {"!", "%", "°"}
END = Token(Kind.END, "the end", 0)


def parse(text: str, functions: frozenset[str]) -> Node:
    """Read an expression; raises CalculationError, with the place where the text is not
    understood."""
    parser = _Parser(tokenize(text), functions)
    node = parser.expression(0)
    parser.expect(Kind.END)
    return node


class _Parser:
    """A Pratt parser: `expression(n)` reads as far as operators bind tighter than n."""

    def __init__(self, tokens: list[Token], functions: frozenset[str]) -> None:
        self.tokens = tokens
        self.functions = functions
        self.position = 0
        self.depth = 0
        self.nodes = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.next
        self.position += 1
        return token

    def accept(self, text: str) -> bool:
        found = self.next.kind is Kind.OPERATOR and self.next.text == text
        self.position += found
        return found

    def expect(self, wanted: Kind | str) -> None:
        if self.next.kind is wanted or (
            self.next.kind is Kind.OPERATOR and self.next.text == wanted
        ):
            self.position += self.next.kind is not Kind.END
            return
        if isinstance(wanted, str):
            raise CalculationError(f'"{wanted}" is missing before {self.next.shown}.')
        raise CalculationError(f"{self.next.shown} does not belong there.")

    def made(self, node: Node) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise CalculationError(f"The expression has more than {MAX_NODES} parts.")
        return node

    def expression(self, binding: int) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise CalculationError(f"The expression is nested deeper than {MAX_DEPTH} levels.")
        left = self.operand()
        while (further := self.continued(left, binding)) is not None:
            left = further
        self.depth -= 1
        return left

    def continued(self, left: Node, binding: int) -> Node | None:
        """`left` with the operator that follows, if it binds tighter than `binding`."""
        token = self.next
        if token.kind is Kind.SUPERSCRIPT:
            self.take()
            return self.made(Binary("^", left, self.made(Number(token.text))))
        if token.text in POSTFIX and not self.is_modulo():
            self.take()
            return self.made(Unary(token.text, left))
        operator = "mod" if token.text == "%" else token.text
        if token.kind is Kind.OPERATOR and BINDING.get(operator, 0) > binding:
            self.take()
            right = self.expression(BINDING[operator] - (operator == "^"))
            return self.made(Binary(operator, left, right))
        if binding < IMPLICIT and self.begins_factor(left):
            return self.made(Binary("*", left, self.expression(IMPLICIT)))
        return None

    def is_modulo(self) -> bool:
        """`17 % 5` is a remainder, `15% + 2` and `15% of 80` are percent."""
        after = self.tokens[min(self.position + 1, len(self.tokens) - 1)]
        return self.next.text == "%" and (
            after.kind in (Kind.NUMBER, Kind.NAME) or after.text in ("(", "√", "∛")
        )

    def begins_factor(self, left: Node) -> bool:
        token = self.next
        if token.kind is Kind.NUMBER and isinstance(left, Number):
            raise CalculationError(f"There is no operator before {token.shown}.")
        return token.kind in (Kind.NUMBER, Kind.NAME) or token.text in ("(", "√", "∛")

    def operand(self) -> Node:
        token = self.take()
        if token.kind is Kind.NUMBER:
            return self.made(Number(token.text))
        if token.kind is Kind.NAME:
            return self.named(token)
        match token.text if token.kind is Kind.OPERATOR else "":
            case "-":
                return self.made(Unary("-", self.expression(SIGN)))
            case "+":
                return self.expression(SIGN)
            case "(":
                return self.enclosed(")")
            case "[":
                return self.made(Sequence(self.items("]")))
            case "|":
                return self.made(Call("abs", (self.enclosed("|"),)))
            case "mod" if self.accept("("):
                return self.made(Call("mod", self.items(")")))
            case "√" | "∛" as root:
                name = "sqrt" if root == "√" else "cbrt"
                return self.made(Call(name, (self.expression(ARGUMENT),)))
        raise CalculationError(f"A number or a name is missing before {token.shown}.")

    def named(self, token: Token) -> Node:
        if token.text not in self.functions:
            return self.made(Name(token.text))
        if self.accept("("):
            return self.made(Call(token.text, self.items(")")))
        argument = self.expression(ARGUMENT)
        if self.begins_factor(argument):
            raise CalculationError(f"Put the argument of {token.text} into brackets.")
        return self.made(Call(token.text, (argument,)))

    def enclosed(self, closing: str) -> Node:
        node = self.expression(0)
        self.expect(closing)
        return node

    def items(self, closing: str) -> tuple[Node, ...]:
        if self.accept(closing):
            return ()
        items = [self.expression(0)]
        while self.accept(","):
            items.append(self.expression(0))
        self.expect(closing)
        return tuple(items)
