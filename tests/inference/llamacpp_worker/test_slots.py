"""Which slot a prompt is given."""

from __future__ import annotations

from typing import cast

from common.types import JSON
from inference.llamacpp_worker.server import LlamaServer
from inference.llamacpp_worker.slots import Slot, SlotStore, SlotTable
from inference.worker.tokens import Tokens, tokens_of


def prompt(first: int, length: int = 200) -> Tokens:
    return tokens_of(range(first, first + length))


def table(count: int = 3) -> SlotTable:
    """Without a disk it asks nothing of the server."""
    return SlotTable(cast(LlamaServer, None), count, None)


def answered(slots: SlotTable, tokens: Tokens) -> Slot:
    slot = slots.take(tokens)
    assert slot is not None
    slots.give_back(slot, tokens)
    return slot


def test_a_conversation_goes_on_in_its_slot() -> None:
    slots = table()
    first, second = answered(slots, prompt(0)), answered(slots, prompt(1000))
    assert first is not second
    assert slots.take(prompt(0, 300)) is first
    assert slots.take(prompt(1000, 300)) is second


def test_a_new_prompt_takes_an_empty_slot_then_the_oldest() -> None:
    slots = table(2)
    first, second = answered(slots, prompt(0)), answered(slots, prompt(1000))
    assert first is not second
    assert answered(slots, prompt(2000)) is first
    assert answered(slots, prompt(3000)) is second


def test_all_are_busy() -> None:
    slots = table(1)
    assert slots.take(prompt(0)) is not None
    assert slots.take(prompt(0)) is None


def test_the_next_step_waits_for_the_slot_that_its_last_one_is_leaving() -> None:
    slots = table()
    slot = slots.take(prompt(0))
    assert slot is not None
    slots.leave(slot, prompt(0, 230))
    assert slots.take(prompt(0, 300)) is None  # in a moment
    other = slots.take(prompt(1000))  # this one has no reason to wait
    assert other is not None
    assert other is not slot
    slots.give_back(slot, prompt(0, 230))
    assert slots.take(prompt(0, 300)) is slot


def test_a_short_common_beginning_is_not_waited_for() -> None:
    slots = table()
    slot = slots.take(prompt(0, 40))
    assert slot is not None
    slots.leave(slot, prompt(0, 40))
    assert slots.take(prompt(0, 300)) is not None


class Asked:
    """A server that does as it is told, and remembers what that was."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def post(self, path: str, data: JSON) -> JSON:
        self.paths.append(path)
        return {}


class Knows:
    """A store that has all conversations but some."""

    def __init__(self, *, but: Tokens | None = None) -> None:
        self.but = but

    def has(self, tokens: Tokens) -> bool:
        return self.but is None or list(tokens) != list(self.but)

    def find(self, tokens: Tokens, *, more_than: int) -> None:
        return None


def filled(store: Knows) -> tuple[SlotTable, Asked]:
    """Four conversations of 600 tokens, the first one the oldest."""
    server = Asked()
    slots = SlotTable(cast(LlamaServer, server), 5, cast(SlotStore, store))
    for number in range(4):
        answered(slots, prompt(number * 1000, 600))
    return slots, server


def test_idle_conversations_that_the_disk_has_make_room_the_oldest_first() -> None:
    slots, server = filled(Knows())
    slots.trim()
    assert server.paths == [f"/slots/{n}?action=erase" for n in (2, 1, 0)]
    slots.trim()
    assert len(server.paths) == 3


def test_what_the_disk_does_not_have_stays() -> None:
    slots, server = filled(Knows(but=prompt(1000, 600)))
    slots.trim()
    assert server.paths == [f"/slots/{n}?action=erase" for n in (2, 0)]
    kept = slots.take(prompt(1000, 700))
    assert kept is not None
    assert kept.index == 1


def test_the_latest_conversation_stays_however_long() -> None:
    slots, server = filled(Knows())
    latest = answered(slots, prompt(9000, 5000))
    slots.trim()
    assert latest.index == 4
    assert server.paths == [f"/slots/{n}?action=erase" for n in (3, 2, 1, 0)]
