"""What people take for the same word folds to the same characters, in every script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.folding import composed, fold, spans

SAME = [
    ("МОСКВА", "москва"),
    ("Ёлка", "елка"),
    ("Übergrößenträger", "ÜBERGRÖSSENTRÄGER"),
    ("STRASSE", "straße"),
    ("STRAẞE", "strasse"),
    ("Crème brûlée", "CREME BRULEE"),
    ("re\u0301sume\u0301", "résumé"),
    ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
    ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
    ("Άνθρωπος", "ανθρωποσ"),
    ("İSTANBUL", "istanbul"),
    ("DIŞ", "dış"),
    ("ılık", "ILIK"),
    ("ＡＢＣ１２３", "abc123"),
    ("ｶﾞｷﾞ", "ガギ"),
    ("か\u3099", "が"),
    ("\u1112\u1161\u11ab", "한"),
    ("ﬁlm", "FILM"),
    ("Smørrebrød", "smorrebrod"),
    ("Łódź", "lodz"),
    ("Æsop", "aesop"),
    ("don’t", "don't"),
    ("co\u00adop", "coop"),
    ("e–mail", "e-mail"),
    ("كِتَاب", "كتاب"),
    ("أحمد", "احمد"),
    ("שָׁלוֹם", "שלום"),
    ("the **Nile** river", "the nile river"),
    ("one\n\n  two\u3000three", "one two three"),
    ("❤\ufe0f", "❤"),
]
OTHER = [("が", "か"), ("한", "하"), ("का", "की"), ("cat", "cut"), ("東京", "京都")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_word(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_another_word(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_how_a_text_is_composed_does_not_matter(text: str) -> None:
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@settings(deadline=None)
@given(st.text())
def test_what_is_folded_can_be_stored(text: str) -> None:
    folded = fold(text)
    folded.encode()
    assert "\0" not in folded


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("Die Straße nach Köln", ["strasse"], ["Straße"]),
        ("Cafe\u0301 Zoë", ["cafe", "zoe"], ["Café", "Zoë"]),
        ("the **Nile** river", ["nile river"], ["Nile** river"]),
        ("東京タワーは高い", ["タワー"], ["タワー"]),
        ("nothing", ["else"], []),
        ("nothing", [], []),
        ("a.b axb", ["a.b"], ["a.b"]),
        ("one\n two", ["one two"], ["one\n two"]),
    ],
)
def test_where_a_word_stands(text: str, words: list[str], found: list[str]) -> None:
    text = composed(text)
    assert [text[start:end] for start, end in spans(text, words)] == found


@settings(deadline=None)
@given(st.text(), st.text(min_size=1, max_size=3))
def test_places_lie_within_the_text(text: str, word: str) -> None:
    text, at = composed(text), 0
    for start, end in spans(text, [fold(word)]):
        assert at <= start < end <= len(text)
        at = end
