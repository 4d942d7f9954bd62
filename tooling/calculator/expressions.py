"""The calculator's language: text -> a small tree (`nodes`).

The grammar has numbers, names, operators, calls and lists, and nothing else: what Python would call
an attribute, a string or a keyword cannot be written in it. Length, depth and nodes are bounded.
SymPy's own parser is no choice: it evaluates the text as Python. What has two meanings is refused
with both (`ambiguities`).
"""

from __future__ import annotations

from tooling.calculator import ambiguities
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
)
from tooling.calculator.readings import COMPARISONS
from tooling.calculator.scanner import tokenize
from tooling.calculator.tokens import CalculationError, Kind, Token

MAX_NODES = 200
MAX_DEPTH = 50

# How tightly an operator binds to its left; `^` groups to the right.
BINDING = {
    **dict.fromkeys(COMPARISONS, 1),
    "+": 10,
    "-": 10,
    "*": 20,
    "/": 20,
    "//": 20,
    "mod": 20,
    "of": 20,
    "off": 20,
    "^": 30,
    "C": 35,
    "P": 35,
}
IMPLICIT = 20  # 2pi, 3(4+5): as `*`
SIGN = 25  # -3^2 is -(3^2)
ARGUMENT = 26  # √2x is (√2)*x
POSTFIX = {"!", "!!", "%", "‰", "°"}
ROOTS = {"√": "sqrt", "∛": "cbrt"}
OPENING = {"(": ")", "{": "}", "⌊": "⌋", "⌈": "⌉"}
ROUNDING = {"⌊": "floor", "⌈": "ceil"}
BEGINNING = {*OPENING, "√", "∛", "∜", "\\frac", "\\sqrt", "\\binom"}
LETTER_FUNCTIONS = {"C": "binomial", "P": "perm"}  # called with two arguments only
INVERSE = {name: f"a{name}" for name in ("sin", "cos", "tan", "cot", "sec", "csc")}
INVERSE |= {name: f"a{name}" for name in ("sinh", "cosh", "tanh")}


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

    def after(self, steps: int = 1) -> Token:
        return self.tokens[min(self.position + steps, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.next
        self.position += token.kind is not Kind.END
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
            ambiguities.check_superscript(left, self.after())
            return self.made(Binary("^", left, self.superscript()))
        if token.kind is Kind.OPERATOR and token.text in POSTFIX and not self.is_modulo():
            self.take()
            ambiguities.check_postfix(left, token, self.next, self.after())
            return self.made(Unary(token.text, left))
        operator = "mod" if token.text == "%" else token.text
        if token.kind is Kind.OPERATOR and BINDING.get(operator, 0) > binding:
            if operator in COMPARISONS:
                return self.comparison(left)
            return self.binary(operator, left)
        if binding < IMPLICIT and self.begins_factor():
            ambiguities.check_implicit(left, token)
            return self.made(Binary("*", left, self.expression(IMPLICIT)))
        return None

    def binary(self, operator: str, left: Node) -> Node:
        token = self.take()
        ambiguities.check_left(operator, left, token)
        right = self.expression(BINDING[operator] - (operator == "^"))
        ambiguities.check_right(operator, left, right)
        return self.made(Binary("*" if operator == "of" else operator, left, right))

    def comparison(self, left: Node) -> Node:
        """1 < 2 < 3 is one comparison of three."""
        operators, operands = [], [left]
        while self.next.kind is Kind.OPERATOR and self.next.text in COMPARISONS:
            operators.append(self.take().text)
            operands.append(self.expression(BINDING["="]))
        return self.made(Comparison(tuple(operators), tuple(operands)))

    def superscript(self) -> Node:
        text = self.take().text
        return self.made(Name(text) if text.isalpha() else Number(text))

    def is_modulo(self) -> bool:
        """`17 % 5` is a remainder, `15% + 2` and `15% of 80` are percent."""
        after = self.after()
        if self.next.text != "%":
            return False
        begins = after.kind in (Kind.NUMBER, Kind.NAME) or after.text in BEGINNING
        if begins and after.spaced and not self.next.spaced:
            raise CalculationError(
                f'"%" before {after.shown} is not clear: write 15% of 80, or 17 mod 5.'
            )
        return begins

    def begins_factor(self) -> bool:
        token, before = self.next, self.tokens[self.position - 1]
        ended = before.kind in (Kind.NUMBER, Kind.SUPERSCRIPT) or before.text in POSTFIX
        if token.kind is Kind.NUMBER and ended:
            raise CalculationError(
                f"There is no operator before {token.shown}. Thousands are written 1,250 or 1250, "
                "and a number has one point."
            )
        if token.kind is Kind.OPERATOR:
            return token.text in BEGINNING
        return token.kind in (Kind.NUMBER, Kind.NAME)

    def operand(self) -> Node:
        token = self.take()
        if token.kind is Kind.NUMBER:
            return self.made(Number(token.text))
        if token.kind is Kind.NAME:
            return self.named(token)
        if token.kind is Kind.SUPERSCRIPT and self.next.text == "√":
            self.take()
            return self.made(Call("root", (self.expression(ARGUMENT), Number(token.text))))
        match token.text if token.kind is Kind.OPERATOR else "":
            case "-":
                return self.made(Unary("-", self.expression(SIGN)))
            case "+":
                return self.expression(SIGN)
            case "(" | "{" as opening:
                return Group(self.enclosed(OPENING[opening]))
            case "⌊" | "⌈" as opening:
                return self.made(Call(ROUNDING[opening], (self.enclosed(OPENING[opening]),)))
            case "[":
                return self.made(Sequence(self.items("]")))
            case "|":
                return self.made(Call("abs", (self.enclosed("|"),)))
            case "mod" if self.accept("("):
                return self.made(Call("mod", self.items(")")))
            case "√" | "∛" | "∜" as root:
                return self.root(root)
            case "\\frac" | "\\binom" | "\\sqrt" as command:
                return self.latex(command)
        raise CalculationError(f"A number or a name is missing before {token.shown}.")

    def root(self, sign: str) -> Node:
        argument = self.expression(ARGUMENT)
        ambiguities.check_root(argument)
        if sign in ROOTS:
            return self.made(Call(ROOTS[sign], (argument,)))
        return self.made(Call("root", (argument, Number("4"))))

    def latex(self, command: str) -> Node:
        if command == "\\sqrt":
            degree = self.enclosed("]") if self.accept("[") else None
            argument = self.braced(command)
            arguments = (argument,) if degree is None else (argument, degree)
            return self.made(Call("sqrt" if degree is None else "root", arguments))
        first, second = self.braced(command), self.braced(command)
        if command == "\\binom":
            return self.made(Call("binomial", (first, second)))
        return Group(self.made(Binary("/", first, second)))

    def braced(self, command: str) -> Node:
        if not self.accept("{"):
            raise CalculationError(f"{command} takes what it is of in braces: {command}{{...}}.")
        return Group(self.enclosed("}"))

    def named(self, token: Token) -> Node:
        name = self.function(token)
        if name is None:
            return self.made(Name(token.text))
        exponent = self.exponent()
        base = self.base(name)
        arguments = self.arguments(token, name)
        if base is not None:
            arguments = (*arguments, base)
        if exponent is None:
            return self.made(Call(name, arguments))
        inverse = ambiguities.inverted(exponent)
        if inverse and name not in INVERSE:
            raise CalculationError(f"{name} to the power of -1 is not clear: write 1/{name}(x).")
        if inverse:
            return self.made(Call(INVERSE[name], arguments))
        return self.made(Binary("^", self.made(Call(name, arguments)), exponent))

    def function(self, token: Token) -> str | None:
        """The function that a name stands for; SQRT is sqrt, and C(5, 2) is binomial(5, 2)."""
        if token.text in self.functions:
            return token.text
        if token.text in LETTER_FUNCTIONS and self.has_two_arguments():
            return LETTER_FUNCTIONS[token.text]
        small = token.text.lower()
        return small if len(small) > 1 and small in self.functions else None

    def has_two_arguments(self) -> bool:
        depth = 0
        for token in self.tokens[self.position :]:
            depth += (token.text in OPENING) - (token.text in OPENING.values())
            if depth < 1 or token.kind is Kind.END:
                return False
            if depth == 1 and token.text == ",":
                return True
        return False

    def exponent(self) -> Node | None:
        """sin²(x) and sin^2(x): the power of what the function gives."""
        if self.next.kind is Kind.SUPERSCRIPT:
            return self.superscript()
        if not self.accept("^"):
            return None
        negative = self.accept("-")
        token = self.take()
        if token.text in ("(", "{"):
            exponent: Node = Group(self.enclosed(OPENING[token.text]))
        elif token.kind is Kind.NUMBER:
            exponent = self.made(Number(token.text))
        else:
            raise CalculationError(f"A number is missing before {token.shown}.")
        return self.made(Unary("-", exponent)) if negative else exponent

    def base(self, name: str) -> Node | None:
        """log_2(8), log₂ 8, log base 2 of 8"""
        if self.next.text.lower() == "base" and name == "log":
            self.take()
            base = self.operand()
            self.accept("of")
            return base
        if not self.accept("_"):
            return None
        if name != "log":
            raise CalculationError(f"{name} takes no base: write log_2(8) or log(8, 2).")
        return self.operand()

    def arguments(self, token: Token, name: str) -> tuple[Node, ...]:
        if self.accept("("):
            return self.items(")")
        if token.worded:
            return self.listed(name)
        argument = self.expression(ARGUMENT)
        if self.begins_factor():
            raise CalculationError(f"Put the argument of {name} into brackets.")
        return (argument,)

    def listed(self, name: str) -> tuple[Node, ...]:
        """The numbers of "sum of 2 and 3", the one of "square root of 16"."""
        items = [self.operand()]
        while self.accept("and"):
            items.append(self.operand())
        if self.next.kind is not Kind.END and self.next.text not in (*COMPARISONS, ")", ","):
            raise CalculationError(
                f"How far {name} reaches is not clear: put what it is of into brackets."
            )
        return tuple(items)

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
