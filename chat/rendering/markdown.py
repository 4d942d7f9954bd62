"""What a model wrote, as HTML that is safe to show: Markdown first, the sanitiser last.

`MarkdownStream` renders a text that is still growing: blocks that are finished are given out once,
only the open one is rendered again. Together they are what `render` makes of the whole text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from chat.rendering.fencerules import fence_plugin
from chat.rendering.formulas.mathml import formula_html, source_html
from chat.rendering.mathrules import math_plugin
from chat.rendering.places import GROWS, UNDECIDED, places_plugin
from chat.rendering.tagrules import PAIRS, tag_plugin
from chat.rendering.textrules import DEEPEST, CjkInline, text_plugin, words_of
from common.text import clean

LONGEST_CODE = 50_000  # characters; longer code is shown without colours
LONGEST_NAME = 200  # characters that name a checkbox

MATHML_ANYWHERE = {"class", "displaystyle", "mathcolor", "mathsize", "scriptlevel"}
MATHML_OWN = {
    "math": {"display"},
    "mfrac": {"linethickness"},
    "mi": {"mathvariant"},
    "mo": {"form", "lspace", "maxsize", "minsize", "movablelimits", "rspace", "stretchy",
           "symmetric"},
    "mover": {"accent"},
    "mpadded": {"depth", "height", "lspace", "voffset", "width"},
    "mspace": {"depth", "height", "width"},
    "munder": {"accentunder"},
    "munderover": {"accent", "accentunder"},
    **{tag: set() for tag in (
        "mmultiscripts", "mn", "mphantom", "mprescripts", "mroot", "mrow", "msqrt", "mstyle",
        "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr",
    )},
}  # fmt: skip
MATHML = {tag: own | MATHML_ANYWHERE for tag, own in MATHML_OWN.items()}
BLOCKS = ("blockquote", "details", "h1", "h2", "h3", "h4", "h5", "h6", "p", "table", "ul")
PLAIN_TAGS = ("br", "hr", "pre", "summary", "tbody", "thead", "tr", *PAIRS)
HTML: dict[str, set[str]] = {
    "a": {"href", "title"},
    "button": {"class", "type", "data-copy"},
    "code": {"class"},
    "div": {"class"},
    "input": {"aria-label", "checked"},
    "li": {"class"},
    "ol": {"dir", "start"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
    **{tag: {"dir"} for tag in BLOCKS},
    **{tag: set() for tag in PLAIN_TAGS},
}
CLEANER = nh3.Cleaner(
    tags=set(HTML) | set(MATHML),
    attributes=HTML | MATHML,
    url_schemes={"http", "https", "mailto"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
    set_tag_attribute_values={
        "a": {"target": "_blank"},
        "button": {"type": "button"},
        "code": {"dir": "ltr"},  # whatever the direction of the words round it
        "input": {"type": "checkbox", "disabled": ""},
        "math": {"dir": "ltr"},
        "pre": {"dir": "ltr"},
    },
)
FORMATTER = HtmlFormatter(nowrap=True)


def render(text: str, grows: bool = True) -> str:
    """Render a text as safe HTML; `grows` is false where more of it follows elsewhere."""
    return CLEANER.clean(PARSER.render(_normal(text), {GROWS: grows}))


class MarkdownStream:
    """Renders a text that comes in pieces."""

    def __init__(self) -> None:
        self._open = ""

    def feed(self, text: str) -> tuple[str, str]:
        """(HTML of the blocks that this finished, HTML of the block that is still open)."""
        self._open += _normal(text)
        cut = open_block_start(self._open)
        finished, self._open = self._open[:cut], self._open[cut:]
        return (render(finished, grows=False) if finished else ""), render(self._open)


def open_block_start(text: str) -> int:
    """Give the offset of the last top-level block: nothing that follows can change what lies
    before.

    Only whole lines count: "***" may become a rule or bold text. Rules tell from which line on
    blocks may still be read otherwise: a fence may yet turn out to hold what comes behind it.
    """
    whole = text[: text.rfind("\n") + 1]
    tokens: list[Token] = []
    env: dict[str, Any] = {}
    PARSER.block.parse(whole, PARSER, env, tokens)
    starts = [token.map[0] for token in tokens if token.level == 0 and token.map]
    latest = env.get(UNDECIDED, len(whole))
    last = max((start for start in starts if start <= latest), default=0)
    return sum(len(line) + 1 for line in whole.split("\n")[:last])


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


def _fence(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    words = tokens[index].info.split()
    return code_html(tokens[index].content, words[0][:40] if words else "")


def _image(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A link: a picture would tell its server who reads this conversation."""
    address = escapeHtml(str(tokens[index].attrs.get("src", "")))
    return f'<a href="{address}">{escapeHtml(tokens[index].content) or "Image"}</a>'


def _math_inline(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return formula_html(tokens[index].content, False)


def _math_display(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return formula_html(tokens[index].content, True)


def _math_block(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f"<p>{formula_html(tokens[index].content, True)}</p>\n"


def _math_open(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Half a formula, as the code that it is."""
    return f'<span class="math">{source_html(tokens[index].content)}</span>'


def _math_open_block(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    source = source_html(tokens[index].content)
    return f'<p><span class="math math--display">{source}</span></p>\n'


def _table_open(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    direction = ' dir="auto"' if tokens[index].attrs.get("dir") else ""
    return f'<div class="table-scroll"><table{direction}>\n'


def _table_close(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _item(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """An item; on a checklist with a box that nobody can tick here, named by the item's words."""
    checked = tokens[index].meta.get("checked")
    if checked is None:
        return "<li>"
    words = next((words_of(token) for token in tokens[index:] if token.type == "inline"), "")
    name = escapeHtml(words[:LONGEST_NAME] or "Task")
    return f'<li class="task"><input aria-label="{name}"{" checked" if checked else ""}>'


def _cell(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """markdown-it aligns with a style attribute, which the page's policy forbids."""
    style = str(tokens[index].attrs.get("style", ""))
    kind = f' class="{style.removeprefix("text-align:")}"' if style else ""
    return f"<{tokens[index].tag}{kind}>"


def _parser() -> MarkdownIt:
    """CommonMark with tables, strikethrough, checklists, math and a few HTML tags.

    Reference definitions are off: one that comes late would change blocks already given out.
    """
    md = MarkdownIt("commonmark")
    md.inline = CjkInline()
    options = {"html": False, "maxNesting": DEEPEST + 4, "tasklists": True}
    md.configure("commonmark", options_update=options)
    md.enable(["table", "strikethrough"]).disable(["reference", "html_block", "html_inline"])
    for plugin in (places_plugin, math_plugin, fence_plugin, tag_plugin, text_plugin):
        plugin(md)
    rules = {
        "fence": _fence, "code_block": _fence, "image": _image, "math_inline": _math_inline,
        "math_inline_double": _math_display, "math_block": _math_block, "math_open": _math_open,
        "math_open_block": _math_open_block, "table_open": _table_open,
        "table_close": _table_close, "th_open": _cell, "td_open": _cell, "list_item_open": _item,
    }  # fmt: skip
    for name, rule in rules.items():
        md.add_render_rule(name, rule)
    return md


PARSER = _parser()
