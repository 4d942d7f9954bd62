"""A suffix, as families of models want it."""

from __future__ import annotations

import pytest

from common.errors import InvalidRequest
from inference.types import GenerationRequest
from inference.worker.infill import raw_text

REQUEST = GenerationRequest(prompt="def f(", suffix="): pass")


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        (
            "<|fim_prefix|> <|fim_suffix|> <|fim_middle|>",
            "<|fim_prefix|>def f(<|fim_suffix|>): pass<|fim_middle|>",
        ),
        (
            "<fim_prefix> <fim_suffix> <fim_middle>",
            "<fim_prefix>def f(<fim_suffix>): pass<fim_middle>",
        ),
        ("[PREFIX] [SUFFIX]", "[SUFFIX]): pass[PREFIX]def f("),
    ],
)
def test_the_marks_of_the_model_are_used(marks: str, expected: str) -> None:
    assert raw_text(REQUEST, marks.split().__contains__) == expected


def test_a_model_that_knows_none_is_told_by_the_field() -> None:
    with pytest.raises(InvalidRequest) as caught:
        raw_text(REQUEST, lambda mark: mark == "<|fim_prefix|>")
    assert caught.value.details["field"] == "suffix"
    assert raw_text(GenerationRequest(prompt="a"), lambda mark: False) == "a"
