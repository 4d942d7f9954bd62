"""Searches and imports once more, on PostgreSQL: they find and keep the same there."""

from __future__ import annotations

import pytest

from tests.postgresql import run_on_postgresql

REPEATED = {
    "search/test_search": [
        "every_script", "hostile", "by_place", "every_write", "migration_takes", "says_so_and_all",
    ],
    "search/test_opening": ["far_up", "hit_to_hit"],
    "test_exports": ["whatever_was_said", "lone_surrogate", "times_come_back"],
}  # fmt: skip


@pytest.mark.services
def test_searches_and_imports_are_the_same_on_postgresql() -> None:
    files = [f"tests/chat/{name}.py" for name in REPEATED]
    words = " or ".join(word for words in REPEATED.values() for word in words)
    said = run_on_postgresql(files, "-k", words)
    assert "14 passed" in said
