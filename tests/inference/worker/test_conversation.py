"""The forms in which chat templates are given a conversation."""

from __future__ import annotations

from inference.types import PromptMessage, WrittenCall
from inference.worker.conversation import conversation_forms, turns_in_order
from tests.inference.worker.templates import AGAIN, HELLO, HI, POLITE, SYSTEM

CALL = WrittenCall("1", "f", '{"x": 1}')


def test_a_conversation_in_order_stays_as_it_is() -> None:
    ordered = (SYSTEM, HELLO, HI, AGAIN)
    assert turns_in_order(ordered) == ordered
    assert next(conversation_forms(ordered)) == ordered


def test_no_word_is_lost_in_any_form() -> None:
    messages = (HI, HELLO, AGAIN, POLITE, HI, HI, SYSTEM, HELLO)
    for form in conversation_forms(messages):
        words = " ".join(message.content for message in form).split()
        given = " ".join(message.content for message in messages).split()
        assert sorted(words) == sorted(given)


def test_results_of_tools_stay_apart_and_calls_stay_with_the_assistant() -> None:
    asks = PromptMessage("assistant", "", tool_calls=(CALL,))
    results = tuple(PromptMessage("tool", each, tool_call_id=each) for each in ("one", "two"))
    messages = (HELLO, HI, asks, *results)
    merged = PromptMessage("assistant", "Hi.", tool_calls=(CALL,))
    assert turns_in_order(messages) == (HELLO, merged, *results)
    *_, last = conversation_forms(messages)
    assert [message.role for message in last] == ["user", "assistant", "user"]
    assert "one" in last[2].content
    assert "two" in last[2].content


def test_nothing_is_tried_twice() -> None:
    forms = list(conversation_forms((HELLO,)))
    assert forms == [(HELLO,)]
