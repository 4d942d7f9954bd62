r"""Environments that math-core does not know, in those that it knows.

An equation gets the number that its author gave it with \tag, and no other: numbers that started
anew with every formula would mislead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from chat.rendering.formulas.tree import Environment, Node, Reader, source_of

ROW_ENDS = ("\\\\", "\\cr", "\\newline")
COLUMNS = re.compile(r"[lcr|:]")
REPEATED = re.compile(r"\*\s*\{(\d{1,2})\}\s*\{([^{}]*)\}")
BETWEEN = re.compile(r"[@!<>]\s*\{(?:[^{}]|\{[^{}]*\})*\}")
WIDE = re.compile(r"[pmbX]\s*\{[^{}]*\}|X")
BRACKETS = {"": "..", "p": "()", "b": "[]", "B": "\\{\\}", "v": "||", "V": "\\|\\|"}


class Writer(Protocol):
    """What a rule needs of whoever writes the formula."""

    def write(self, nodes: Sequence[Node]) -> str:
        """Write nodes in a row."""

    def write_rows(self, nodes: Sequence[Node]) -> str:
        """Write the rows of an environment that numbers them itself."""

    def words(self, nodes: Sequence[Node], command: str = "text") -> str:
        """Write words, and the formulas among them."""


Rule = Callable[[Writer, Environment], str]


def laid_out(nodes: Sequence[Node]) -> Sequence[Node]:
    """Put rows that stand in no environment into one."""
    nodes = _without_last_end(nodes)
    if "&" in nodes:
        return [Environment("aligned", list(nodes))]
    if any(end in nodes for end in ROW_ENDS):
        return [Environment("gathered", list(nodes))]
    return nodes


def rows_of(nodes: Sequence[Node]) -> list[list[list[Node]]]:
    """Cut the content of an environment into rows of cells."""
    reader = Reader(_without_last_end(nodes))
    rows: list[list[list[Node]]] = [[[]]]
    for node in reader:
        if node in ROW_ENDS:
            reader.skip_distance()
            rows.append([[]])
        elif node == "&":
            rows[-1].append([])
        else:
            rows[-1][-1].append(node)
    return rows


def _without_last_end(nodes: Sequence[Node]) -> Sequence[Node]:
    end = len(nodes)
    while end and (nodes[end - 1] in ROW_ENDS or str(nodes[end - 1]).isspace()):
        end -= 1
    return nodes[:end]


def _without_place(nodes: Sequence[Node]) -> Sequence[Node]:
    """Leave out [t], [c] or [b]: where the rows stand on the line."""
    reader = Reader(nodes)
    option = reader.option()
    return reader.rest() if option is not None and option.strip() in ("t", "c", "b") else nodes


def _rows(named: str, numbered: str, arguments: int = 0) -> Rule:
    """Make the rule of an environment of rows; with \\tag it is the one that shows numbers."""

    def rule(writer: Writer, environment: Environment) -> str:
        reader = Reader(_without_place(environment.nodes))
        for _ in range(arguments):
            reader.argument()
        nodes = _without_last_end(reader.rest())
        if numbered and "\\tag" in nodes:
            body = _even_rows(writer, nodes)
            return f"\\begin{{{numbered}}}{body}\\end{{{numbered}}}"
        return f"\\begin{{{named}}}{writer.write(nodes)}\\end{{{named}}}"

    return rule


def _even_rows(writer: Writer, nodes: Sequence[Node]) -> str:
    """Write rows with as many cells each: numbers stand behind the last one."""
    rows = rows_of(nodes)
    most = max(map(len, rows))
    written = (
        " & ".join(map(writer.write_rows, [*cells, *[[]] * (most - len(cells))])) for cells in rows
    )
    return " \\\\ ".join(written)


def as_it_is(writer: Writer, environment: Environment) -> str:
    """Write an environment that math-core knows, or refuses."""
    body = writer.write(_without_last_end(environment.nodes))
    return f"\\begin{{{environment.name}}}{body}\\end{{{environment.name}}}"


def _inner(writer: Writer, environment: Environment) -> str:
    return writer.write(laid_out(environment.nodes))


def _equations(writer: Writer, environment: Environment) -> str:
    """Write eqnarray: its sign of relation has a column of its own."""
    rows = [_equation(writer, cells) for cells in rows_of(environment.nodes)]
    body = " \\\\ ".join(rows)
    return f"\\begin{{aligned}}{body}\\end{{aligned}}"


def _equation(writer: Writer, cells: Sequence[Sequence[Node]]) -> str:
    left, *right = map(writer.write, cells)
    return f"{left} & {' '.join(right)}" if right else left


def _matrix(brackets: str, aligned: bool) -> Rule:
    """Make the rule of pmatrix*[r] and its kin, or of a small matrix."""
    opening, closing = brackets[: len(brackets) // 2], brackets[len(brackets) // 2 :]

    def rule(writer: Writer, environment: Environment) -> str:
        reader = Reader(environment.nodes)
        column = (reader.option() or "c").strip() if aligned else "c"
        rows = rows_of(reader.rest())
        name = "array" if aligned else "subarray"
        columns = column[:1] * max(map(len, rows))
        inner = " \\\\ ".join(" & ".join(map(writer.write, cells)) for cells in rows)
        array = f"\\begin{{{name}}}{{{columns}}}{inner}\\end{{{name}}}"
        return f"\\left{opening}{array}\\right{closing}"

    return rule


def _array(writer: Writer, environment: Environment) -> str:
    """Write array: of its columns math-core knows where they stand, and lines between them."""
    reader = Reader(_without_place(environment.nodes))
    columns = _columns(source_of(reader.argument()))
    body = writer.write(_lines(_without_last_end(reader.rest())))
    return f"\\begin{{array}}{{{columns}}}{body}{_last_line(body, columns)}\\end{{array}}"


def _tabular(writer: Writer, environment: Environment) -> str:
    """Write a table of words as an array."""
    reader = Reader(_without_place(environment.nodes))
    columns = _columns(source_of(reader.argument()))
    rows = [
        " & ".join(_cell(writer, cell) for cell in row) for row in rows_of(_lines(reader.rest()))
    ]
    body = " \\\\ ".join(rows)
    return f"\\begin{{array}}{{{columns}}}{body}{_last_line(body, columns)}\\end{{array}}"


def _last_line(body: str, columns: str) -> str:
    """Draw a last line below all columns: it is the upper edge of a row without content."""
    ends_so = body.rstrip().endswith("\\hline")
    return " &" * (len(re.findall("[lcr]", columns)) - 1) if ends_so else ""


def _cell(writer: Writer, nodes: Sequence[Node]) -> str:
    lines = "\\hline " * nodes.count("\\hline")
    words = [node for node in nodes if node != "\\hline"]
    while words and str(words[0]).isspace():
        words.pop(0)
    return lines + (writer.words(words) if words else "")


def _columns(specification: str) -> str:
    plain = WIDE.sub("l", BETWEEN.sub("", specification))
    repeated = REPEATED.sub(lambda found: found[2] * int(found[1]), plain)
    return "".join(COLUMNS.findall(repeated)).replace("||", "|") or "l"


def _lines(nodes: Sequence[Node]) -> list[Node]:
    """Make booktabs' lines plain ones; math-core takes one line between two rows."""
    kept: list[Node] = []
    for node in nodes:
        line = "\\hline" if node in ("\\toprule", "\\midrule", "\\bottomrule") else node
        last = next((known for known in reversed(kept) if not str(known).isspace()), None)
        if line != "\\hline" or last != "\\hline":
            kept.append(line)
    return kept


ENVIRONMENTS: dict[str, Rule] = {
    **{name: _rows("aligned", "align*") for name in ("align", "align*", "flalign", "flalign*")},
    **{name: _rows("aligned", "align*", 1) for name in ("alignat", "alignat*", "xalignat")},
    **{name: _rows("gathered", "gather*") for name in ("gather", "gather*")},
    **{name: _rows("multline*", "multline*") for name in ("multline", "multline*")},
    **dict.fromkeys((
        "equation", "equation*", "displaymath", "math", "subequations", "center",
    ), _inner),
    "aligned": _rows("aligned", ""), "split": _rows("aligned", ""),
    "alignedat": _rows("aligned", "", 1), "gathered": _rows("gathered", ""),
    "multlined": _rows("gathered", ""),
    "eqnarray": _equations, "eqnarray*": _equations,
    "array": _array, "darray": _array, "tabular": _tabular,
    **{f"{kind}matrix*": _matrix(brackets, True) for kind, brackets in BRACKETS.items()},
    **{f"{kind}smallmatrix": _matrix(brackets, False) for kind, brackets in BRACKETS.items()},
}  # fmt: skip
