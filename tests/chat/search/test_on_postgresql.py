"""Searches and imports once more, on PostgreSQL: they find and keep the same there."""

from __future__ import annotations

import pytest

from tests.postgresql import run_on_postgresql

FILES = ["search/test_search", "search/test_opening", "test_exports", "test_imports"]


@pytest.mark.services
def test_searches_and_imports_are_the_same_on_postgresql() -> None:
    said = run_on_postgresql([f"tests/chat/{name}.py" for name in FILES])
    assert " passed" in said
