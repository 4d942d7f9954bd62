"""Marks what was looked for: in plain text, and in HTML that was made safe before."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from django.utils.safestring import SafeString, mark_safe

from common.folding import composed, spans

Span = tuple[int, int]

BEFORE, AFTER = 30, 90  # characters of an excerpt around what was found
TAG = re.compile(r"""(<(?:[^<>"']|"[^"]*"|'[^']*')*>)""")
NAME = re.compile(r"</?([a-z0-9]+)")
INLINE = frozenset(
    ("a", "b", "code", "del", "em", "i", "kbd", "s", "span", "strong", "sub", "sup", "u")
)
UNMARKED = frozenset(("math", "button"))  # a formula has no words, a button is none of them


def text_mark(text: str, terms: Iterable[str]) -> SafeString:
    """Give a plain text as HTML, with the terms marked."""
    text = composed(text)
    return _marked(text, spans(text, terms))


def excerpt_of(text: str, terms: Iterable[str]) -> str:
    """Give the words around the first hit."""
    text = composed(" ".join(text.split()))
    found = spans(text, terms)
    start = max((found[0][0] if found else 0) - BEFORE, 0)
    part = text[start : start + BEFORE + AFTER]
    opening, ending = "…" if start else "", "…" if start + len(part) < len(text) else ""
    return opening + part + ending


def html_mark(markup: str, terms: Iterable[str]) -> SafeString:
    """Mark the terms in the texts of HTML, also where a term goes over tags such as <em>."""
    pieces = TAG.split(markup)
    texts = {index: composed(html.unescape(pieces[index])) for index in _markable(pieces)}
    starts, whole = _joined(pieces, texts)
    found = spans(whole, terms)
    if not found:
        return mark_safe(markup)
    for index, text in texts.items():
        if text.isspace():
            continue
        pieces[index] = _marked(text, list(_within(found, starts[index], len(text))))
    return mark_safe("".join(pieces))


def _markable(pieces: Sequence[str]) -> Iterator[int]:
    """The indexes of texts; tags have the odd ones."""
    depth = 0
    for index, piece in enumerate(pieces):
        if index % 2:
            if _name(piece) in UNMARKED:
                depth += -1 if piece.startswith("</") else 1
        elif piece and depth == 0:
            yield index


def _joined(pieces: Sequence[str], texts: dict[int, str]) -> tuple[dict[int, int], str]:
    """Where each text begins in all of them together; blocks are apart."""
    starts: dict[int, int] = {}
    whole: list[str] = []
    length = 0
    for index, piece in enumerate(pieces):
        text = texts.get(index, "")
        if index % 2 and _name(piece) not in INLINE:
            text = "\n"
        starts[index] = length
        whole.append(text)
        length += len(text)
    return starts, "".join(whole)


def _name(tag: str) -> str:
    match = NAME.match(tag)
    return match[1] if match else ""


def _within(found: Iterable[Span], start: int, length: int) -> Iterator[Span]:
    """The parts of the spans that lie in a text, counted from its beginning."""
    for begin, end in found:
        if begin < start + length and end > start:
            yield max(begin - start, 0), min(end - start, length)


def _marked(text: str, found: Iterable[Span]) -> SafeString:
    parts, at = [], 0
    for begin, end in found:
        parts += [html.escape(text[at:begin]), f"<mark>{html.escape(text[begin:end])}</mark>"]
        at = end
    return mark_safe("".join(parts) + html.escape(text[at:]))
