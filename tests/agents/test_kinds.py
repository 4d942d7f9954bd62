"""Every kind of run names code that is there."""

from __future__ import annotations

import pytest
from django.utils.module_loading import import_string

from agents.kinds import KINDS


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_its_loop_and_renderer_can_be_imported(kind: str) -> None:
    assert callable(import_string(KINDS[kind].loop))
    assert not KINDS[kind].renderer or callable(import_string(KINDS[kind].renderer))
