"""Fences as models write them: a README inside a fence holds fences of its own.

Their signs are as long as the outer one's, so by CommonMark the first inner fence would end the
outer. A sign with a language behind it can only open: it is taken to, and the fence with the most
in it that is plausible is read.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

from chat.rendering.places import failed, line_of, may_try, undecided

SIGN = re.compile(r"(`{3,}|~{3,})[ \t]*(.*)")
LANGUAGE = re.compile(r"[\w+#.{-][^`]*")
PAGES = {"markdown", "md", "mdx", "readme", "qmd", "rmd"}  # these hold fences as a rule


def fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Apply a block rule in the place of markdown-it's."""
    if state.is_code_block(start) or not (found := SIGN.fullmatch(line_of(state, start))):
        return False
    sign, information = found[1], found[2]
    if sign[0] == "`" and "`" in information:
        return False
    if silent:
        return True
    last, closed = _last_line(state, start, end, sign, information)
    state.line = last + closed
    token = state.push("fence", "code", 0)
    token.info = information
    token.markup = sign
    token.content = state.getLines(start + 1, last, state.sCount[start], True)
    token.map = [start, state.line]
    return True


def _last_line(
    state: StateBlock, start: int, end: int, sign: str, information: str
) -> tuple[int, bool]:
    """Give the line behind the content, and whether it is the closing sign."""
    is_page = (information.split() or [""])[0].lower() in PAGES
    inner: list[int] = []  # the signs of the fences that are open inside
    first = None  # the first sign that could close: CommonMark's choice
    guessed, nests = False, may_try(state)
    for number in range(start + 1, end):
        if not state.isEmpty(number) and state.sCount[number] < state.blkIndent:
            end = number
            break
        found = None if state.is_code_block(number) else SIGN.fullmatch(line_of(state, number))
        if not found or found[1][0] != sign[0] or len(found[1]) < len(sign):
            continue
        if found[2]:
            if nests and LANGUAGE.fullmatch(found[2]):
                inner.append(len(found[1]))
            continue
        first = number if first is None else first
        if inner and len(found[1]) >= inner[-1]:
            inner.pop()
        elif nests and not inner and is_page and _opens(state, number, end):
            guessed = True
            inner.append(len(found[1]))
        elif not inner:
            return number, True
    if first is None or (is_page and not guessed):
        return end, False
    failed(state)
    if end == len(state.bMarks) - 1:
        undecided(state, start)
    return first, True


def _opens(state: StateBlock, number: int, end: int) -> bool:
    """Tell whether a sign without a language looks like an opening one: text only below it."""
    below = number + 1 < end and not state.isEmpty(number + 1)
    return below and state.isEmpty(number - 1) and not SIGN.match(line_of(state, number + 1))


def fence_plugin(md: MarkdownIt) -> None:
    """Read fences inside fences."""
    md.block.ruler.at("fence", fence, {"alt": ["paragraph", "reference", "blockquote", "list"]})
