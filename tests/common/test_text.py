"""What is done to text that cannot be stored or sent."""

from __future__ import annotations

import json

import pytest

from common.text import clean, is_unicode, storable


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("plain", "plain"), ("a\0b", "a\ufffdb"), ("half \ud800", "half ?"), ("🦊 中", "🦊 中")],
)
def test_nuls_and_lone_surrogates_are_replaced(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert clean(text).encode()


def test_a_nul_is_unicode_and_half_a_pair_is_not() -> None:
    assert is_unicode("a\0b")
    assert is_unicode("\U0001f98a")
    assert not is_unicode("\udc00")


def test_values_are_cleaned_all_the_way_down() -> None:
    value = {"a\0": ("x\ud800", [float("nan"), 1.5, True, None]), 1: float("-inf")}
    stored = storable(value)
    assert stored == {"a\ufffd": ["x?", ["nan", 1.5, True, None]], "1": "-inf"}
    json.dumps(stored, allow_nan=False).encode()
