"""Conversations and messages in the admin: found, read, not rewritten."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from chat.models import Conversation, Message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def message(owner: User) -> Message:
    conversation = Conversation.objects.create(owner=owner, title="Rivers")
    return Message.objects.create(conversation=conversation, role="user", content="The <Nile>")


@pytest.mark.parametrize("kind", ["conversation", "message"])
def test_found_by_what_was_said(owner_client: Client, message: Message, kind: str) -> None:
    address = f"/admin/chat/{kind}/"
    assert "Rivers" in owner_client.get(address, {"q": "nile"}).content.decode()
    assert "Rivers" not in owner_client.get(address, {"q": "desert"}).content.decode()


def test_messages_are_read_only(owner_client: Client, message: Message) -> None:
    address = f"/admin/chat/message/{message.id}/change/"
    page = owner_client.get(address).content.decode()
    assert "The &lt;Nile&gt;" in page
    assert "<textarea" not in page
    assert owner_client.post(address, {"content": "forged"}).status_code == 403
    message.refresh_from_db()
    assert message.content == "The <Nile>"


def test_a_conversation_can_be_set_up(owner_client: Client, message: Message) -> None:
    address = f"/admin/chat/conversation/{message.conversation_id}/change/"
    assert "Rivers" in owner_client.get(address).content.decode()


def test_the_admin_finds_what_the_chat_finds(owner: User, owner_client: Client) -> None:
    made = Conversation.objects.create(owner=owner, title="Ärger", model="m")
    Message.objects.create(conversation=made, role="user", content="Die Straße")
    for kind in ("conversation", "message"):
        for query in ("arger", "STRASSE"):
            response = owner_client.get(f"/admin/chat/{kind}/", {"q": query})
            assert response.context["cl"].result_count == 1, (kind, query)


@pytest.mark.parametrize("tools", ["[" * 500 + "]" * 500, "[" * 100_000, "9" * 5000])
def test_what_cannot_be_read_is_told_beside_its_field(
    owner_client: Client, message: Message, tools: str
) -> None:
    address = f"/admin/chat/conversation/{message.conversation_id}/change/"
    answer = owner_client.post(address, {"title": "Lakes", "tools": tools})
    assert answer.status_code == 200
    assert "This is not JSON" in answer.content.decode()
