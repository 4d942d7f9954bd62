"""The registry of tool-call formats, without a model: one file a family, and each is found."""

from __future__ import annotations

import importlib.util
import pkgutil

import pytest

from inference.grammar.calls import formats
from inference.grammar.calls.formats import FORMATS
from inference.grammar.calls.formats.base import CallFormat
from inference.grammar.calls.writer import CallWriter, literal
from tests.inference.grammar.call_fixtures import FLAT


def test_every_file_of_the_folder_is_in_the_registry() -> None:
    names = {each.name for each in pkgutil.iter_modules(formats.__path__)} - {"base"}
    for name in names:
        module = importlib.import_module(f"{formats.__name__}.{name}")
        own = [value for value in vars(module).values() if isinstance(value, CallFormat)]
        assert own, f"{name} has no format"
        assert all(any(each is known for known in FORMATS.values()) for each in own), name


@pytest.mark.parametrize("family", FORMATS)
def test_a_format_is_named_after_the_parser_that_reads_it(family: str) -> None:
    assert importlib.util.find_spec(f"mlx_lm.tool_parsers.{family}")


@pytest.mark.parametrize("family", FORMATS)
def test_every_format_can_write_calls_with_plain_parameters(family: str) -> None:
    expression = FORMATS[family].calls(CallWriter(literal, ("</end>",)), FLAT, parallel=True)
    assert expression
