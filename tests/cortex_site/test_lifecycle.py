"""The start: every part of it is done, whatever becomes of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError

from common.errors import CortexError
from cortex_site import lifecycle
from tests.waiting import eventually

PARTS = {
    "models": (lifecycle.services, "startup"),
    "runs": (lifecycle.runner, "startup"),
    "default": (lifecycle.services, "default_load"),
    "schema": (lifecycle.docs, "schema_bytes"),
    "tools": (lifecycle.tools, "tools_warm"),
}


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts that were done, in their order."""
    names: list[str] = []

    def part(name: str) -> Callable[[], None]:
        return lambda: names.append(name)

    for name, (owner, attribute) in PARTS.items():
        monkeypatch.setattr(owner, attribute, part(name))
    monkeypatch.setattr(lifecycle, "_model_is_up", threading.Event())
    return names


def test_the_tools_are_made_ready_after_the_model(done: list[str]) -> None:
    lifecycle.start()
    eventually(lambda: len(done) == len(PARTS))
    assert set(done) == set(PARTS)
    assert done.index("default") < done.index("tools")
    assert done[:3] == ["models", "runs", "default"]
    assert not lifecycle.is_starting()


@pytest.mark.parametrize("error", [OperationalError("locked"), CortexError("no"), KeyError("x")])
@pytest.mark.parametrize("broken", PARTS)
def test_a_part_that_fails_leaves_the_others_to_be_done(
    done: list[str], monkeypatch: pytest.MonkeyPatch, broken: str, error: Exception
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(*PARTS[broken], fail)
    lifecycle.start()
    others = [name for name in PARTS if name != broken]
    eventually(lambda: len(done) == len(others))
    assert set(done) == set(others)
    eventually(lambda: not lifecycle.is_starting())


def test_tools_do_not_wait_for_a_model_that_takes_its_time(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()
    monkeypatch.setattr(lifecycle, "WARM_SECONDS", 0.05)
    monkeypatch.setattr(lifecycle.services, "default_load", lambda: may_go_on.wait(20))
    lifecycle.start()
    eventually(lambda: "tools" in done)
    assert lifecycle.is_starting()
    may_go_on.set()
    eventually(lambda: not lifecycle.is_starting())
