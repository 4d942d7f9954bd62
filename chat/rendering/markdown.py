"""What a model wrote, as HTML that is safe to show: Markdown first, the sanitiser last.

`MarkdownStream` renders a text that is still growing: blocks that are finished are given out once,
only the open one is rendered again. Together they are what `render` makes of the whole text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import nh3
from latex2mathml import converter
from latex2mathml import exceptions as latex_exceptions
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from chat.rendering.mathrules import BLOCK, math_plugin
from common.text import clean

LONGEST_CODE = 50_000  # characters; longer code is shown without colours
LONGEST_FORMULA = 2_000

FUNCTION_NAME = re.compile(r"<mi>([a-z]{2,})</mi>")  # log, sin: as letters they stick together
SPACED = r'<mo form="prefix" lspace="0.17em" rspace="0.17em">\1</mo>'
LATEX_ERRORS: tuple[type[Exception], ...] = (
    *(value for value in vars(latex_exceptions).values() if isinstance(value, type)),
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    StopIteration,
    TypeError,
    ValueError,
)

MATHML = {
    "math": {"display", "xmlns"},
    "menclose": {"notation"},
    "mfrac": {"linethickness"},
    "mi": {"mathvariant"},
    "mn": {"mathvariant"},
    "mo": {"fence", "form", "lspace", "maxsize", "minsize", "movablelimits", "rspace",
           "separator", "stretchy", "symmetric", "accent"},
    "mover": {"accent"},
    "mpadded": {"depth", "height", "lspace", "voffset", "width"},
    "mphantom": set(),
    "mroot": set(),
    "mrow": set(),
    "mspace": {"depth", "height", "linebreak", "width"},
    "msqrt": set(),
    "mstyle": {"displaystyle", "mathvariant", "scriptlevel"},
    "msub": set(),
    "msubsup": set(),
    "msup": set(),
    "mtable": {"columnalign", "columnlines", "columnspacing", "displaystyle", "frame", "rowlines",
               "rowspacing"},
    "mtd": {"columnalign"},
    "mtext": {"mathvariant"},
    "mtr": set(),
    "munder": {"accentunder"},
    "munderover": set(),
}  # fmt: skip
PLAIN_TAGS = (
    "blockquote", "br", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "pre",
    "s", "strong", "table", "tbody", "thead", "tr", "ul",
)  # fmt: skip
HTML: dict[str, set[str]] = {
    "a": {"href", "title"},
    "button": {"class", "type", "data-copy"},
    "code": {"class"},
    "div": {"class"},
    "ol": {"start"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
    **{tag: set() for tag in PLAIN_TAGS},
}
CLEANER = nh3.Cleaner(
    tags=set(HTML) | set(MATHML),
    attributes=HTML | MATHML,
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={"a": {"target": "_blank"}, "button": {"type": "button"}},
)
FORMATTER = HtmlFormatter(nowrap=True)


def render(text: str) -> str:
    """Render the whole text as safe HTML."""
    return CLEANER.clean(PARSER.render(_normal(text)))


class MarkdownStream:
    """Renders a text that comes in pieces."""

    def __init__(self) -> None:
        self._open = ""

    def feed(self, text: str) -> tuple[str, str]:
        """(HTML of the blocks that this finished, HTML of the block that is still open)."""
        self._open += _normal(text)
        cut = open_block_start(self._open)
        finished, self._open = self._open[:cut], self._open[cut:]
        return (render(finished) if finished else ""), render(self._open)


def open_block_start(text: str) -> int:
    """Give the offset of the last top-level block: nothing that follows can change what lies
    before.

    Only whole lines count: "***" may become a rule or bold text. A display formula that has not
    been closed may yet swallow the blocks after its opening line.
    """
    whole = text[: text.rfind("\n") + 1]
    lines = whole.split("\n")
    starts = _block_starts(whole)
    if not starts:
        return 0
    last = starts[-1]
    for number in itertools.takewhile(lambda n: lines[n].strip(), range(len(lines) - 2, -1, -1)):
        if lines[number].lstrip()[:2] in BLOCK:
            last = min(last, max((s for s in starts if s <= number), default=0))
    return sum(len(line) + 1 for line in lines[:last])


def _block_starts(text: str) -> list[int]:
    """The line numbers at which top-level blocks start."""
    tokens: list[Token] = []
    PARSER.block.parse(text, PARSER, {}, tokens)
    return [token.map[0] for token in tokens if token.level == 0 and token.map]


def _normal(text: str) -> str:
    return clean(text.replace("\r", ""))


def code_html(code: str, language: str) -> str:
    """Render a block of code with its language, a copy button and colours."""
    name = escapeHtml(language)
    button = '<button class="code__copy" type="button" data-copy>Copy</button>'
    return (
        f'<div class="code"><div class="code__bar"><span>{name or "text"}</span>{button}</div>'
        f"<pre><code>{_coloured(code, language)}</code></pre></div>\n"
    )


@lru_cache(maxsize=256)
def _coloured(code: str, language: str) -> str:
    if not language or len(code) > LONGEST_CODE:
        return escapeHtml(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escapeHtml(code)
    return str(highlight(code, lexer, FORMATTER))


@lru_cache(maxsize=512)
def math_html(tex: str, display: bool) -> str:
    """LaTeX as MathML; where it cannot be read (yet), its source."""
    tex = tex.strip()
    try:
        if len(tex) > LONGEST_FORMULA:
            raise ValueError("too long")
        formula = converter.convert(tex, display="block" if display else "inline")
        formula = FUNCTION_NAME.sub(SPACED, formula)
    except LATEX_ERRORS:
        formula = f"<code>{escapeHtml(tex)}</code>"
    return f'<span class="math{" math--display" if display else ""}">{formula}</span>'


def _fence(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    words = tokens[index].info.split()
    return code_html(tokens[index].content, words[0][:40] if words else "")


def _image(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A link: a picture would tell its server who reads this conversation."""
    address = escapeHtml(str(tokens[index].attrs.get("src", "")))
    return f'<a href="{address}">{escapeHtml(tokens[index].content) or "Image"}</a>'


def _math_inline(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return math_html(tokens[index].content, False)


def _math_display(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return math_html(tokens[index].content, True)


def _math_block(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f"<p>{math_html(tokens[index].content, True)}</p>\n"


def _table_open(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="table-scroll"><table>\n'


def _table_close(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _cell(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """markdown-it aligns with a style attribute, which the page's policy forbids."""
    style = str(tokens[index].attrs.get("style", ""))
    kind = f' class="{style.removeprefix("text-align:")}"' if style else ""
    return f"<{tokens[index].tag}{kind}>"


def _parser() -> MarkdownIt:
    """CommonMark with tables, strikethrough and math; raw HTML is text.

    Reference definitions are off: one that comes late would change blocks already given out.
    """
    md = MarkdownIt("commonmark", {"html": False, "maxNesting": 40})
    md.enable(["table", "strikethrough"]).disable(["reference", "html_block", "html_inline"])
    math_plugin(md)
    rules = {
        "fence": _fence, "code_block": _fence, "image": _image, "math_inline": _math_inline,
        "math_inline_double": _math_display, "math_block": _math_block, "table_open": _table_open,
        "table_close": _table_close, "th_open": _cell, "td_open": _cell,
    }  # fmt: skip
    for name, rule in rules.items():
        md.add_render_rule(name, rule)
    return md


PARSER = _parser()
