"""What was looked for is marked, and nothing else changes."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.rendering.markdown import render
from chat.search.marks import html_mark, text_mark
from chat.search.query import query_read
from common.folding import composed


@pytest.mark.parametrize(
    ("markdown", "query", "marked"),
    [
        ("The **Nile** river", '"nile river"', "<strong><mark>Nile</mark></strong><mark> river"),
        ("Straße & <b>", "STRASSE", "<mark>Straße</mark> &amp; &lt;b&gt;"),
        ("a < b", "<", "a <mark>&lt;</mark> b"),
        ("`code` here", "code", "><mark>code</mark></code> here"),
        ("[river](https://river.example)", "river", "><mark>river</mark></a>"),
        ("# One\n\ntwo", '"one two"', '><mark>One</mark></h1>\n<p dir="auto"><mark>two</mark></p>'),
        ("東京タワー", "京タワ", "東<mark>京タワ</mark>ー"),
        ("e\u0301te\u0301", "ete", "<mark>été</mark>"),
    ],
)
def test_marks(markdown: str, query: str, marked: str) -> None:
    assert marked in html_mark(render(markdown), query_read(query).terms)


def test_formulas_buttons_and_addresses_stay_as_they_are() -> None:
    markup = render("$sin(x)$\n\n```python\nprint(1)\n```\n\n[a](https://copy.example)")
    for query in ("sin", "copy", "https"):
        assert html_mark(markup, query_read(query).terms) == markup, query


@settings(deadline=None)
@given(st.text(), st.text(min_size=1, max_size=4))
def test_without_the_marks_it_is_what_it_was(text: str, query: str) -> None:
    markup = render(text)
    plain = re.sub("</?mark>", "", html_mark(markup, query_read(query).terms))
    assert composed(html.unescape(plain)) == composed(html.unescape(markup))


@settings(deadline=None)
@given(st.text(), st.text(max_size=4))
def test_plain_text_is_escaped(text: str, query: str) -> None:
    made = text_mark(text, query_read(query).terms)
    assert "<" not in re.sub("</?mark>", "", made)
