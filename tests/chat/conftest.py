"""What all tests of chats need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents.work import runner
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def runs_end() -> Iterator[None]:
    """No test leaves a thread behind that still writes."""
    yield
    eventually(lambda: not runner.is_active())
