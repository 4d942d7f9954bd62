r"""Chemistry as mhchem writes it: the common part of \ce and \pu, as TeX."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

GROUP = r"\{((?:[^{}]|\{[^{}]*\})*)\}"  # braces, and one level of braces within
ARROWS = {  # plain, and with words above or below
    "->": ("\\longrightarrow", "\\xrightarrow"),
    "-->": ("\\dashrightarrow", "\\xrightarrow"),
    "<-": ("\\longleftarrow", "\\xleftarrow"),
    "<->": ("\\longleftrightarrow", "\\xleftrightarrow"),
    "<-->": ("\\rightleftarrows", "\\xleftrightarrow"),
    "<=>": ("\\rightleftharpoons", "\\xrightleftharpoons"),
    "<=>>": ("\\rightleftharpoons", "\\xrightleftharpoons"),
    "<<=>": ("\\rightleftharpoons", "\\xrightleftharpoons"),
}
BONDS = {"-": "{-}", "=": "{=}", "#": "{\\equiv}", "~": "{-}", "...": "{\\cdots}"}
SPOKEN = re.compile(r"\\([A-Za-z]+)\s*")
UNITS = {  # as siunitx names them
    "meter": "m ",
    "metre": "m ",
    "second": "s ",
    "kilogram": "kg ",
    "gram": "g ",
    "ampere": "A ",
    "kelvin": "K ",
    "mole": "mol ",
    "joule": "J ",
    "newton": "N ",
    "watt": "W ",
    "volt": "V ",
    "pascal": "Pa ",
    "hertz": "Hz ",
    "ohm": "Ω ",
    "coulomb": "C ",
    "liter": "L ",
    "litre": "L ",
    "minute": "min ",
    "hour": "h ",
    "celsius": "°C ",
    "degreeCelsius": "°C ",
    "percent": "% ",
    "kilo": "k",
    "milli": "m",
    "micro": "µ",
    "nano": "n",
    "centi": "c",
    "mega": "M",
    "giga": "G",
    "per": "/",
    "squared": "^2 ",
    "cubed": "^3 ",
}
CDOT = {".": "\\cdot"}  # a radical
NUMBER = re.compile(r"([+-]?\d+(?:[.,]\d+)?)(?:[eE]([+-]?\d+))?")
UNIT = re.compile(r"([A-Za-zµμΩ°%Å]+|\\[A-Za-z]+|\\%)(?:\^?(?:\{([+-]?\d+)\}|([+-]?\d+)))?")


def reaction(source: str) -> str:
    """Write formulas and equations of reactions as TeX."""
    return _Reaction(source).write()


@dataclass
class _Reaction:
    """One pass over the source; `atom` says whether a digit is an index and "+" a charge."""

    source: str
    at: int = 0
    atom: bool = False
    out: list[str] = field(default_factory=list)

    def write(self) -> str:
        while self.at < len(self.source):
            for pattern, rule in RULES:
                found = pattern.match(self.source, self.at)
                if found and (made := rule(self, found)) is not None:
                    self.at = found.end()
                    self.out.append(made)
                    break
            else:
                self.out.append(self.source[self.at])
                self.at += 1
                self.atom = False
        return "".join(self.out)

    def arrow(self, found: re.Match[str]) -> str:
        self.atom = False
        plain, labelled = ARROWS[found[1]]
        above, below = (reaction(found[n] or "") for n in (2, 3))
        if not above and not below:
            return f" {plain} "
        return f" {labelled}[{below}]{{{above}}} " if below else f" {labelled}{{{above}}} "

    def mark(self, found: re.Match[str]) -> str:
        """Write what falls out, or rises as a gas."""
        return "{\\downarrow}" if "v" in found[0] else "{\\uparrow}"

    def operator(self, found: re.Match[str]) -> str:
        self.atom = False
        return f" {found[1]} "

    def state(self, found: re.Match[str]) -> str:
        self.atom = True
        return f"\\mathrm{{({found[1]})}}"

    def script(self, found: re.Match[str]) -> str:
        """Write what stands high or low; before an atom it hangs on nothing."""
        content = found[2] if found[2] is not None else found[3]
        if re.fullmatch("[A-Za-z]{2,}|[IVX]+", content):
            content = f"\\mathrm{{{content}}}"
        hangs = self.atom or (self.out and self.out[-1].startswith(("{}^", "{}_")))
        return f"{'' if hangs else '{}'}{found[1]}{{{CDOT.get(content, content)}}}"

    def index(self, found: re.Match[str]) -> str | None:
        return f"_{{{found[0]}}}" if self.atom else None

    def number(self, found: re.Match[str]) -> str:
        over, _, under = found[0].partition("/")
        return f"\\tfrac{{{over}}}{{{under}}}\\," if under else f"{found[0]}\\,"

    def letters(self, found: re.Match[str]) -> str:
        self.atom = True
        return f"\\mathrm{{{found[0]}}}"

    def charge(self, found: re.Match[str]) -> str | None:
        return f"^{{{found[0]}}}" if self.atom else None

    def bond(self, found: re.Match[str]) -> str:
        self.atom = False
        return BONDS.get(found[found.lastindex or 0], "{-}")

    def bracket(self, found: re.Match[str]) -> str:
        self.atom = found[0] in ")]"
        return found[0]

    def addition(self, found: re.Match[str]) -> str:
        """Write the dot before what a crystal holds besides."""
        self.atom = False
        return " \\cdot "

    def formula(self, found: re.Match[str]) -> str:
        self.atom = True
        return f"{{{found[1]}}}"

    def group(self, found: re.Match[str]) -> str:
        inner = reaction(found[1])
        self.atom = True
        return f"{{{inner}}}"

    def command(self, found: re.Match[str]) -> str:
        self.atom = True
        return f"{{{found[0]}}}"

    def space(self, found: re.Match[str]) -> str:
        apart = self.atom
        self.atom = False
        return "\\," if apart else ""


Rule = Callable[[_Reaction, re.Match[str]], str | None]
LABEL = r"(?:T?\[([^\[\]]*)\])?"
ENDS = r"(?=[\s)\]},]|$)"
RULES: list[tuple[re.Pattern[str], Rule]] = [
    (re.compile(rf"\s*(<=>>|<<=>|<=>|<-->|<->|-->|->|<-){LABEL}{LABEL}\s*"), _Reaction.arrow),
    (re.compile(r"\s+(?:v|\^|\(v\)|\(\^\))" + ENDS), _Reaction.mark),
    (re.compile(r"\s+([+-])\s+"), _Reaction.operator),
    (re.compile(r"\s*\((aq|s|l|g|cr|am)\)"), _Reaction.state),
    (re.compile(r"\$([^$]*)\$"), _Reaction.formula),
    (re.compile(rf"([\^_])(?:{GROUP}|(\d+[+-]?|[+-]+|\.|[A-Za-z](?![a-z])))"), _Reaction.script),
    (re.compile(r"\d+"), _Reaction.index),
    (re.compile(r"\d+(?:\.\d+)?(?:/\d+)?"), _Reaction.number),
    (re.compile(r"[A-Za-z]+"), _Reaction.letters),
    (re.compile(r"(?:\d*[+-]+)" + ENDS), _Reaction.charge),
    (re.compile(rf"\\bond{GROUP}"), _Reaction.bond),
    (re.compile(r"[-=#]"), _Reaction.bond),
    (re.compile(r"[()\[\]]"), _Reaction.bracket),
    (re.compile(r"\s*[*.·•]\s*"), _Reaction.addition),
    (re.compile(GROUP), _Reaction.group),
    (re.compile(rf"\\[A-Za-z]+(?:\s*{GROUP})*"), _Reaction.command),
    (re.compile(r"\s+"), _Reaction.space),
]  # fmt: skip


def quantity(source: str) -> str:
    """Write a number with its unit."""
    source = SPOKEN.sub(lambda found: UNITS.get(found[1], found[0]), source).strip()
    number = NUMBER.match(source)
    value = _value(number) if number else ""
    unit = _unit(source[number.end() :] if number else source)
    return f"{value}\\,{unit}" if value and unit else value + unit


def _value(number: re.Match[str]) -> str:
    digits, power = number[1].replace(",", "{,}"), number[2]
    return f"{digits} \\times 10^{{{power}}}" if power else digits


def _unit(source: str) -> str:
    source = re.sub(r"\s*[*.·]\s*|\s+(?![/^])", " ", source.strip())
    source = re.sub(r"\s+(?=[/^])", "", source)
    return UNIT.sub(_power, source).replace(" ", "\\,")


def _power(found: re.Match[str]) -> str:
    upright = found[1].replace("%", "\\%")
    name = found[1] if found[1].startswith("\\") else f"\\mathrm{{{upright}}}"
    power = found[2] or found[3]
    return f"{name}^{{{power}}}" if power else name
