"""The program within what a model sent: without the fence, the prompts and the prose around it.

What is a program already stays as it is. What is taken out keeps its lines, so that an error names
the line of the text that was sent.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

LABEL = re.compile(
    r"\s*(?:%%)?(?:(?:python3?|py|ipython)(?:[ \t]+code)?[ \t]*:?|code[ \t]*:)[ \t]*\n(?=.*\S)",
    re.IGNORECASE | re.DOTALL,
)
_TAGS = "python python3 py py3 ipython pycon python-repl repl python_repl tool_code code"
PYTHON = {"", *_TAGS.split()}
FENCE = re.compile(
    r"^(?P<indent>[ \t>]*)(?P<mark>`{3,}|~{3,})[ \t]*\{?\.?(?P<tag>[\w+-]*)[^\n`]*\n"
    r"(?P<code>.*?)(?:^[ \t>]*(?P=mark)[`~]*[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
ONE_LINE = re.compile(r"(`{3,})(?:(?:python3?|py)[ \t]+)?(?P<code>[^`\n]+)\1", re.I)
SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)(?P<code>.+?)(?<!`)\1(?!`)", re.DOTALL)
PROMPT = re.compile(r"[ \t]*(?:>>>|In \[\d*\]:) ?(?P<code>.*)$")
CONTINUED = re.compile(r"[ \t]*\.\.\.:?(?: (?P<code>.*)|[ \t]*)$")
PROSE = re.compile(r"\s*(?:[-*#>]+ +)?[A-Z][\w'’-]*,?(?: +\S+){2,}[.:!?]\**\s*$")
NUMBERED = re.compile(r"\s*In \[\d*\]:")  # an annotation, to Python's eyes
# Around a fence or prompts, these say that they stand in a docstring of a program.
CODE = re.compile(
    r"\s*(?:(?:async )?def |class |import \w|from \S+ import |@\w|return\b|\"{3}|'{3})"
)
INVISIBLE = str.maketrans({"\u00a0": " ", "\u200b": "", "\ufeff": "", "\u2028": "\n"})


def program(text: str) -> str:
    """Give the program that a text is or holds; the text itself where none is found in it."""
    text = _without_label(text)
    session = _prompted(text) if NUMBERED.match(text) else None
    if session is not None and is_program(session):
        return session
    if is_program(text):
        return text
    found = (_without_label(candidate) for candidate in _candidates(text))
    return next(filter(is_program, found), _marked(text) or text)


def is_program(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are told when it is compiled
        try:
            return bool(ast.parse(text).body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False


def _candidates(text: str) -> Iterator[str]:
    yield from filter(None, (_outdented(text),))
    for made in (text, text.translate(INVISIBLE)):
        yield made
        for take in TAKING:
            taken = take(made)
            if taken is not None:
                yield taken
                yield from filter(None, (_prompted(taken), _outdented(taken)))
    if "\n" not in text.strip():  # written as JSON twice over
        yield text.strip().replace("\\n", "\n").replace("\\t", "\t")


def _marked(text: str) -> str | None:
    """What is a program by its marks, though it has an error: its own line shall be named."""
    fenced = _fenced(text)
    return _prompted(fenced if fenced is not None else text) or fenced


def _without_label(text: str) -> str:
    """A first line "python" is the rest of a fence; as a program it would name nothing."""
    label = LABEL.match(text)
    return _blank(text[: label.end()]) + text[label.end() :] if label else text


def _blocks(text: str) -> list[re.Match[str]]:
    if _has_code(FENCE.sub("", text)):
        return []
    blocks = [block for block in FENCE.finditer(text) if block["tag"].lower() in PYTHON]
    return [block for block in blocks if block["tag"]] or blocks


def _has_code(text: str) -> bool:
    return any(CODE.match(line) for line in text.splitlines())


def _fenced(text: str) -> str | None:
    """All blocks of Python, one after the other."""
    blocks = _blocks(text)
    if not blocks:
        one = ONE_LINE.search(text)
        return _kept(text, one.start("code"), one["code"]) if one else None
    program, end = "", 0
    for block in blocks:
        start = block.start("code")
        program += _blank(text[end:start]) + _unindented(block)
        end = block.end("code")
    return program


def _longest_block(text: str) -> str | None:
    blocks = _blocks(text)
    if len(blocks) < 2:
        return None
    longest = max(blocks, key=lambda block: len(block["code"]))
    return _kept(text, longest.start("code"), _unindented(longest))


def _widest_block(text: str) -> str | None:
    """From the first fence to the last: the ones between stand in strings of the program."""
    first = FENCE.search(text)
    if first is None or first["tag"].lower() not in PYTHON:
        return None
    rest = text[first.start("code") :]
    end = rest.rfind(f"\n{first['indent']}{first['mark']}")
    if end < 0 or _has_code(text[: first.start()] + rest[end:]):
        return None
    return _kept(text, first.start("code"), rest[: end + 1])


def _unindented(block: re.Match[str]) -> str:
    """Without the indentation, or the quotation marks, that the fence has, too."""
    indent = block["indent"]
    lines = block["code"].splitlines(keepends=True)
    return "".join(line.removeprefix(indent) for line in lines) if indent else block["code"]


def _prompted(text: str | None) -> str | None:
    """The lines of a session: `>>>` and the `...` that follow. Others are outputs."""
    if text is None or not any(PROMPT.match(line) for line in text.splitlines()):
        return None
    lines, inside = [], False
    for line in text.splitlines():
        match = PROMPT.match(line) or (CONTINUED.match(line) if inside else None)
        inside = match is not None
        lines.append((match["code"] or "") if match else "")
        if not inside and CODE.match(line):
            return None
    return "\n".join(lines)


def _in_backticks(text: str) -> str | None:
    """The code of the only `span`."""
    spans = list(SPAN.finditer(text))
    if len(spans) != 1 or re.search(r"[=()\[\]{}]", SPAN.sub("", text)):
        return None
    return _kept(text, spans[0].start("code"), spans[0]["code"].strip())


def _without_prose(text: str) -> str | None:
    """Without the sentences before and after it."""
    lines = text.splitlines()
    first, last = 0, len(lines)
    while first < last and _is_prose(lines[first]):
        first += 1
    while last > first and _is_prose(lines[last - 1]):
        last -= 1
    if (first, last) == (0, len(lines)) or first == last:
        return None
    return "\n" * first + "\n".join(lines[first:last])


def _is_prose(line: str) -> bool:
    return not line.strip() or (bool(PROSE.match(line)) and not is_program(line.strip()))


def _outdented(text: str) -> str | None:
    dedented = textwrap.dedent(text)
    return dedented if dedented != text else None


TAKING = (_fenced, _widest_block, _longest_block, _prompted, _in_backticks, _without_prose)


def _kept(text: str, start: int, code: str) -> str:
    return _blank(text[:start]) + code


def _blank(text: str) -> str:
    return "\n" * text.count("\n")
