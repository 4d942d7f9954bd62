"""The few HTML tags that answers may use, without attributes and in pairs; all others are text.

Markdown-it's own HTML rules are off: nothing that a model writes becomes a tag but these.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from chat.rendering.places import failed, line_of, may_try, undecided

PAIRS = ("sub", "sup", "kbd", "u", "s", "mark", "small", "b", "i", "em", "strong", "del", "ins")
TAG = re.compile(rf"<(/?)({'|'.join(PAIRS)})\s*>", re.IGNORECASE)
BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
TAG_OR_CODE = re.compile(rf"(?P<code>`+)|{TAG.pattern}", re.IGNORECASE)
MATCHES = "tags"  # in a parser's environment: (the words, where each pair opens and closes)

DETAILS = re.compile(r"<details(?: open)?\s*>", re.IGNORECASE)
END = re.compile(r"</details\s*>", re.IGNORECASE)
SUMMARY = re.compile(r"\s*<summary\s*>(.*?)</summary\s*>", re.IGNORECASE | re.DOTALL)
LONGEST_SUMMARY = 20  # lines
SIGN = re.compile(r"`{3,}|~{3,}")


def tag_plugin(md: MarkdownIt) -> None:
    """Make tokens of the tags that are allowed."""
    md.inline.ruler.before("autolink", "tag", tag)
    md.block.ruler.before(
        "heading", "details", details, {"alt": ["paragraph", "blockquote", "list"]}
    )


def tag(state: StateInline, silent: bool) -> bool:
    """Apply an inline rule: a break, or a pair and the words between."""
    if state.src[state.pos] != "<":
        return False
    if found := BREAK.match(state.src, state.pos):
        if not silent:
            state.push("hardbreak", "br", 0)
        state.pos = found.end()
        return True
    found = TAG.match(state.src, state.pos)
    end = _matches(state).get(state.pos) if found else None
    if not found or end is None or end > state.posMax:
        return False
    if not silent:
        _pair(state, found, end)
    state.pos = TAG.match(state.src, end).end()  # type: ignore[union-attr]
    return True


def _pair(state: StateInline, found: re.Match[str], end: int) -> None:
    name, maximum = found[2].lower(), state.posMax
    state.push(f"{name}_open", name, 1)
    state.pos, state.posMax = found.end(), end
    state.md.inline.tokenize(state)
    state.posMax = maximum
    state.push(f"{name}_close", name, -1)


def _matches(state: StateInline) -> dict[int, int]:
    """Give where each opening tag's closing one stands; found once for all the words."""
    words, matches = state.env.get(MATCHES, (None, {}))
    if words != state.src:
        matches = dict(_pairs(state.src))
        state.env[MATCHES] = (state.src, matches)
    return matches


def _pairs(words: str) -> Iterator[tuple[int, int]]:
    open_ones: list[tuple[str, int]] = []
    counts: Counter[str] = Counter()
    skipped = 0
    ends = _code_ends(words)
    for found in TAG_OR_CODE.finditer(words):
        if found.start() < skipped:
            continue
        if found["code"]:
            skipped = ends.get(found.start(), 0)
            continue
        name = found[3].lower()
        if not found[2]:
            open_ones.append((name, found.start()))
            counts[name] += 1
        while counts[name] and found[2]:
            opened, at = open_ones.pop()
            counts[opened] -= 1
            if opened == name:
                yield at, found.start()
                break


def _code_ends(words: str) -> dict[int, int]:
    """Give where code ends that starts with a run of backticks: behind the next run as long."""
    ends: dict[int, int] = {}
    next_run: dict[int, int] = {}
    for run in reversed(list(re.finditer("`+", words))):
        length = len(run[0])
        if length in next_run:
            ends[run.start()] = next_run[length]
        next_run[length] = run.end()
    return ends


def details(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Apply a block rule: <details>, whatever Markdown is in it, and </details>."""
    if state.is_code_block(start) or not (found := DETAILS.match(line_of(state, start))):
        return False
    last = _details_end(state, start, end) if may_try(state) else None
    if last is None:
        failed(state)
        if end == len(state.bMarks) - 1:
            undecided(state, start)
        return False
    if silent:
        return True
    state.push("details_open", "details", 1).map = [start, last + 1]
    first = _summary(state, start, last, found.end())
    _body(state, first, last)
    state.push("details_close", "details", -1)
    state.line = last + 1
    return True


def _details_end(state: StateBlock, start: int, end: int) -> int | None:
    """Give the line that ends with what closes these details; nothing may follow it there."""
    depth, sign = 0, ""
    for number in range(start, end):
        if not state.isEmpty(number) and state.sCount[number] < state.blkIndent:
            return None
        line = line_of(state, number)
        if found := SIGN.match(line):
            sign = "" if sign and line == found[0] and line.startswith(sign) else sign or found[0]
        if sign:
            continue
        depth += len(DETAILS.findall(line)) - len(END.findall(line))
        if depth <= 0:
            return number if END.search(line) and line[_last_end(line) :] == "" else None
    return None


def _last_end(line: str) -> int:
    return max((found.end() for found in END.finditer(line)), default=0)


def _summary(state: StateBlock, start: int, last: int, at: int) -> tuple[int, int]:
    """Make the summary; give the line and the offset in it at which the rest begins."""
    lines = [line_of(state, n) for n in range(start, min(last + 1, start + LONGEST_SUMMARY))]
    text = "\n".join(lines)
    found = SUMMARY.match(text, at)
    if not found:
        return start, at
    state.push("summary_open", "summary", 1)
    words = state.push("inline", "", 0)
    words.content, words.children = found[1].strip(), []
    words.map = [start, start + text.count("\n", 0, found.end()) + 1]
    state.push("summary_close", "summary", -1)
    line = start + text.count("\n", 0, found.end())
    return line, found.end() - (text.rfind("\n", 0, found.end()) + 1)


def _body(state: StateBlock, first: tuple[int, int], last: int) -> None:
    """Read what is between as Markdown; the lines are cut to it for that time."""
    number, at = first
    marks = state.bMarks[number], state.tShift[number], state.eMarks[last], state.lineMax
    state.bMarks[number] += state.tShift[number] + at
    state.tShift[number] = 0
    line = state.src[state.bMarks[last] + state.tShift[last] : state.eMarks[last]]
    end = list(END.finditer(line))[-1].start()
    state.eMarks[last] = state.bMarks[last] + state.tShift[last] + end
    state.lineMax = last + 1
    state.md.block.tokenize(state, number, last + 1)
    state.bMarks[number], state.tShift[number], state.eMarks[last], state.lineMax = marks
