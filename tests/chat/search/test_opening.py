"""A hit opens where it stands: in its branch, among its neighbours, marked; and so the next."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from chat import services
from chat.models import Conversation, Message
from tests.chat.test_messages import ended, grow, say
from tests.scripted import ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def conversation(owner: User, scripted: ScriptedEngine) -> Conversation:
    return services.conversation_create(owner=owner, title="Rivers", auto_title=False)


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def hit_of(client: Client, query: str) -> str:
    """Where the first hit of a search leads."""
    found = re.search(r'class="conversation__link" href="([^"]+)"', page(client, f"/?q={query}"))
    assert found
    return html.unescape(found[1])


def shown(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"data-source>m(\d+)<", text)]


def test_a_hit_is_marked_and_can_have_the_focus(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("The **Amazonas** carries most.")
    answer = say(conversation, "Which Fluß?")
    address = hit_of(owner_client, "amazonas")
    assert address.endswith(f"#message-{answer.id}")
    opened = page(owner_client, address)
    assert "<strong><mark>Amazonas</mark></strong>" in opened
    article = re.search(rf'<article[^>]*id="message-{answer.id}"[^>]*>', opened)
    assert article
    assert "message--opened" in article[0]
    assert 'tabindex="-1"' in article[0]
    assert "autofocus" not in opened
    assert "1 of 1 message" in opened
    assert "<mark>Fluß</mark>" in page(owner_client, hit_of(owner_client, "fluss"))


def test_a_hit_far_up_opens_with_its_neighbours(
    owner_client: Client, conversation: Conversation
) -> None:
    grow(conversation, 200)
    Message.objects.filter(content="m50").update(content="m50 needle")
    opened = page(owner_client, hit_of(owner_client, "needle"))
    assert "m50 <mark>needle</mark>" in opened
    numbers = shown(opened)
    assert (min(numbers), max(numbers)) == (31, 70)
    assert 'hx-post="/chat/' not in re.search(r'<form class="composer".*?>', opened, re.S)[0]  # type: ignore[index]
    assert "chat=" not in re.search(r'data-socket="([^"]*)"', opened)[1]  # type: ignore[index]
    later = re.search(r'<p class="later"><a [^>]*href="([^"]+)"', opened)
    assert later
    assert max(shown(page(owner_client, f"/chat/{conversation.id}/{html.unescape(later[1])}"))) > 70


def test_one_goes_from_hit_to_hit(owner_client: Client, conversation: Conversation) -> None:
    grow(conversation, 100)
    for number in (10, 50, 90):
        Message.objects.filter(content=f"m{number}").update(content=f"m{number} needle")
    address, seen = hit_of(owner_client, "needle"), []
    while address:
        opened = page(owner_client, address)
        seen.append(re.search(r"(\d) of 3 messages", opened)[1])  # type: ignore[index]
        link = re.search(r'href="([^"]+)"\s+aria-label="Previous message that was found"', opened)
        address = f"/chat/{conversation.id}/{html.unescape(link[1])}" if link else ""
    assert seen == ["3", "2", "1"]


def test_a_hit_in_another_version_shows_that_version(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("first needle")
    scripted.reply("second")
    first = say(conversation, "Hi")
    ended(services.message_regenerate(message=first))
    opened = page(owner_client, hit_of(owner_client, "needle"))
    assert "first <mark>needle</mark>" in opened
    assert "Version 1 of 2" in opened
    conversation.refresh_from_db()
    assert conversation.leaf_id == first.id


@pytest.mark.parametrize("query", ["message=x", "message=00000000-0000-0000-0000-000000000001"])
def test_a_message_that_is_not_there_is_not_found(
    owner_client: Client, conversation: Conversation, query: str
) -> None:
    grow(conversation, 2)
    assert owner_client.get(f"/chat/{conversation.id}/?{query}").status_code == 404


def test_a_message_that_was_not_found_opens_too(
    owner_client: Client, conversation: Conversation
) -> None:
    grow(conversation, 100)
    for query in ("", "&q=", "&q=nothing", "&q=*", "&q=" + "x" * 300):
        key = Message.objects.get(content="m3").id
        opened = page(owner_client, f"/chat/{conversation.id}/?message={key}{query}")
        assert 3 in shown(opened)
        assert "<mark>" not in opened


def test_the_list_says_where_was_looked(owner_client: Client, conversation: Conversation) -> None:
    grow(conversation, 2)
    found = page(owner_client, "/chat/list/?q=rivers&in=title")
    assert '<span class="conversation__title" dir="auto">Rivers</span>' in found
    assert "Nothing found for “rivers” in answers." in page(
        owner_client, "/chat/list/?q=rivers&in=answers"
    )
    assert '<option value="you" selected>' in page(owner_client, "/?q=x&in=you")
