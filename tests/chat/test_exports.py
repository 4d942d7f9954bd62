"""Exports can be imported again, and imports that are wrong name what is wrong."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat import services
from chat.exports import export_json, export_markdown, import_json
from chat.models import Conversation, Message
from chat.tree import conversation_path
from common.errors import InvalidRequest
from tests.chat.test_messages import say
from tests.scripted import ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def conversation(owner: User) -> Conversation:
    """Two versions of a question; the first one is shown."""
    made = Conversation.objects.create(
        owner=owner,
        title="Rivers",
        temperature=0.5,
        tools={"calculator": "ask"},
        seed=2**62,
        min_p=0.1,
        repetition_guard=False,
    )

    def add(parent: Message | None, role: str, content: str, **values: Any) -> Message:
        return Message.objects.create(
            conversation=made, parent=parent, role=role, content=content, **values
        )

    parts = [
        {"kind": "thinking", "text": "Hm."},
        {"kind": "tool", "id": "1", "name": "calculator", "arguments": "{}", "state": "done",
         "success": True, "result": {"a": [1]}, "seconds": 0.5},
        {"kind": "text", "text": "The Nile."},
    ]  # fmt: skip
    question = add(None, "user", "Longest?")
    answer = add(question, "assistant", "The Nile.", parts=parts, thinking="Hm.", model="m")
    add(add(None, "user", "Widest?"), "assistant", "The Amazon.")
    services.conversation_configure(conversation=made, leaf_id=answer.id)
    made.refresh_from_db()
    return made


def shape(conversation: Conversation) -> dict[str, Any]:
    """An export without the ids and times that an import makes anew."""
    data = json.loads(export_json(conversation))
    order = {message["id"]: index for index, message in enumerate(data["messages"])}
    data["leaf"] = order.get(data["leaf"])
    for message in data["messages"]:
        message["parent"] = order.get(message["parent"])
        del message["id"], message["created_at"]
    return data


def test_round_trip(owner: User, conversation: Conversation) -> None:
    made = import_json(owner=owner, data=export_json(conversation).encode())
    assert made.id != conversation.id
    assert shape(made) == shape(conversation)
    assert [m.content for m in conversation_path(made)] == ["Longest?", "The Nile."]


def test_markdown_is_what_the_page_shows(conversation: Conversation) -> None:
    assert export_markdown(conversation) == (
        "# Rivers\n\n## You\n\nLongest?\n\n## m\n\nThe Nile.\n"
    )


def changed(conversation: Conversation, path: str, value: Any) -> bytes:
    """The export with one value replaced; `...` removes it."""
    data = json.loads(export_json(conversation))
    *way, last = path.split(".")
    place: Any = data
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    key = int(last) if last.isdigit() else last
    if value is ...:
        del place[key]
    else:
        place[key] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("format", "other", "format"),
        ("version", 2, "version"),
        ("conversation", [], "conversation"),
        ("conversation.title", 5, "conversation.title"),
        ("conversation.temperature", "hot", "conversation.temperature"),
        ("conversation.temperature", 5, "conversation.temperature"),
        ("conversation.top_p", 0, "conversation.top_p"),
        ("conversation.top_p", float("nan"), "conversation.top_p"),
        ("conversation.temperature", True, "conversation.temperature"),
        ("conversation.seed", 2**70, "conversation.seed"),
        ("conversation.max_tokens", -1, "conversation.max_tokens"),
        ("conversation.tools", {"calculator": "maybe"}, "conversation.tools"),
        ("conversation.tools", {"calculator": ["ask"]}, "conversation.tools"),
        ("conversation.model", "x" * 300, "conversation.model"),
        ("messages", {}, "messages"),
        ("messages.0", "text", "messages.0"),
        ("messages.1.role", "system", "messages.1.role"),
        ("messages.1.role", "tool", "messages.1.role"),
        ("messages.1.role", ["user"], "messages.1.role"),
        ("messages.1.created_at", "yesterday", "messages.1.created_at"),
        ("messages.1.created_at", "0001-01-01T00:00:00+14:00", "messages.1.created_at"),
        ("messages.1.model", "x" * 256, "messages.1.model"),
        ("messages.1.parts.1.seconds", 10**400, "messages.1.parts.1.seconds"),
        ("messages.1.parts.1.seconds", float("nan"), "messages.1.parts.1.seconds"),
        ("messages.1.parts.1.success", 1, "messages.1.parts.1.success"),
        ("conversation.max_tokens", 10**400, "conversation.max_tokens"),
        ("conversation.max_tokens", True, "conversation.max_tokens"),
        ("messages.0.role", ..., "messages.0.role"),
        ("messages.0.content", None, "messages.0.content"),
        ("messages.0.content", "x" * 400_001, "messages.0.content"),
        ("messages.1.parent", "nobody", "messages.1.parent"),
        ("messages.0.parent", "itself", "messages.0.parent"),
        ("messages.1.id", 7, "messages.1.id"),
        ("messages.1.model", 7, "messages.1.model"),
        ("messages.1.parts", {}, "messages.1.parts"),
        ("messages.1.parts.0", {"kind": "html"}, "messages.1.parts.0.kind"),
        ("messages.1.parts.0", {"kind": ["text"]}, "messages.1.parts.0.kind"),
        ("messages.1.parts.1.seconds", "long", "messages.1.parts.1.seconds"),
        ("messages.1.parts.1.onload", "x", "messages.1.parts.1.onload"),
        ("leaf", "nobody", "leaf"),
    ],
)
def test_wrong_files_are_refused_whole(
    owner: User, conversation: Conversation, path: str, value: Any, field: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        import_json(owner=owner, data=changed(conversation, path, value))
    assert refusal.value.details["field"] == field
    assert Conversation.objects.count() == 1


def test_the_same_id_twice(owner: User, conversation: Conversation) -> None:
    data = json.loads(export_json(conversation))
    data["messages"].append(data["messages"][0])
    with pytest.raises(InvalidRequest) as refusal:
        import_json(owner=owner, data=json.dumps(data).encode())
    assert refusal.value.details["field"] == "messages.4.id"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"null", b"NaN"])
def test_what_is_no_json(owner: User, data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        import_json(owner=owner, data=data)


def test_hostile_text_stays_text(owner: User, conversation: Conversation) -> None:
    nul = changed(conversation, "messages.0.content", "a\u0000b")
    made = import_json(owner=owner, data=nul)
    assert conversation_path(made)[0].content == "a\ufffdb"


# --- Whatever was said comes back -----------------------------------------------------------------

SETTINGS = {
    "temperature": st.floats(0, 2),
    "top_p": st.floats(0, 1, exclude_min=True),
    "seed": st.integers(0, 2**63 - 1),
    "max_tokens": st.integers(1, 2**31 - 1),
    "repetition_guard": st.booleans(),
}
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ODD = st.sampled_from(
    ["\\u0000", "\\\\u0000", "\\ud800", "\\", '"', "\u2028", "\ufeff", "\r\n", "🦊"]
)
SAID = st.lists(TEXT | ODD, max_size=3).map("".join)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | SAID,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SAID, inner, max_size=2),
    max_leaves=4,
)
PART = st.fixed_dictionaries(
    {"kind": st.sampled_from(["text", "thinking", "tool"])},
    optional={"text": SAID, "name": SAID, "id": SAID, "arguments": SAID, "error": SAID,
              "success": st.booleans(), "seconds": st.floats(0, 1000),
              "result": VALUE.filter(lambda value: value is not None)},
)  # fmt: skip
NODE = st.tuples(st.integers(0, 8), st.sampled_from(Message.Role.values), SAID, SAID,
                 st.lists(PART, max_size=3))  # fmt: skip


def grown(owner: User, title: str, settings: dict[str, Any], nodes: list[Any]) -> Conversation:
    """A tree in which each message is below an earlier one, or is a root."""
    made = Conversation.objects.create(owner=owner, title=title[:200], **settings)
    messages: list[Message] = []
    now = timezone.now()
    for above, role, content, thinking, parts in nodes:
        parent = messages[above] if above < len(messages) else None
        messages.append(
            Message.objects.create(
                conversation=made, parent=parent, role=role, content=content, thinking=thinking,
                parts=parts, created_at=now,
            )
        )  # fmt: skip
    made.leaf = messages[-1] if messages else None
    made.save()
    return made


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    title=SAID,
    prompt=SAID,
    tools=st.dictionaries(SAID, st.sampled_from(["allow", "ask", "deny"]), max_size=2),
    chosen=st.fixed_dictionaries({}, optional=SETTINGS),
    nodes=st.lists(NODE, max_size=8),
)
def test_whatever_was_said_comes_back(
    owner: User, title: str, prompt: str, tools: Any, chosen: Any, nodes: list[Any]
) -> None:
    made = grown(owner, title, {"system_prompt": prompt, "tools": tools, **chosen}, nodes)
    exported = export_json(made)
    again = import_json(owner=owner, data=exported.encode())
    assert shape(again) == shape(made)
    assert [m.content for m in conversation_path(again)] == [
        m.content for m in conversation_path(made)
    ]
    assert shape(import_json(owner=owner, data=export_json(again).encode())) == shape(made)


def test_times_come_back(owner: User, conversation: Conversation) -> None:
    Message.objects.update(created_at=datetime(2024, 2, 29, 12, tzinfo=UTC))
    made = import_json(owner=owner, data=export_json(conversation).encode())
    times = made.messages.order_by("created_at").values_list("created_at", flat=True)
    written = datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert list(times) == [written + timedelta(microseconds=number) for number in range(4)]


def places(value: Any, way: str = "") -> Iterator[str]:
    """The paths of all values in an export."""
    if way:
        yield way
    if isinstance(value, dict):
        for name, item in value.items():
            yield from places(item, f"{way}.{name}".strip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, f"{way}.{index}".strip("."))


DEEP: Any = 1
for _ in range(200):
    DEEP = [DEEP]
WRONG = [
    "\ud800", "a\udfffb", "\0", None, True, 5, -1, 10**400, 1e308, float("nan"), float("inf"),
    [], {}, {"\ud800": "\0"}, "x" * 500_000, DEEP, [None],
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_any_value_anywhere_is_taken_or_refused(
    owner: User, conversation: Conversation, owner_client: Client, scripted: object, number: int
) -> None:
    for place in places(json.loads(export_json(conversation))):
        data = changed(conversation, place, WRONG[number])
        with contextlib.suppress(InvalidRequest):
            made = import_json(owner=owner, data=data)
            export_json(made).encode()
            if "parts" in place or "title" in place:
                assert owner_client.get(f"/chat/{made.id}/").status_code == 200, place


def test_a_lone_surrogate_is_replaced(owner: User, conversation: Conversation) -> None:
    made = import_json(owner=owner, data=changed(conversation, "messages.0.content", "a\ud800b"))
    assert conversation_path(made)[0].content == "a?b"


def test_a_message_of_the_system_becomes_the_setting(
    owner: User, conversation: Conversation
) -> None:
    data = json.loads(export_json(conversation))
    first = {"id": "s", "parent": None, "role": "system", "content": "Be kind."}
    data["messages"].insert(0, first)
    for message in data["messages"][1:]:
        message["parent"] = message["parent"] or "s"
    made = import_json(owner=owner, data=json.dumps(data).encode())
    assert made.system_prompt == "Be kind."
    assert [m.content for m in conversation_path(made)] == ["Longest?", "The Nile."]
    data["conversation"]["system_prompt"] = "Be brief."
    made = import_json(owner=owner, data=json.dumps(data).encode())
    assert made.system_prompt == "Be brief.\n\nBe kind."


def linear(*said: tuple[str, str]) -> bytes:
    """A file with these messages below each other, and no title."""
    messages = [
        {"id": str(n), "parent": str(n - 1) if n else None, "role": role, "content": content}
        for n, (role, content) in enumerate(said)
    ]
    data = {"format": "cortex-conversation", "version": 1, "conversation": {"title": None}}
    return json.dumps(data | {"messages": messages}).encode()


def test_a_title_that_is_null_is_made_of_the_question(owner: User) -> None:
    made = import_json(owner=owner, data=linear(("user", "Which  river?"), ("assistant", "Nile.")))
    assert made.title == "Which river?"
    assert import_json(owner=owner, data=linear()).title == "Imported chat"


def test_turns_in_any_order_go_on(owner: User, scripted: ScriptedEngine) -> None:
    said = [("assistant", "Hello!"), ("user", "one"), ("user", "two"), ("assistant", "both"),
            ("assistant", "and more"), ("user", "open")]  # fmt: skip
    made = import_json(owner=owner, data=linear(*said))
    assert [(m.role, m.content) for m in conversation_path(made)] == said
    scripted.reply("Fine.")
    assert say(made, "three").content == "Fine."
    sent = [(m.role, m.content) for m in scripted.requests[0].messages]
    assert sent == [
        ("assistant", "Hello!"),
        ("user", "one\n\ntwo"),
        ("assistant", "both"),
        ("assistant", "and more"),
        ("user", "open\n\nthree"),
    ]


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("messages.1.role", "tool", "“role” of message 2: it must be user, assistant or system."),
        ("messages.1.parts.1.seconds", "x", "“seconds” of part 2 of message 2: it must be a whole"),
        ("messages.0", 5, "Message 1: it must be an object."),
        ("conversation.top_p", 0, "The setting “top_p”: it must be above 0, at most 1."),
        ("format", "x", "This file is not a chat that Cortex, Open WebUI or ChatGPT exported."),
        ("leaf", 7, "“leaf”: it must be the id of a message."),
    ],
)
def test_what_is_wrong_is_told_as_people_count(
    owner: User, conversation: Conversation, path: str, value: Any, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=re.escape(words)):
        import_json(owner=owner, data=changed(conversation, path, value))
