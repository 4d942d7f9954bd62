r"""Where math stands in Markdown as models write it: `$..$`, `$$..$$`, `\(..\)` and `\[..\]`.

The inline dollar rule is the dollarmath plugin's. The rules here add brackets, and let a display
formula interrupt a paragraph: inside it a line that starts with "- " or "+ " is no list.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.dollarmath import dollarmath_plugin

INLINE = {"\\(": ("\\)", "math_inline"), "\\[": ("\\]", "math_inline_double")}
BLOCK = {"$$": "$$", "\\[": "\\]"}


def math_plugin(md: MarkdownIt) -> None:
    """Make `math_inline`, `math_inline_double` and `math_block` tokens."""
    dollarmath_plugin(
        md, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True
    )
    md.block.ruler.at("math_block", math_block, {"alt": ["paragraph", "blockquote", "list"]})
    md.inline.ruler.before("escape", "math_brackets", math_brackets)


def math_brackets(state: StateInline, silent: bool) -> bool:
    """Apply an inline rule: `\\(..\\)` and `\\[..\\]` within a paragraph."""
    opener = state.src[state.pos : state.pos + 2]
    if opener not in INLINE:
        return False
    closer, kind = INLINE[opener]
    end = state.src.find(closer, state.pos + 2)
    if end <= state.pos + 2:
        return False
    if not silent:
        token = state.push(kind, "math", 0)
        token.content = state.src[state.pos + 2 : end]
    state.pos = end + 2
    return True


def math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Apply a block rule: from an opening line to a closing one, without a blank line between."""
    if state.is_code_block(start):
        return False
    opener = _line(state, start)[:2]
    if opener not in BLOCK:
        return False
    for last in range(start, end):
        line = _line(state, last)
        if not line or (last > start and state.sCount[last] < state.blkIndent):
            return False
        if line.endswith(BLOCK[opener]) and (last > start or len(line) > 4):
            break
    else:
        return False
    if silent:
        return True
    token = state.push("math_block", "math", 0)
    token.content = "\n".join(_line(state, n) for n in range(start, last + 1))[2:-2]
    token.block = True
    token.map = [start, last + 1]
    state.line = last + 1
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()
