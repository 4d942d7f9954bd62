"""Rules for words and blocks: bare links, emphasis beside CJK, line breaks, depth, direction."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

LONGEST_SCHEME = len("https") + 1
SCHEME = re.compile(r"(?:^|[^A-Za-z0-9+.-])(https?)$", re.IGNORECASE)
CJK_MARKS = "\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65“”‘’…"
CJK_LETTERS = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
HOST = rf"(?:(?![{CJK_LETTERS}_])[\w])"  # words in these scripts follow an address without a space
ADDRESS = re.compile(
    rf"://(?:[\w.~%-]+@)?(?:{HOST}(?:(?:{HOST}|[.-])*{HOST})?|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?"
    rf"(?:[/?#](?:(?!\*\*|~~)[^\s<>\"`\\{CJK_MARKS}])*)?"
)
PUNCTUATION = "?!.,:;*_~'\""
BRACKETS = {")": "(", "]": "[", "}": "{"}

DEEPEST = 60  # levels of blocks; a list has two. What lies deeper is shown as it was written.
WRAPPED = 60  # columns: where all lines but the last are full, an editor broke them
SENTENCE_END = (".", "!", "?", ":", ";", "。", "！", "？", "：", "；", "…")


def text_plugin(md: MarkdownIt) -> None:
    """Apply all rules of this module."""
    md.block.ruler.before("table", "too_deep", too_deep)
    md.inline.ruler.before("newline", "bare_link", bare_link)
    md.core.ruler.after("inline", "line_breaks", line_breaks)
    md.core.ruler.after("line_breaks", "direction", direction)


class CjkState(StateInline):
    """Emphasis beside Chinese, Japanese and Korean, which put no spaces between words.

    The rule is markdown-cjk-friendly's: beside such a character a run of asterisks may open and
    close. CommonMark lets punctuation decide, and a bold that ends with a bracket fails.
    """

    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        scanned = super().scanDelims(start, canSplitWord)
        before = _character_before(self.src, start)
        after = self.src[start + scanned.length : start + scanned.length + 1]
        if not canSplitWord or not before.strip() or not after.strip():
            return scanned
        if is_cjk(before) or is_cjk(after):
            return Scanned(True, True, scanned.length)
        return scanned


class CjkInline(ParserInline):
    """Parses words with `CjkState`."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        state = CjkState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def is_cjk(character: str) -> bool:
    """Tell whether this is a character of East Asian writing, or its punctuation; no emoji."""
    code = ord(character)
    if code < 0x2E80:
        return 0x1100 <= code <= 0x11FF  # Hangul's single letters
    return not 0x1F000 <= code <= 0x1FAFF and unicodedata.east_asian_width(character) in "WFH"


def _character_before(text: str, at: int) -> str:
    """Give the character before, past what only chooses its form."""
    while at > 0 and (
        0xFE00 <= ord(text[at - 1]) <= 0xFE0E or 0xE0100 <= ord(text[at - 1]) <= 0xE01EF
    ):
        at -= 1
    return text[at - 1] if at > 0 else " "


def bare_link(state: StateInline, silent: bool) -> bool:
    """Apply an inline rule: an address that nothing marks as a link."""
    if state.src[state.pos] != ":" or state.linkLevel > 0 or silent:
        return False
    scheme = SCHEME.search(state.pending[-LONGEST_SCHEME:])
    found = ADDRESS.match(state.src, state.pos, state.posMax)
    if not scheme or not found:
        return False
    rest = _without_trailing(found[0])
    address = state.md.normalizeLink(scheme[1] + rest)
    if not state.md.validateLink(address):
        return False
    state.pending = state.pending[: -len(scheme[1])]
    state.push("link_open", "a", 1).attrs = {"href": address}
    state.push("text", "", 0).content = scheme[1] + rest
    state.push("link_close", "a", -1)
    state.pos += len(rest)
    return True


def _without_trailing(address: str) -> str:
    """Cut what belongs to the sentence: punctuation, and brackets that were opened before."""
    while True:
        last = address[-1]
        closes = last in BRACKETS and address.count(last) > address.count(BRACKETS[last])
        if last not in PUNCTUATION and not closes:
            return address
        address = address[:-1]


def too_deep(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Apply a block rule: what is nested too deeply is words; markdown-it would drop it."""
    if silent or state.level < DEEPEST:
        return False
    state.push("paragraph_open", "p", 1).map = [start, end]
    words = state.push("inline", "", 0)
    words.content = state.getLines(start, end, state.blkIndent, False).strip()
    words.map, words.children = [start, end], []
    state.push("paragraph_close", "p", -1)
    state.line = end
    return True


def line_breaks(state: StateCore) -> None:
    """Break lines where the text does: in poems and addresses, not where an editor wrapped."""
    for token in state.tokens:
        if token.type == "inline" and token.children and not is_wrapped(token.content):
            _break_lines(token.children)


def _break_lines(children: list[Token]) -> None:
    beside = [None, *children, None]
    for before, token, after in zip(beside, children, beside[2:], strict=False):
        kinds = {near.type for near in (before, after) if near}
        if token.type == "softbreak" and not kinds & {"hardbreak", "math_inline_double"}:
            token.type = "hardbreak"


def is_wrapped(text: str) -> bool:
    """Tell whether lines were broken only because they were full."""
    lines = [line.strip() for line in text.split("\n")]
    widest = max(map(_width, lines))
    full = all(_is_full(line, following, widest) for line, following in pairwise(lines))
    return full and not all(line.endswith(SENTENCE_END) for line in lines[:-1])


def _is_full(line: str, following: str, widest: int) -> bool:
    """Tell whether the next word would not have fitted, or the line is long anyway."""
    if _width(line) >= WRAPPED or widest < WRAPPED:
        return _width(line) >= WRAPPED
    word = following[:1] if is_cjk(following[:1] or " ") else following.split(" ")[0]
    return _width(line) + 1 + _width(word) > widest


def _width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def direction(state: StateCore) -> None:
    """Let each block run in the direction of its first words; what is inside it follows."""
    for token in state.tokens:
        if token.level == 0 and token.nesting == 1:
            token.attrSet("dir", "auto")


def words_of(token: Token) -> str:
    """Give the words of an item, as a name for its checkbox."""
    words = (" " if child.tag == "br" else child.content for child in token.children or [])
    return "".join(words).strip()
