"""Formulas as MathML, by math-core; where one cannot be read, its whole source.

math-core places cells by style attributes, which the page's policy forbids: they become classes
(static/css/prose.css) and attributes.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from html import escape

from math_core import LatexError, LatexToMathML

from chat.rendering.formulas.rewrite import MACROS, rewrite
from chat.rendering.formulas.tree import UnreadableFormula

logger = logging.getLogger(__name__)

PANIC = "PanicException"  # what a panic in Rust is here: no Exception, and nowhere to import from
LONGEST_FORMULA = 4_000  # characters; MathML may be fifty times as long
EXPANSIONS = 300  # uses of macros in one formula
CONVERTER = LatexToMathML(
    macros=MACROS, allow_unreliable_rendering=True, fancy_error=False, max_expansions=EXPANSIONS
)

STRUCK = re.compile(
    r'<menclose notation="([a-z ]+)">|</menclose>|<mrow class="menclose-\w+"></mrow>'
)
TAG = re.compile(r"(<[^>]+>)")
LINE = '<mo stretchy="true">\u0332</mo>'  # over or under
VECTOR = '<mo stretchy="false">\u20d7</mo>'  # Chromium does not centre what combines
ARROW = '<mo mathsize="0.7em" stretchy="false">→</mo>'
STYLE = re.compile(r' style="([^"]*)"')
CLASSES = {
    "text-align:left": "m-left",
    "text-align:right": "m-right",
    "padding-left:0": "m-flush-left",
    "padding-right:0": "m-flush-right",
    "padding-left:1em": "m-apart",
    "padding-top:0": "m-low",
    "border-top:0.05em solid currentcolor": "m-line-top",
    "border-top:0.05em dashed currentcolor": "m-dashes-top",
    "border-left:0.05em solid currentcolor": "m-line-left",
    "border-left:0.05em dashed currentcolor": "m-dashes-left",
    "border-right:0.05em solid currentcolor": "m-line-right",
    "border-right:0.05em dashed currentcolor": "m-dashes-right",
    "padding-top:0.1667em": "m-strut",
    "width:100%": "m-wide",
    "width:50%": "m-margin",
    "width:7.5%": "m-indent",
}
BACK = "margin-left:-"  # a negative space
STEPS = (1, 2, 3, 4, 5, 9, 18)  # in eighteenths of an em, as TeX counts


@lru_cache(maxsize=256)
def formula_html(source: str, display: bool) -> str:
    """Write a formula as MathML, or as the code that it is."""
    source = source.strip()
    try:
        formula = _mathml(source, display)
    except (LatexError, UnreadableFormula):
        formula = source_html(source)
    except BaseException as error:
        if type(error).__name__ != PANIC:
            raise
        logger.warning("a formula broke math-core: %s", error)
        formula = source_html(source)
    return f'<span class="math{" math--display" if display else ""}">{formula}</span>'


def source_html(source: str) -> str:
    """Write the source of a formula that cannot be shown."""
    return f"<code>{escape(source)}</code>"


def _mathml(source: str, display: bool) -> str:
    if len(source) > LONGEST_FORMULA:
        raise UnreadableFormula("too long")
    body = rewrite(source, display)
    written = CONVERTER.convert_with_local_state(body, displaystyle=display)
    styled = STRUCK.sub(_struck, STYLE.sub(_styled, written))
    return _lined(styled.replace(VECTOR, ARROW))


def _lined(formula: str) -> str:
    """Draw lines over and under as borders: their glyphs sit beside the letters in some fonts."""
    pieces = TAG.split(formula)
    openings: list[int] = []
    for at, piece in enumerate(pieces):
        if piece.startswith(("<mover", "<munder")):
            openings.append(at)
        elif piece in ("</mover>", "</munder>", "</munderover>"):
            opening = openings.pop()
            if "".join(pieces[at - 4 : at]) == LINE:
                side = "over" if piece == "</mover>" else "under"
                pieces[opening] = f'<mrow class="m-{side}line">'
                pieces[at - 4 : at + 1] = ["", "", "", "", "</mrow>"]
    return "".join(pieces)


def _struck(found: re.Match[str]) -> str:
    """Write what is struck out or framed as a row with classes: menclose is not in MathML Core."""
    if found[1]:
        return f'<mrow class="{" ".join(f"m-{name}" for name in found[1].split())}">'
    return "</mrow>" if found[0].startswith("</") else ""


def _styled(found: re.Match[str]) -> str:
    """Say a style in classes and attributes; what has none is dress that may be left out."""
    classes, attributes = [], ""
    for declaration in found[1].split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "color":
            attributes += f' mathcolor="{value}"'
        elif declaration.startswith(BACK):
            classes.append(_back(value))
        elif f"{name}:{value}" in CLASSES:
            classes.append(CLASSES[f"{name}:{value}"])
    return (f' class="{" ".join(classes)}"' if classes else "") + attributes


def _back(value: str) -> str:
    """Give the class of the nearest step back."""
    eighteenths = abs(float(value.rstrip("rem"))) * 18
    return f"m-back-{min(STEPS, key=lambda step: abs(step - eighteenths))}"
