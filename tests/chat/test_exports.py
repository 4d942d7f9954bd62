"""Exports can be imported again, and imports that are wrong name what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from chat import services
from chat.exports import export_json, export_markdown, import_json
from chat.models import Conversation, Message
from chat.tree import conversation_path
from common.errors import InvalidRequest

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
        ("messages.0.role", "system", "messages.0.role"),
        ("messages.1.role", "user", "messages.1.role"),
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
    assert import_json(owner=owner, data=nul).messages.count() == 4
