"""Formulas as models write them become MathML that browsers lay out, or stay whole as source."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from chat.rendering.formulas import mathml
from chat.rendering.formulas.mathml import formula_html
from chat.rendering.markdown import CLEANER, MATHML, render

CORPUS = (Path(__file__).parent / "corpus.txt").read_text(encoding="utf-8")
CHILDREN = {  # a browser shows an element with other children as an error, or as a row
    "mfrac": 2, "mover": 2, "mroot": 2, "msub": 2, "msubsup": 3, "msup": 2, "munder": 2,
    "munderover": 3,
}  # fmt: skip


def formulas() -> list[str]:
    """Every block of the corpus; lines that start with %% are headings."""
    blocks = re.sub(r"^%%.*\n", "", CORPUS, flags=re.M).split("\n\n")
    return [block.strip() for block in blocks if block.strip()]


def parsed(html: str) -> Element:
    entities = {"&ApplyFunction;": "\u2061", "&InvisibleTimes;": "\u2062"}
    for name, character in entities.items():
        html = html.replace(name, character)
    return ElementTree.fromstring(html)


def words(source: str, display: bool = True) -> str:
    """What a reader sees, letter after letter."""
    text = "".join(parsed(formula_html(source, display)).itertext())
    return re.sub(r"[\s\u2061-\u2063\ufe00-\ufe0f]", "", text)


def rows(source: str) -> list[list[str]]:
    """The cells of a formula's first table."""
    table = parsed(formula_html(source, True)).find(".//mtable")
    assert table is not None
    return [["".join(cell.itertext()).strip("\u2061") for cell in row] for row in table]


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(formulas()) >= 150
    assert len(set(formulas())) == len(formulas())


@pytest.mark.parametrize("source", formulas())
@pytest.mark.parametrize("display", [True, False], ids=["display", "inline"])
def test_formulas_that_models_write_are_laid_out(source: str, display: bool) -> None:
    html = formula_html(source, display)
    tree = parsed(html)
    assert tree.find("math") is not None, html
    shown = "".join(tree.itertext())
    assert "\\" not in shown
    assert "&" not in shown
    assert " style=" not in html
    for element in tree.iter():
        assert len(element) == CHILDREN.get(element.tag, len(element)), element.tag
        if element.tag in MATHML:
            assert set(element.attrib) <= MATHML[element.tag], element.tag


@pytest.mark.parametrize("source", formulas())
def test_the_sanitiser_takes_nothing_away(source: str) -> None:
    html = formula_html(source, True)
    clean = CLEANER.clean(html).replace(' dir="ltr"', "")
    open_and_closed = re.sub(r"<(\w+)([^>]*)/>", r"<\1\2></\1>", html)
    assert re.findall(r"<[^>]+>", clean) == re.findall(r"<[^>]+>", open_and_closed)


@pytest.mark.parametrize("source", formulas())
def test_rows_are_rows(source: str) -> None:
    lines = source.count("\\\\ ") + source.count("\\\\\n") + source.count("\\\\[")
    if lines:
        assert formula_html(source, True).count("<mtr>") > lines - 1


@pytest.mark.parametrize(
    "source",
    ["\\frac{a}", "\\left( x", "\\begin{aligned} a &= b", "x^", "x_", "{x", "x}", "\\sqrt", "a \\",
     "\\ce{H2O", "\\text{where $x", "\\end{align}", "\\begin{align} a \\end{gather}",
     "\\mathbb", "\\begin{pmatrix} 1 & 2", "\\right)", "x^2^3", "\\undefined{x}", "a & b \\right)",
     "\\begin{tikzpicture} x \\end{tikzpicture}", "{" * 300 + "x" + "}" * 300, "x" * 9_000,
     "\\def\\a{\\a\\a}\\a", "\\unicode{x}", "\\newcommand{\\a}[x]{b}", "$x$", "#1", "\\rule{1em}"],
)  # fmt: skip
def test_half_a_formula_is_never_shown(source: str) -> None:
    tree = parsed(formula_html(source, True))
    assert tree.find(".//math") is None
    assert [element.tag for element in tree.iter()] == ["span", "code"]
    assert "".join(tree.itertext()) == source


def test_every_beginning_of_a_formula_is_formula_or_source() -> None:
    for source in formulas():
        for length in range(1, len(source)):
            beginning = source[:length].strip()
            html = formula_html(beginning, True)
            whole = "<math" in html and "\\" not in "".join(parsed(html).itertext())
            assert whole or beginning in unescape(html)


def test_a_remark_is_left_out_and_per_cent_is_not() -> None:
    assert words("% first\nx") == "x"
    assert words("x % the unknown\n+ y") == "x+y"
    assert words("50% + 20% = 70%") == "50%+20%=70%"
    assert words("\\text{50% of all}") == "50%ofall"


def test_only_the_numbers_that_were_given_are_shown() -> None:
    assert words("\\begin{align} a &= b \\\\ c &= d \\end{align}") == "a=bc=d"
    assert words("\\begin{align} a &= b \\tag{2.1} \\\\ c &= d \\end{align}") == "a=b(2.1)c=d"
    assert words("\\begin{equation} E \\tag{5} \\label{e} \\end{equation}") == "E(5)"
    assert words("\\tag*{main} x = y") == "x=ymain"
    assert words("x \\tag{7}", display=False) == "x(7)"


@pytest.mark.parametrize(
    ("source", "cells"),
    [
        ("\\begin{eqnarray} a &=& b \\\\ c &=& d \\end{eqnarray}", [["a", "=b"], ["c", "=d"]]),
        ("\\begin{alignat}{2} a &= b & c &= d \\end{alignat}", [["a", "=b", "c", "=d"]]),
        ("\\begin{aligned}[t] x &= 1 \\\\[1em] y &= 2 \\end{aligned}", [["x", "=1"], ["y", "=2"]]),
        ("a \\\\ b \\\\", [["a"], ["b"]]),
        ("a &= b \\\\ c &= d", [["a", "=b"], ["c", "=d"]]),
        ("\\substack{a \\\\ b}", [["a"], ["b"]]),
        ("\\begin{pmatrix*}[r] 1 & 2 \\\\ 3 & 4 \\end{pmatrix*}", [["1", "2"], ["3", "4"]]),
        ("\\cases{a & b \\cr c & d}", [["a", "b"], ["c", "d"]]),
        ("\\begin{array}{@{}l@{}p{2cm}} a & b \\end{array}", [["a", "b"]]),
        ("\\begin{array}{*{2}{c}} a & b \\end{array}", [["a", "b"]]),
    ],
)  # fmt: skip
def test_environments_have_their_cells(source: str, cells: list[list[str]]) -> None:
    assert rows(source) == cells


def test_numbers_stand_behind_the_longest_row() -> None:
    cells = rows("\\begin{align} a &= b && c \\\\ d &= e \\tag{1} \\end{align}")
    assert [len(row) for row in cells] == [6, 6]
    assert cells[1][-1] == "(1)"


def test_columns_are_aligned_by_classes() -> None:
    html = formula_html("\\begin{aligned} a &= b \\end{aligned}", True)
    assert '<mtd class="m-right m-flush-right">' in html
    assert '<mtd class="m-left m-flush-left">' in html


def test_words_hold_formulas() -> None:
    assert words("\\text{where $x_1$ is \\textbf{bold}, R&D, CO_2 and \\(y\\)}") == (
        "wherex1isbold,R&D,CO_2andy"
    )
    assert "<msub><mi>x</mi>" in formula_html("\\text{$x_1$}", True)


def test_what_is_defined_in_a_formula_holds_in_it() -> None:
    assert words("\\newcommand{\\R}{\\mathbb{S}} \\R") == "𝕊"
    assert words("\\renewcommand{\\vec}[1]{\\mathbf{#1}} \\vec{x}") == "𝐱"
    assert words("\\R") == "ℝ"


def test_a_colour_without_a_name_leaves_what_it_colours() -> None:
    assert 'mathcolor="#FF0000"' in formula_html("\\textcolor{red}{x}", True)
    assert words("\\textcolor{#123456}{x} + \\color[rgb]{1,0,0} y") == "x+y"


def test_money_percent_and_code_do_not_become_other_signs() -> None:
    assert words("\\$5 + 3\\%") == "$5+3%"


@pytest.mark.parametrize("text", ["$x^2$", "\\(x^2\\)", "$$x^2$$", "\\[x^2\\]"])
def test_formulas_run_left_to_right(text: str) -> None:
    assert 'dir="ltr"><msup><mi>x</mi><mn>2</mn></msup>' in render(text)


def test_a_panic_of_the_library_shows_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    panic = type("PanicException", (BaseException,), {})

    def breaks(source: str, *, displaystyle: bool) -> str:
        raise panic("index out of bounds")

    monkeypatch.setattr(mathml, "CONVERTER", SimpleNamespace(convert_with_local_state=breaks))
    assert "<code>panic^2</code>" in mathml.formula_html("panic^2", False)
