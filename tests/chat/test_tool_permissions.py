"""Which tools an answer may use: the chat's permissions and the switches, as they stand now."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from chat import services
from chat.models import Conversation
from chat.replies import _calculator_word, _policy, tools_offered
from tooling.services import tool_configure


@pytest.fixture
def conversation(owner: User) -> Conversation:
    words = {"calculator": "ask", "python_repl": "allow", "web_search": "deny"}
    return Conversation.objects.create(owner=owner, tools=words)


def offered(conversation: Conversation) -> set[str]:
    return {spec.name for spec in tools_offered(conversation)}


def test_what_is_on_or_asks_is_offered(conversation: Conversation) -> None:
    assert offered(conversation) == {"calculator", "python_repl"}
    words = {name: _policy(conversation)(name) for name in ("calculator", "python_repl")}
    assert words == {"calculator": "ask", "python_repl": "allow"}
    assert _policy(conversation)("web_search") == "deny"
    assert _policy(conversation)("code_generator") == "deny"  # nobody has said anything of it


def test_a_switch_holds_in_an_answer_under_way(conversation: Conversation, owner: User) -> None:
    policy = _policy(conversation)
    tool_configure(name="calculator", by=owner, enabled=False)
    assert offered(conversation) == {"python_repl"}
    assert policy("calculator") == "deny"  # nobody is asked about it
    tool_configure(name="calculator", by=owner, enabled=True)
    assert policy("calculator") == "ask"


def test_settings_hold_in_an_answer_under_way(conversation: Conversation) -> None:
    policy = _policy(conversation)
    stored = Conversation.objects.get(id=conversation.id)
    services.conversation_configure(conversation=stored, tools={"calculator": "allow"})
    assert offered(conversation) == {"calculator"}
    assert (policy("calculator"), policy("python_repl")) == ("allow", "deny")


def test_the_calculator_is_on_for_sums_until_it_is_turned_off(owner: User) -> None:
    plain = Conversation.objects.create(owner=owner)
    assert _calculator_word(plain) == "allow"
    services.conversation_configure(conversation=plain, tools={"calculator": "deny"})
    assert _calculator_word(plain) == "deny"
    services.conversation_configure(conversation=plain, tools={})
    tool_configure(name="calculator", by=owner, enabled=False)
    assert _calculator_word(plain) == "deny"
