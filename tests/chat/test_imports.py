"""Chats that other products exported are read as trees of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from chat.exports import import_file
from chat.models import Conversation, Message
from chat.tree import conversation_path
from common.errors import InvalidRequest
from tests.scripted import ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)


def node(key: str, parent: str | None, role: str, *parts: Any, **content: Any) -> Any:
    """An entry of ChatGPT's mapping."""
    message = {
        "author": {"role": role},
        "content": {"content_type": "text", "parts": list(parts), **content},
        "create_time": 1_700_000_000.5,
        "metadata": {"model_slug": "gpt"} if role == "assistant" else {},
    }
    return key, {"id": key, "parent": parent, "children": [], "message": message}


CHATGPT = {
    "title": "Rivers",
    "current_node": "e",
    "mapping": dict(
        [
            ("root", {"id": "root", "parent": None, "children": [], "message": None}),
            node("s", "root", "system", ""),
            node("a", "s", "user", "Longest?", {"asset_pointer": "picture"}),
            node("b", "a", "assistant", "search()", content_type="code"),
            node("c", "b", "tool", "results"),
            node("d", "c", "assistant", "The Nile."),
            node("e", "d", "user", "And", "now?"),
            node("f", "a", "assistant", "The Amazon."),
        ]
    ),
}
OPEN_WEBUI = {
    "id": "1",
    "title": "Mountains",
    "chat": {
        "system": "Be kind.",
        "history": {
            "currentId": "y",
            "messages": {
                "y": {
                    "parentId": "x",
                    "role": "assistant",
                    "content": "Everest.",
                    "model": "llama",
                },
                "x": {"parentId": None, "role": "user", "content": "Highest?", "timestamp": 1},
                "z": {"parentId": "x", "role": "assistant", "content": "K2."},
            },
        },
    },
}


def read(owner: User, data: Any) -> list[Conversation]:
    return import_file(owner=owner, data=json.dumps(data).encode())


def test_chatgpt(owner: User) -> None:
    made = read(owner, [CHATGPT])[0]
    assert made.title == "Rivers"
    path = [(m.role, m.content, m.model) for m in conversation_path(made)]
    assert path == [
        ("user", "Longest?", ""),
        ("assistant", "The Nile.", "gpt"),
        ("user", "And\n\nnow?", ""),
    ]
    other = made.messages.get(content="The Amazon.")
    assert other.parent == made.messages.get(content="Longest?")
    assert made.messages.order_by("created_at")[0].created_at == datetime(
        2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC
    )


def test_open_webui(owner: User) -> None:
    made = read(owner, [OPEN_WEBUI])[0]
    assert (made.title, made.system_prompt) == ("Mountains", "Be kind.")
    assert [m.content for m in conversation_path(made)] == ["Highest?", "Everest."]
    assert made.messages.get(content="Everest.").model == "llama"
    assert made.messages.count() == 3


def test_many_chats_of_a_file_lead_to_the_list(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    file = SimpleUploadedFile("conversations.json", json.dumps([CHATGPT, CHATGPT]).encode())
    response = owner_client.post("/chat/import/", {"file": file}, follow=True)
    assert "2 chats were imported." in response.content.decode()
    assert Conversation.objects.count() == 2


@pytest.mark.parametrize(
    "data",
    [
        [],
        [CHATGPT, OPEN_WEBUI],
        [CHATGPT, 5],
        {"mapping": []},
        {"mapping": {"a": 5}},
        {"mapping": {}},
        {"chat": {"history": {"messages": {"a": None}}}},
        {"mapping": {"a": {"parent": "a", "message": {"author": {"role": "user"}}}}},
    ],
)
def test_what_is_neither_is_refused(owner: User, data: Any) -> None:
    with pytest.raises(InvalidRequest):
        read(owner, data)
    assert not Message.objects.exists()


def test_a_circle_is_left_out(owner: User) -> None:
    mapping = dict([node("a", "b", "user", "1"), node("b", "a", "user", "2")])
    mapping |= dict([node("c", None, "user", "3"), node("d", "gone", "user", "4")])
    made = read(owner, [{"mapping": mapping, "current_node": "a"}])[0]
    assert sorted(made.messages.values_list("content", flat=True)) == ["3", "4"]
