r"""A formula's source as math-core reads it.

math-core knows most of amsmath and refuses the rest. What models write beyond it is said here in
its words: environments and commands of other packages, numbers of equations, formulas in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from chat.rendering.formulas.chemistry import quantity, reaction
from chat.rendering.formulas.environments import ENVIRONMENTS, as_it_is, laid_out
from chat.rendering.formulas.tree import (
    Environment,
    Group,
    Node,
    Reader,
    UnreadableFormula,
    parse,
    source_of,
)

TEXT_COMMANDS = {  # as math-core calls them
    "\\text": "text", "\\textnormal": "text", "\\textup": "text", "\\textmd": "text",
    "\\mbox": "text", "\\hbox": "text", "\\emph": "emph", "\\textbf": "textbf",
    "\\textit": "textit", "\\textrm": "textrm", "\\textsf": "textsf", "\\texttt": "texttt",
}  # fmt: skip
NAME = re.compile(r"\\(?:rm|mathrm|text|operatorname)\b\s*\{?((?:[A-Za-z ]|\\[,;:! ])+)\}?")
IN_TEXT = re.compile(r"\\(?:[^A-Za-z]|quad|qquad|enspace|thinspace|space|dag|ddag|S|P|text[a-z]+)")
ESCAPED = {"_": "\\_", "^": "\\textasciicircum{}", "#": "\\#", "&": "\\&", "%": "\\%"}
SYMBOLS = {
    "√": "\\sqrt ", "∛": "\\sqrt[3] ", "∅": "\\varnothing ", "⊥": "\\perp ", "∠": "\\angle ",
    "∴": "\\therefore ", "∵": "\\because ", "⊤": "\\top ", "%": "\\%",
}  # fmt: skip

MACROS = {
    # Letters and names that papers define for themselves
    "C": r"\mathbb{C}", "E": r"\mathbb{E}", "F": r"\mathbb{F}", "K": r"\mathbb{K}",
    "Q": r"\mathbb{Q}", "1": r"\mathbf{1}",
    **{name: rf"\operatorname{{{name}}}" for name in (
        "Aut", "Cov", "End", "Hom", "Id", "KL", "ReLU", "Res", "Spec", "Tr", "Var", "arccot",
        "arccsc", "arcsec", "coker", "colim", "cov", "diag", "id", "lcm", "rank", "relu", "sgn",
        "sign", "softmax", "tr",
    )},
    # amsmath, amssymb and plain TeX
    "allowbreak": "", "boldmath": "", "centerdot": r"\cdot", "cline": "", "dotsb": r"\cdots",
    "dotsc": r"\ldots", "dotsi": r"\cdots", "dotsm": r"\cdots", "dotso": r"\ldots", "hfill": "",
    "intop": r"\int", "noindent": "", "par": "", "qed": r"\quad\square", "qedhere": r"\quad\square",
    "qedsymbol": r"\square", "smallsetminus": r"\setminus", "strut": "", "thickapprox": r"\approx",
    "thicksim": r"\sim", "varliminf": r"\liminf",
    "varlimsup": r"\limsup", "hphantom": r"\phantom{#1}", "clap": "#1", "llap": "#1", "rlap": "#1",
    "mathclap": "#1", "mathllap": "#1", "mathrlap": "#1", "mathnormal": "#1", "ensuremath": "#1",
    "vcenter": "#1", "pmb": r"\boldsymbol{#1}", "mathds": r"\mathbb{#1}",
    "mathbbm": r"\mathbb{#1}", "sfrac": r"\tfrac{#1}{#2}", "nicefrac": r"\tfrac{#1}{#2}",
    "LaTeX": r"\text{LaTeX}", "TeX": r"\text{TeX}", "euro": "€", "micro": "µ", "ohm": r"\Omega",
    "celsius": r"{}^\circ\text{C}", "AA": "Å", "eps": r"\varepsilon", "overarc": r"\overparen{#1}",
    "longdiv": r"\overline{)#1}",
    **dict.fromkeys((
        "Huge", "LARGE", "Large", "footnotesize", "huge", "large", "normalsize", "scriptsize",
        "small", "tiny",
    ), ""),
    # The physics package
    "abs": r"\left|#1\right|", "norm": r"\left\|#1\right\|", "vb": r"\mathbf{#1}",
    "va": r"\vec{#1}", "vu": r"\hat{#1}", "grad": r"\nabla", "laplacian": r"\nabla^2",
    "curl": r"\nabla\times", "order": r"\mathcal{O}\left(#1\right)",
    "comm": r"\left[#1,#2\right]", "dd": r"\mathrm{d}", "ang": r"#1^\circ", "sout": r"\cancel{#1}",
}  # fmt: skip


class Rewriter:
    """Writes one formula; what it learns about its number is kept for the end."""

    def __init__(self) -> None:
        self.tag: tuple[str, str] | None = None  # "*" for one without brackets, and its words
        self._keeps_tags = False

    def write(self, nodes: Sequence[Node]) -> str:
        """Write nodes in a row."""
        reader = Reader(nodes)
        return "".join(self._node(node, reader) for node in reader)

    def write_rows(self, nodes: Sequence[Node]) -> str:
        """Write the rows of an environment that numbers them itself."""
        before, self._keeps_tags = self._keeps_tags, True
        written = self.write(nodes)
        self._keeps_tags = before
        return written

    def _node(self, node: Node, reader: Reader) -> str:
        if isinstance(node, Group):
            return f"{{{self.write(node.nodes)}}}"
        if isinstance(node, Environment):
            return ENVIRONMENTS.get(node.name, as_it_is)(self, node)
        if node in TEXT_COMMANDS:
            return self.words(reader.argument(), TEXT_COMMANDS[node])
        command = COMMANDS.get(node)
        return command(self, reader) if command else SYMBOLS.get(node, node)

    def words(self, nodes: Sequence[Node], command: str = "text") -> str:
        """Write words, and the formulas among them."""
        return f"{{{''.join(self._words(Reader(nodes), command))}}}"

    def _words(self, reader: Reader, command: str) -> list[str]:
        pieces: list[str] = []
        text: list[str] = []

        def end_of_text() -> None:
            if text:
                pieces.append(f"\\{command}{{{''.join(text)}}}")
                text.clear()

        for node in reader:
            script = node in ("_", "^") and isinstance(reader.peek(), Group)
            if node in ("$", "\\("):
                end_of_text()
                pieces.append(self._formula(reader, "$" if node == "$" else "\\)"))
            elif isinstance(node, str) and not script and self._is_text(node):
                text.append(ESCAPED.get(node, node))
            else:
                end_of_text()
                pieces.append(self._in_words(node, reader, command))
        end_of_text()
        return pieces

    def _in_words(self, node: Node, reader: Reader, command: str) -> str:
        if isinstance(node, Group):
            return self.words(node.nodes, command)
        if node in ("_", "^"):
            return f"{node}{self.words(reader.argument(), command)}"
        return self._node(node, reader)

    def _formula(self, reader: Reader, closer: str) -> str:
        nodes: list[Node] = []
        for node in reader:
            if node == closer:
                return f"{{{self.write(nodes)}}}"
            nodes.append(node)
        raise UnreadableFormula("a formula among words is not closed")

    def _is_text(self, node: str) -> bool:
        known = node not in TEXT_COMMANDS and bool(IN_TEXT.fullmatch(node))
        return known or not node.startswith("\\")

    def row_end(self, reader: Reader) -> str:
        r"""Write `\\`; a distance behind it changes nothing that is read."""
        reader.skip_distance()
        return "\\\\ "

    def tagged(self, reader: Reader) -> str:
        """Take the number of the equation; where rows have numbers it stays in its row."""
        star = "*" if reader.take("*") else ""
        words = source_of(reader.argument())
        if self._keeps_tags:
            return f"\\tag{star}{{{words}}}"
        self.tag = self.tag or (star, words)
        return ""

    def limits(self, reader: Reader) -> str:
        r"""Keep \limits where math-core takes it: behind a sign; a name has limits anyway."""
        return "" if isinstance(reader.behind(), Group) else "\\limits"

    def chemical(self, reader: Reader) -> str:
        written = self.write(parse(reaction(source_of(reader.argument()))))
        return f"{{{written}}}"

    def measured(self, reader: Reader) -> str:
        return f"{{{quantity(source_of(reader.argument()))}}}"

    def measured_apart(self, reader: Reader) -> str:
        r"""Write siunitx' \SI{number}{unit}; the physics package's \qty(...) is its brackets."""
        if not isinstance(reader.peek(), Group):
            return ""
        number, unit = source_of(reader.argument()), source_of(reader.argument())
        return f"{{{quantity(f'{number} {unit}')}}}"

    def coloured(self, reader: Reader) -> str:
        r"""Write \textcolor; a colour that has no name is left out, not what it colours."""
        name = self._colour(reader)
        inner = self.write(reader.argument())
        return f"\\textcolor{{{name}}}{{{inner}}}" if name else f"{{{inner}}}"

    def colours(self, reader: Reader) -> str:
        name = self._colour(reader)
        return f"\\color{{{name}}} " if name else ""

    def _colour(self, reader: Reader) -> str:
        option = reader.option()
        name = source_of(reader.argument()).strip()
        return name if option is None and re.fullmatch("[A-Za-z]+", name) else ""

    def derivative(self, sign: str, reader: Reader) -> str:
        r"""Write \dv[n]{f}{x}, or \dv{x} for the operator alone."""
        order = reader.option()
        power = f"^{{{order}}}" if order else ""
        first = self.write(reader.argument())
        if not isinstance(reader.peek(), Group):
            return f"\\frac{{{sign}{power}}}{{{sign} {first}{power}}}"
        below = self.write(reader.argument())
        return f"\\frac{{{sign}{power} {first}}}{{{sign} {below}{power}}}"

    def defined(self, reader: Reader) -> str:
        r"""Write \DeclareMathOperator as a command of its own."""
        star = "*" if reader.take("*") else ""
        name = source_of(reader.argument())
        body = self.write(reader.argument())
        return f"\\def{name}{{\\operatorname{star}{{{body}}}}}"

    def command(self, reader: Reader) -> str:
        r"""Write \newcommand as \def, which may also define anew what stands in MACROS."""
        name = source_of(reader.argument())
        count = reader.option() or "0"
        if not re.fullmatch("[0-9]", count):
            raise UnreadableFormula("no number of arguments")
        body = self.write(reader.argument())
        arguments = "".join(f"#{number + 1}" for number in range(int(count)))
        return f"\\def{name}{arguments}{{{body}}}"

    def ruled(self, reader: Reader) -> str:
        r"""Write \rule: models mean a line to write on."""
        width = source_of(reader.argument())
        reader.argument()
        return f"\\underline{{\\hspace{{{width}}}}}"

    def stacked(self, reader: Reader) -> str:
        return f"\\begin{{subarray}}{{c}}{self.write(reader.argument())}\\end{{subarray}}"

    def environment(self, name: str, reader: Reader) -> str:
        r"""Write plain TeX's \cases{...} and \matrix{...}."""
        return self._node(Environment(name, reader.argument()), reader)

    def boxed_words(self, reader: Reader) -> str:
        return f"\\boxed{self.words(reader.argument())}"

    def boxed(self, reader: Reader) -> str:
        reader.option()
        return f"\\boxed{{{self.write(reader.argument())}}}"

    def between(self, reader: Reader) -> str:
        r"""Write \intertext as a row of its own."""
        starts_row = reader.behind() in (None, "\\\\")
        row = f"& {self.words(reader.argument())} \\\\ "
        return row if starts_row else f"\\\\ {row}"

    def operator(self, reader: Reader) -> str:
        r"""Write \mathop{\rm name}, whose limits stand below it, as amsmath does."""
        nodes = reader.argument()
        name = NAME.fullmatch(source_of(nodes).strip())
        if name:
            return f"\\operatorname*{{{name[1]}}}"
        return f"\\mathop{{{self.write(nodes)}}}"

    def probability(self, reader: Reader) -> str:
        r"""Write \P before brackets as the sign that is meant; TeX has a paragraph's mark there."""
        brackets = ("(", "[", "_", "\\left", "\\big", "\\Big", "\\bigl", "\\Bigl", "\\{")
        return "\\mathbb{P}" if reader.peek() in brackets else "\\P "

    def without(self, count: int, reader: Reader) -> str:
        """Leave out arguments that say nothing to the reader."""
        for _ in range(count):
            reader.argument()
        return ""

    def spaced(self, reader: Reader) -> str:
        reader.take("*")
        return "\\hspace"

    def smashed(self, reader: Reader) -> str:
        reader.option()
        return f"{{{self.write(reader.argument())}}}"

    def character(self, reader: Reader) -> str:
        r"""Write \unicode{x2211}."""
        code = source_of(reader.argument()).strip()
        try:
            return chr(int(code[1:], 16) if code[:1] in "xX" else int(code))
        except (ValueError, OverflowError) as error:
            raise UnreadableFormula("no character") from error


Command = Callable[[Rewriter, Reader], str]


def _left_out(count: int) -> Command:
    return lambda rewriter, reader: rewriter.without(count, reader)


def _environment(name: str) -> Command:
    return lambda rewriter, reader: rewriter.environment(name, reader)


COMMANDS: dict[str, Command] = {
    "\\\\": Rewriter.row_end, "\\cr": Rewriter.row_end, "\\newline": Rewriter.row_end,
    "\\tag": Rewriter.tagged, "\\limits": Rewriter.limits,
    "\\nonumber": _left_out(0), "\\notag": _left_out(0), "\\label": _left_out(1),
    "\\require": _left_out(1), "\\vspace": _left_out(1), "\\cline": _left_out(1),
    "\\href": _left_out(1), "\\class": _left_out(1), "\\cssId": _left_out(1),
    "\\style": _left_out(1), "\\htmlClass": _left_out(1),
    "\\ce": Rewriter.chemical, "\\pu": Rewriter.measured, "\\si": Rewriter.measured,
    "\\unit": Rewriter.measured, "\\num": Rewriter.measured, "\\SI": Rewriter.measured_apart,
    "\\qty": Rewriter.measured_apart,
    "\\textcolor": Rewriter.coloured, "\\colorbox": Rewriter.coloured, "\\color": Rewriter.colours,
    "\\dv": lambda rewriter, reader: rewriter.derivative("\\mathrm{d}", reader),
    "\\pdv": lambda rewriter, reader: rewriter.derivative("\\partial", reader),
    "\\newcommand": Rewriter.command, "\\renewcommand": Rewriter.command,
    "\\providecommand": Rewriter.command, "\\DeclareMathOperator": Rewriter.defined,
    "\\rule": Rewriter.ruled, "\\setlength": _left_out(2), "\\P": Rewriter.probability,
    "\\mathop": Rewriter.operator,
    "\\bbox": Rewriter.boxed, "\\intertext": Rewriter.between, "\\shortintertext": Rewriter.between,
    "\\substack": Rewriter.stacked, "\\hspace": Rewriter.spaced, "\\smash": Rewriter.smashed,
    "\\unicode": Rewriter.character, "\\fbox": Rewriter.boxed_words,
    "\\framebox": Rewriter.boxed_words,
    "\\enclose": lambda rewriter, reader: rewriter.without(1, reader) + "\\boxed",
    "\\eqref": lambda rewriter, reader: f"({rewriter.words(reader.argument())})",
    "\\ref": lambda rewriter, reader: rewriter.words(reader.argument()),
    "\\url": lambda rewriter, reader: rewriter.words(reader.argument(), "texttt"),
    **{f"\\{name}": _environment(name) for name in ("cases", "matrix", "pmatrix", "bmatrix")},
}  # fmt: skip


def rewrite(source: str, display: bool) -> str:
    """Say a formula in math-core's words; UnreadableFormula where it is not whole."""
    rewriter = Rewriter()
    body = rewriter.write(laid_out(parse(source)))
    if not rewriter.tag:
        return body
    star, words = rewriter.tag
    if display and not re.search(r"[$\\]", words):
        return f"\\begin{{equation*}}{body} \\tag{star}{{{words}}}\\end{{equation*}}"
    number = rewriter.words(parse(words if star else f"({words})"))
    return f"{body} \\quad {number}"
