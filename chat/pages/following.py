"""Open pages follow the conversations of their owner, so that all tabs show the same.

A page says over its WebSocket what it was made with. Whenever something is new (a question from
another tab, an answer that begins or has ended, a title, a deletion) it is told what its thread is
made of now, with the HTML of the messages that it cannot have; `static/js/conversation.js` brings
the page there. That can be done twice without harm, so it may come together with the answer to a
request of the page's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Iterable
from urllib.parse import urlencode
from uuid import UUID

from django.template.loader import render_to_string

from agents.log import wakeups
from agents.log.events import on_reader_thread
from agents.web.consumers import RunConsumer
from chat.context import models
from chat.models import Conversation, Message
from chat.rendering.presenting import message_version, message_view
from chat.search import SHOWN
from chat.services import announcements
from chat.tree import PAGE, Siblings, path_read, siblings_read
from common.types import JSON

ADDRESS = "ws/chats/"
POLL_SECONDS = 20.0  # the safety net under the wake-ups


def socket_address(
    owner_id: int, shown: Conversation | None, versions: Iterable[tuple[UUID, str]] = ()
) -> str:
    """Tell where a page follows; `shown` is the conversation whose newest messages it has."""
    query = {"list": list_digest(owner_id)}
    if shown is not None:
        query |= {"chat": str(shown.id), "seen": thread_digest(shown, versions)}
    return f"/{ADDRESS}?{urlencode(query)}"


def list_digest(owner_id: int) -> str:
    """Tell apart what the list in the sidebar may show."""
    rows = Conversation.objects.filter(owner=owner_id, deleted_at=None, leaf__isnull=False)
    return _digest(*rows.values_list("id", "title", "pinned")[: SHOWN + 1])


def thread_digest(shown: Conversation, versions: Iterable[tuple[UUID, str]]) -> str:
    """Tell apart what a page may show of a conversation."""
    return _digest(shown.title, shown.model, *versions)


def _digest(*values: object) -> str:
    return hashlib.sha256(repr(values).encode("utf-8", "replace")).hexdigest()[:16]


class Following:
    """What one page shows, and what has changed since."""

    def __init__(self, owner_id: int, chat: UUID | None, seen: str, listed: str) -> None:
        self._owner_id, self._chat = owner_id, chat
        self._seen, self._listed = seen, listed
        self._known: dict[UUID, str] | None = None  # message -> version; None before the first look
        self._model: str | None = None

    def look(self) -> JSON:
        """Give what is new; nothing when nothing is."""
        frame: JSON = {}
        listed = list_digest(self._owner_id)
        if listed != self._listed:
            self._listed = listed
            frame["list"] = True
        if self._chat is not None:
            frame |= self._look_at(self._chat)
        return frame

    def _look_at(self, chat: UUID) -> JSON:
        rows = Conversation.objects.filter(id=chat, owner=self._owner_id, deleted_at=None)
        shown = rows.first()
        if shown is None:
            self._chat = None
            return {"deleted": str(chat)}
        messages = path_read(shown.leaf_id, PAGE)
        siblings = siblings_read(shown.id, messages)
        versions = {m.id: message_version(m, siblings.get(m.id)) for m in messages}
        seen = thread_digest(shown, versions.items())
        is_new, known, model = seen != self._seen, self._known or {}, self._model
        self._seen, self._known, self._model = seen, versions, shown.model
        if not is_new:
            return {}
        entries = [_entry(m, siblings.get(m.id), versions[m.id], known) for m in messages]
        picker = {} if model == shown.model else {"picker": _picker(shown)}
        return {"title": str(shown), "thread": entries, **picker}


def _entry(
    message: Message, siblings: Siblings | None, version: str, known: dict[UUID, str]
) -> JSON:
    """A message of the thread; with its HTML unless the page has this version."""
    entry: JSON = {"id": str(message.id), "version": version}
    if known.get(message.id) != version:
        view = message_view(message, siblings)
        entry["html"] = render_to_string("chat/_message.html", {"view": view}).strip()
    return entry


def _picker(shown: Conversation) -> str:
    return render_to_string("chat/_model_picker.html", models(shown)).strip()


async def frames(following: Following, owner_id: int) -> AsyncGenerator[str]:
    """Yield what changes, until the page is left."""
    async with wakeups.listen(announcements(owner_id)) as notifier:
        while True:
            if frame := await on_reader_thread(following.look):
                yield json.dumps(frame)
            await notifier.wait(POLL_SECONDS)


class ChatsConsumer(RunConsumer):
    """`/ws/chats/?list=<digest>&chat=<id>&seen=<digest>`, as `socket_address` writes it.

    Frames are acknowledged as those of a run are.
    """

    async def _frames(self) -> AsyncGenerator[str]:
        chat: UUID | None
        try:
            chat = UUID(self.query["chat"])
        except (KeyError, ValueError):
            chat = None
        owner_id = self.scope["user"].pk
        seen, listed = self.query.get("seen", ""), self.query.get("list", "")
        return frames(Following(owner_id, chat, seen, listed), owner_id)
