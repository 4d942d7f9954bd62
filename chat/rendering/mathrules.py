r"""Where math stands in Markdown as models write it.

`$..$`, `$$..$$`, `\(..\)`, `\[..\]`, and environments such as \begin{align} without any sign round
them. The inline dollar rule is the dollarmath plugin's. A formula on lines of its own interrupts a
paragraph, may hold blank lines, and inside it a line that starts with "- " or "+ " is no list.

Half a formula is never shown as a formula, nor as Markdown: what is not closed (yet) is code.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from mdit_py_plugins.dollarmath import dollarmath_plugin

from chat.rendering.places import at_end, line_of, undecided

INLINE = {"\\(": ("\\)", "math_inline"), "\\[": ("\\]", "math_inline_double")}
CLOSERS = {"$$": "$$", "\\[": "\\]"}
BARE = re.compile(
    r"\\begin\{((?:align|alignat|flalign|gather|multline|eqnarray|equation|xalignat)\*?"
    r"|aligned|alignedat|gathered|split|multlined|array|subequations|displaymath|math"
    r"|[dr]?cases\*?|drcases|[pbBvV]?(?:small)?matrix\*?)\}"
)
TRAILING = ".,;:"  # punctuation that belongs to the sentence round a formula
WORDS = re.compile(r"\\(?:text|mbox|textbf|textit|textrm|tag|label)\s*\{[^{}]*(?:\}|$)")
PROSE = re.compile(  # three words in a row, or as much in writing without spaces
    r"\b[^\W\d_]{2,},? [^\W\d_]{2,},? [^\W\d_]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{6}"
)
NEW_BLOCK = re.compile(r"#{1,6}\s|```|~~~|>|\$\$.|\\\[|\|")
MARKS = "marks"  # in a parser's environment: (the words, where their last prose and TeX begin)
LONGEST_SPACED = 500  # characters
TEX = re.compile(r"\\[A-Za-z]|[\^_]\S")
MATH = re.compile(rf"{TEX.pattern}|[=+<>|(]")


def math_plugin(md: MarkdownIt) -> None:
    """Make `math_inline`, `math_inline_double`, `math_block` and `math_open` tokens."""
    dollarmath_plugin(
        md, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True
    )
    md.block.ruler.at("math_block", math_block, {"alt": ["paragraph", "blockquote", "list"]})
    md.inline.ruler.before("escape", "math_brackets", math_brackets)
    md.inline.ruler.after("math_brackets", "math_environment", math_environment)
    md.inline.ruler.after("math_inline", "math_spaced", math_spaced)
    md.inline.ruler.after("math_spaced", "math_open", math_open)


def math_brackets(state: StateInline, silent: bool) -> bool:
    """Apply an inline rule: `\\(..\\)` and `\\[..\\]` within a paragraph."""
    opener = state.src[state.pos : state.pos + 2]
    if opener not in INLINE:
        return False
    closer, kind = INLINE[opener]
    end = state.src.find(closer, state.pos + 2)
    if end <= state.pos + 2:
        following = state.src[state.pos + 2 : state.pos + 3]
        return end < 0 and following != "" and _open_to_the_end(state, silent)
    if not silent:
        token = state.push(kind, "math", 0)
        token.content = state.src[state.pos + 2 : end]
    state.pos = end + 2
    return True


def math_environment(state: StateInline, silent: bool) -> bool:
    r"""Apply an inline rule: \begin{pmatrix} within a paragraph."""
    if state.src[state.pos] != "\\" or not (found := BARE.match(state.src, state.pos)):
        return False
    end, _ = _closing(state.src, found.end(), found[0], f"\\end{{{found[1]}}}")
    if end < 0:
        return _open_to_the_end(state, silent)
    if not silent:
        token = state.push("math_inline_double", "math", 0)
        token.content = state.src[state.pos : end]
    state.pos = end
    return True


def math_spaced(state: StateInline, silent: bool) -> bool:
    """Apply an inline rule: `$ x^2 $`, where what is between is TeX and no words."""
    if state.src[state.pos] != "$" or state.src.startswith("$$", state.pos):
        return False
    end = state.src.find("$", state.pos + 1, state.pos + LONGEST_SPACED)
    content = state.src[state.pos + 1 : end] if end > 0 else ""
    if not TEX.search(content) or _is_prose(content) or end >= state.posMax:
        return False
    if not silent:
        state.push("math_inline", "math", 0).content = content
    state.pos = end + 1
    return True


def math_open(state: StateInline, silent: bool) -> bool:
    """Apply an inline rule: a dollar sign that has not been closed yet, before what is TeX."""
    before, after = (
        state.src[max(0, state.pos - 1) : state.pos],
        state.src[state.pos + 1 : state.pos + 2],
    )
    if state.src[state.pos] != "$" or after.isspace() or after.isdigit() or before.isalnum():
        return False
    return at_end(state) and _marks(state)[2] > state.pos and _open_to_the_end(state, silent)


def _open_to_the_end(state: StateInline, silent: bool) -> bool:
    """Show the rest of the words as code: a formula began in them and did not end."""
    prose, tex, _ = _marks(state)
    if state.posMax < len(state.src) or prose >= state.pos:
        return False
    if not at_end(state) and tex <= state.pos:
        return False
    if not silent:
        state.push("math_open", "code", 0).content = state.src[state.pos :]
    state.pos = len(state.src)
    return True


def _marks(state: StateInline) -> tuple[int, int, int]:
    """Give where the last prose, TeX and sign of math of these words begin; found once for all."""
    if state.env.get(MARKS, ("",))[0] != state.src:
        masked = WORDS.sub(lambda found: "_" * len(found[0]), state.src)
        starts = (
            max((found.start() for found in pattern.finditer(text)), default=-1)
            for pattern, text in ((PROSE, masked), (TEX, state.src), (MATH, state.src))
        )
        state.env[MARKS] = (state.src, *starts)
    _, prose, tex, sign = state.env[MARKS]
    return prose, tex, sign


def math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Apply a block rule: from an opening line to a closing one."""
    if state.is_code_block(start):
        return False
    first = line_of(state, start)
    bare = BARE.match(first)
    opener = bare[0] if bare else first[:2]
    if not bare and opener not in CLOSERS:
        return False
    closer = f"\\end{{{bare[1]}}}" if bare else CLOSERS[opener]
    if _is_prose(first[len(opener) :].split(closer)[0]):
        return False
    last, closed = _last_line(state, start, end, opener, closer)
    if last < start:
        return False
    if not closed and opener == "$$" and not _may_open(first[2:]):
        if _next_text(state, last + 1, end) == len(state.bMarks) - 1:
            undecided(state, start)
        return False
    if not silent:
        text = "\n".join(line_of(state, number) for number in range(start, last + 1))
        token = state.push("math_block" if closed else "math_open_block", "math", 0)
        token.content = _content(text, opener, closer) if closed and not bare else text
        token.block = True
        token.map = [start, last + 1]
        state.line = last + 1
    return True


def _may_open(rest: str) -> bool:
    """Tell whether dollars that nothing closes began a formula; a price range is written so too."""
    return not rest or "=" in rest or bool(TEX.search(rest))


def _last_line(
    state: StateBlock, start: int, end: int, opener: str, closer: str
) -> tuple[int, bool]:
    """Give the last line of the formula, and whether it is closed; before `start` for none.

    Whether it ever closes is decided by the lines up to there alone: a text that grows is never
    read otherwise later.
    """
    depth, last, number = 0, start, start
    while number < end:
        line = line_of(state, number)
        if not line:
            number = _next_text(state, number, end)
            if number < end and _is_another(line_of(state, number)):
                return last, False
            continue
        if number > start and state.sCount[number] < state.blkIndent:
            return last, False
        at = len(opener) if number == start else 0
        found, depth = _closing(line, at, opener, closer, depth)
        if found >= 0:
            has_more = line[found:].strip(TRAILING + " ")
            is_empty = number == start and not line[at : found - len(closer)].strip()
            return (start - 1, False) if has_more or is_empty else (number, True)
        last, number = number, number + 1
    return last, False


def _closing(text: str, at: int, opener: str, closer: str, depth: int = 0) -> tuple[int, int]:
    """Give the offset behind the sign that closes what is open, or -1, and the depth reached."""
    for found in re.compile(f"{re.escape(closer)}|{re.escape(opener)}").finditer(text, at):
        depth += -1 if found[0] == closer else 1
        if depth < 0:
            return found.end(), depth
    return -1, depth


def _content(text: str, opener: str, closer: str) -> str:
    """Give what is between the signs, with the sentence's punctuation behind it."""
    body = text.rstrip(TRAILING + " ")
    return body[len(opener) : -len(closer)] + text[len(body) :].strip()


def _next_text(state: StateBlock, number: int, end: int) -> int:
    while number < end and not line_of(state, number):
        number += 1
    return number


def _is_another(line: str) -> bool:
    """Tell whether a line behind a blank one belongs to something else than the formula."""
    return bool(NEW_BLOCK.match(line)) or _is_prose(line)


def _is_prose(text: str) -> bool:
    return bool(PROSE.search(WORDS.sub("", text)))
