"""Two tabs always show the same: each is told what the other one did, and what the model did."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.test import Client

from chat import services
from chat.models import Conversation, Message
from chat.routing import websocket_urlpatterns
from tests.chat.test_messages import ended, grow, say
from tests.scripted import ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)
ACK = json.dumps({"type": "ack"})


@pytest.fixture
def conversation(owner: User, scripted: ScriptedEngine) -> Conversation:
    return services.conversation_create(owner=owner, title="Rivers", auto_title=False)


class Tab(WebsocketCommunicator):
    """A page that follows, from the address that it was made with."""

    def __init__(self, user: User, address: str) -> None:
        super().__init__(URLRouter(websocket_urlpatterns), address)
        self.scope["user"] = user

    async def frame(self) -> Any:
        message = await self.receive_output(10)
        await self.send_to(text_data=ACK)
        return json.loads(message["text"])

    async def until(self, condition: Callable[[Any], bool]) -> Any:
        """Read frames up to one that says what is waited for."""
        while not condition(frame := await self.frame()):
            pass
        return frame


def socket_of(client: Client, address: str) -> str:
    html = client.get(address).content.decode()
    found = re.search(r'id="following"[^>]*data-socket="([^"]+)"', html)
    assert found
    return found[1].replace("&amp;", "&")


async def opened(client: Client, user: User, address: str) -> Tab:
    tab = Tab(user, await sync_to_async(socket_of)(client, address))
    assert (await tab.connect())[0]
    return tab


async def done(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await sync_to_async(function)(*args, **kwargs)


def ids(frame: Any) -> list[str]:
    return [entry["id"] for entry in frame["thread"]]


async def test_a_question_of_another_tab_comes_with_its_answer(
    owner: User, owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("one")
    first = await done(say, conversation, "Hi")
    tab = await opened(owner_client, owner, f"/chat/{conversation.id}/")
    gate = threading.Event()
    scripted.reply("two", gate=gate)
    question, answer = await done(
        services.message_send, conversation=conversation, text="More <b>?"
    )
    frame = await tab.until(lambda frame: "thread" in frame)
    assert ids(frame)[-3:] == [str(first.id), str(question.id), str(answer.id)]
    known, asked, begun = frame["thread"][-3:]
    assert "html" not in known
    assert "More &lt;b&gt;?" in asked["html"]
    assert "ws-connect" in begun["html"]
    assert f'data-version="{begun["version"]}"' in begun["html"]
    gate.set()
    await done(ended, answer)
    frame = await tab.until(lambda f: "thread" in f and "html" in f["thread"][-1])
    assert '<p dir="auto">two</p>' in frame["thread"][-1]["html"]
    assert "html" not in frame["thread"][-2]
    await tab.disconnect()


async def test_a_page_that_is_up_to_date_is_told_nothing(
    owner: User, owner_client: Client, conversation: Conversation
) -> None:
    await done(grow, conversation, 60)
    tab = await opened(owner_client, owner, f"/chat/{conversation.id}/")
    assert await tab.receive_nothing(0.5)
    await done(services.conversation_rename, conversation=conversation, title="Streams")
    frame = await tab.frame()
    assert (frame["title"], frame["list"]) == ("Streams", True)
    assert len(frame["thread"]) == 40
    assert not any("html" in entry for entry in frame["thread"])
    assert "picker" not in frame
    await done(services.conversation_configure, conversation=conversation, model="scripted-model")
    assert 'value="scripted-model" selected' in (await tab.frame())["picker"]
    await tab.disconnect()


async def test_what_happened_while_a_page_was_on_its_way_is_told(
    owner: User, owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("one")
    await done(say, conversation, "Hi")
    address = await done(socket_of, owner_client, f"/chat/{conversation.id}/")
    scripted.reply("two")
    last = await done(say, conversation, "More")
    tab = Tab(owner, address)
    await tab.connect()
    frame = await tab.frame()
    assert ids(frame)[-1] == str(last.id)
    assert all("html" in entry for entry in frame["thread"])
    await tab.disconnect()


async def test_every_change_of_the_shown_branch_is_told(
    owner: User, owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("one")
    first = await done(say, conversation, "Hi")
    tab = await opened(owner_client, owner, f"/chat/{conversation.id}/")
    scripted.reply("two")
    second = await done(services.message_regenerate, message=first)
    await tab.until(lambda f: "thread" in f and ids(f)[-1] == str(second.id))
    await done(ended, second)
    await done(services.message_select, message=first)
    frame = await tab.until(lambda f: "thread" in f and ids(f)[-1] == str(first.id))
    assert "Version 1 of 2" in frame["thread"][-1]["html"]
    await tab.disconnect()


async def test_a_question_that_waited_begins_and_one_that_was_taken_back_goes(
    owner: User, owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    gate = threading.Event()
    scripted.reply("one", gate=gate)
    _, first = await done(services.message_send, conversation=conversation, text="Hi")
    tab = await opened(owner_client, owner, f"/chat/{conversation.id}/")
    _, waiting = await done(services.message_send, conversation=conversation, text="More")
    await tab.until(lambda f: "thread" in f and ids(f)[-1] == str(waiting.id))
    await done(services.message_discard, message=waiting)
    await tab.until(lambda f: "thread" in f and ids(f)[-1] == str(first.id))
    _, waiting = await done(services.message_send, conversation=conversation, text="Again")
    scripted.reply("two")
    gate.set()
    await done(ended, waiting)
    frame = await tab.until(
        lambda f: "thread" in f and '<p dir="auto">two</p>' in f["thread"][-1].get("html", "")
    )
    assert ids(frame)[-1] == str(waiting.id)
    await tab.disconnect()


async def test_titles_come_without_being_asked_for(
    owner: User, owner_client: Client, scripted: ScriptedEngine
) -> None:
    gate = threading.Event()
    scripted.reply("The Nile.", when=lambda r: r.priority == 0)
    scripted.reply("Longest River,", gate=gate, when=lambda r: r.priority == 2)
    made = await done(services.conversation_begin, owner=owner, text="Longest river?")
    tab = await opened(owner_client, owner, f"/chat/{made.id}/")
    other = await opened(owner_client, owner, "/")
    gate.set()
    frame = await tab.until(lambda f: f.get("title") == "Longest River")
    assert frame["list"]
    assert (await other.until(lambda f: "list" in f)) == {"list": True}
    html = (await done(owner_client.get, f"/chat/{made.id}/")).content.decode()
    assert "every 2s" not in html
    await tab.disconnect()
    await other.disconnect()


async def test_a_deletion_is_told_and_foreign_chats_are_not(
    owner: User, other_user: User, owner_client: Client, conversation: Conversation
) -> None:
    await done(grow, conversation, 2)
    tab = await opened(owner_client, owner, f"/chat/{conversation.id}/")
    address = await done(socket_of, owner_client, f"/chat/{conversation.id}/")
    stranger = Tab(other_user, address)
    await stranger.connect()
    assert (await stranger.frame()) == {"list": True, "deleted": str(conversation.id)}
    await done(services.conversation_delete, conversation=conversation)
    frame = await tab.until(lambda f: "deleted" in f)
    assert frame == {"list": True, "deleted": str(conversation.id)}
    await tab.disconnect()
    await stranger.disconnect()


@pytest.mark.parametrize("query", ["", "?chat=x", "?chat=&seen=&list=", "?list=%00&seen=%ff"])
async def test_odd_addresses_are_followed_all_the_same(owner: User, query: str) -> None:
    tab = Tab(owner, f"/ws/chats/{query}")
    assert (await tab.connect())[0]
    assert (await tab.frame()) == {"list": True}
    await tab.disconnect()


async def test_a_reader_that_is_gone_leaves_nothing_behind(
    owner: User, owner_client: Client, conversation: Conversation
) -> None:
    await done(grow, conversation, 2)
    before = len(asyncio.all_tasks())
    tab = await opened(owner_client, owner, f"/chat/{conversation.id}/")
    await tab.disconnect()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= before
    assert await done(Message.objects.count) == 2
