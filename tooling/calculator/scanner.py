"""Text -> tokens, one after the other; what several of them mean together comes after."""

from __future__ import annotations

import re

from tooling.calculator import readings, words
from tooling.calculator.characters import FRACTIONS, LETTERS, SUBSCRIPTS, SUPERSCRIPTS
from tooling.calculator.tokens import (
    LATEX,
    LATEX_NAMES,
    LATEX_SPACE,
    LATEX_SPELLINGS,
    OPERATORS,
    PATTERN,
    CalculationError,
    Kind,
    Token,
    meaningless,
    prepared,
    shortened,
)

BASES = {"x": (16, "0x1F"), "b": (2, "0b101"), "o": (8, "0o17")}
CALLED = {"C", "P", "N"}  # functions with one letter
OPTIONAL = {"log", "ln", "round", "N"}  # their second argument may be missing: log(1,000)
BINDING_TIGHTLY = ("^", "**", "!", "²", "³", "/")
WHOLE = re.compile("[0-9]+")
VARIABLE = re.compile("[A-Za-z][A-Za-z0-9_]*")


def tokenize(text: str) -> list[Token]:
    """Split the text; the last is always a token of kind END. Raises CalculationError."""
    tokens = _Scanner(prepared(text)).tokens()
    tokens = readings.read(words.read(tokens))
    while tokens and tokens[-1].text == "=":  # "2 plus 2 equals"
        tokens = tokens[:-1]
    if not tokens:
        raise CalculationError("The expression is empty.")
    return [*tokens, Token(Kind.END, "", len(text))]


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.spaced = False
        self.found: list[Token] = []
        self.open: list[str] = []  # what opened each bracket: "(" or the function before it
        self.currencies: set[str] = set()

    @property
    def last(self) -> Token | None:
        return self.found[-1] if self.found else None

    def tokens(self) -> list[Token]:
        while self.place < len(self.text):
            match = PATTERN.match(self.text, self.place)
            if match is None:
                raise meaningless(self.text[self.place], self.place)
            kind, text = match.lastgroup or "", match.group()
            made = getattr(self, f"read_{kind}")(text)
            self.spaced = kind == "space" or (not made and self.spaced)
            for token in made:
                self.bracket(token)
                self.found.append(token)
            self.place += len(text)
        return self.found

    def bracket(self, token: Token) -> None:
        """Keep track of what the innermost bracket is for."""
        if token.kind is not Kind.OPERATOR:
            return
        if token.text in ("(", "["):
            self.open.append(token.text if token.text == "[" else self.opener())
        elif token.text == "{":
            self.open.append("{")
        elif token.text in (")", "]", "}") and self.open:
            self.open.pop()

    def opener(self) -> str:
        """The function that a "(" belongs to; "(" where it only groups."""
        before = [token for token in self.found if token.kind is not Kind.SUPERSCRIPT][-1:]
        if not before or not self.found:
            return "("
        name = before[0].text
        called = before[0].kind is Kind.NAME and (len(name) > 1 or name in CALLED)
        return name if called or name == "mod" else "("

    def token(self, kind: Kind, text: str) -> list[Token]:
        return [Token(kind, text, self.place, self.spaced)]

    def read_space(self, text: str) -> list[Token]:
        return []

    read_library = read_space

    def read_based(self, text: str) -> list[Token]:
        base, example = BASES[text[1].lower()]
        try:
            return self.token(Kind.NUMBER, str(int(text, base)))
        except ValueError as error:
            raise CalculationError(
                f'"{shortened(text)}" is no number to the base {base}, as {example} is. '
                "For a product write *."
            ) from error

    def read_fraction(self, text: str) -> list[Token]:
        whole = WHOLE.match(text)
        part = text[whole.end() if whole else 0 :].strip()
        ratio = FRACTIONS.get(part) or part.translate(SUPERSCRIPTS).translate(SUBSCRIPTS)
        return self.mixed(whole.group() if whole else "0", *ratio.split("/"))

    def read_mixed(self, text: str) -> list[Token]:
        """2 1/2 is two and a half, where it can be nothing else."""
        whole, top, bottom = re.split("[ /]+", text)
        after = self.text[self.place + len(text) :].lstrip()
        divided = self.last is not None and self.last.text == "/"
        if int(top) >= int(bottom) or divided or after.startswith(BINDING_TIGHTLY):
            raise CalculationError(
                f'"{shortened(text)}" is not clear: for a mixed number write (2 + 1/2), for a '
                "product 2 * 1/2."
            )
        return self.mixed(whole, top, bottom)

    def mixed(self, whole: str, top: str, bottom: str) -> list[Token]:
        if not int(bottom):
            raise CalculationError("Division by zero.")
        numerator = int(whole) * int(bottom) + int(top)
        return self.token(Kind.NUMBER, f"{numerator}/{int(bottom)}")

    def read_grouped(self, text: str) -> list[Token]:
        """1,250 is a number, and in the brackets of a call or a list two: max(1,200)."""
        inside = self.open[-1] if self.open else "("
        if inside in ("(", "{"):
            return self.token(Kind.NUMBER, text.replace(",", ""))
        if inside in OPTIONAL or any(group[0] == "0" for group in text.split(",")[1:]):
            raise CalculationError(
                f'"{shortened(text)}" is not clear in the brackets of a function: write thousands '
                "without a comma, and a space between several values."
            )
        number, *others = text.split(",")
        made = self.token(Kind.NUMBER, number)
        place = self.place + len(number)
        for other in others:
            made += [Token(Kind.OPERATOR, ",", place), Token(Kind.NUMBER, other, place + 1)]
            place += 1 + len(other)
        return made

    def read_apart(self, text: str) -> list[Token]:
        return self.token(Kind.NUMBER, re.sub(r"[^0-9.]", "", text))

    def read_number(self, text: str) -> list[Token]:
        return self.token(Kind.NUMBER, text.replace("_", ""))

    def read_degrees(self, text: str) -> list[Token]:
        return self.token(Kind.OPERATOR, "°")

    read_circle = read_degrees

    def read_base(self, text: str) -> list[Token]:
        name = self.token(Kind.NAME, text.strip("\\_"))
        return [*name, Token(Kind.OPERATOR, "_", self.place + len(text) - 1)]

    def read_name(self, text: str) -> list[Token]:
        word = text if text in OPERATORS else text.lower()
        if len(text) > 1 and word in OPERATORS:
            return self.token(Kind.OPERATOR, OPERATORS[word])
        return self.token(Kind.NAME, text)

    def read_letter(self, text: str) -> list[Token]:
        """10x10, 5C2: a letter between numbers, which `readings` decides on. x2 is a variable."""
        if self.last and (self.last.kind is Kind.NUMBER or self.last.text in (")", "!", "%")):
            return self.token(Kind.NAME, text)
        match = VARIABLE.match(self.text, self.place)
        assert match is not None
        made = self.read_name(match.group())
        self.place += len(match.group()) - len(text)
        return made

    def read_indexed(self, text: str) -> list[Token]:
        return self.token(Kind.NAME, text.replace("{", "").replace("}", ""))

    def read_symbol(self, text: str) -> list[Token]:
        return self.token(Kind.NAME, LETTERS[text])

    def read_command(self, text: str) -> list[Token]:
        command = text[1:]
        if command in LATEX_SPACE:
            return []
        if command in LATEX:
            return self.token(Kind.OPERATOR, LATEX[command])
        name = LATEX_SPELLINGS.get(command, command)
        if name in LATEX_NAMES or command in LATEX_SPELLINGS:
            return self.token(Kind.NAME, name)
        raise CalculationError(
            f'"{shortened(text)}" is not known here. Sums and integrals are written '
            "sum(k^2, k, 1, 10), integrate(x^2, x, 0, 1), limit(sin(x)/x, x, 0)."
        )

    def read_superscript(self, text: str) -> list[Token]:
        return self.token(Kind.SUPERSCRIPT, text.translate(SUPERSCRIPTS).lstrip("+"))

    def read_subscript(self, text: str) -> list[Token]:
        """log₂, x₁; ₅C₂"""
        number = text.translate(SUBSCRIPTS)
        last = self.last
        if last and last.kind is Kind.NAME and not self.spaced and last.text in ("C", "P"):
            return self.token(Kind.NUMBER, number)
        if last and last.text in ("log", "ln"):
            return [*self.token(Kind.OPERATOR, "_"), Token(Kind.NUMBER, number, self.place)]
        if last and last.kind is Kind.NAME and not self.spaced and len(last.text) == 1:
            self.found.pop()
            return [Token(Kind.NAME, f"{last.text}_{number}", last.place, last.spaced)]
        if self.text[self.place + len(text) :][:1] in ("C", "P"):
            return self.token(Kind.NUMBER, number)
        raise CalculationError(f'The subscript "{text}" ({self.place + 1}) means nothing here.')

    def read_currency(self, text: str) -> list[Token]:
        """An amount is calculated with as a number."""
        after = self.text[self.place + 1 :].lstrip(" \u00a0-")[:1]
        behind = self.last is not None and self.last.kind is Kind.NUMBER
        if not (after.isdigit() or after == "." or behind):
            raise meaningless(text, self.place)
        self.currencies.add(text)
        if len(self.currencies) > 1:
            raise CalculationError("Amounts in two currencies cannot be calculated with.")
        return []

    def read_bits(self, text: str) -> list[Token]:
        raise CalculationError(
            f'"{text}" (character {self.place + 1}) is not known here: there are no operators for '
            "bits and for logic. Absolute values are written abs(x)."
        )

    def read_operator(self, text: str) -> list[Token]:
        if text == "," and not self.separates():
            raise self.comma()
        after = self.text[self.place + len(text) :]
        if text.startswith("!!!") or (text.startswith("!") and after.startswith("!")):
            raise CalculationError("Factorials of factorials need brackets: (3!)!.")
        return self.token(Kind.OPERATOR, OPERATORS.get(text, text))

    def separates(self) -> bool:
        return bool(self.open) and self.open[-1] not in ("(", "{")

    def comma(self) -> CalculationError:
        numbers = self.last and self.last.kind is Kind.NUMBER and self.text[self.place + 1 :][:1]
        if numbers and numbers.isdigit():
            return CalculationError(
                "A comma does not belong there: decimals have a point (1.5), thousands groups of "
                "three digits (1,250)."
            )
        return CalculationError(
            f'"," (character {self.place + 1}) does not belong there: it separates the arguments '
            "of functions and the parts of [lists]."
        )
