"""Which slot a prompt is given."""

from __future__ import annotations

from typing import cast

from inference.llamacpp_worker.server import LlamaServer
from inference.llamacpp_worker.slots import Slot, SlotTable
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
