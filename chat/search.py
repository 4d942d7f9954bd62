"""The list in the sidebar: by date, or what a search finds in titles and messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from chat.models import Conversation, Message

SHOWN = 100  # conversations; older ones are found by searching
FOUND = 200  # messages that a search looks at, the newest first
AROUND = 60  # characters of an excerpt before the word that was found


@dataclass(frozen=True, slots=True)
class Entry:
    conversation: Conversation
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    entries: list[Entry] = field(default_factory=list)


def conversation_list(*, owner: User, query: str = "") -> list[Entry]:
    """Pinned ones first, then by their last message; at most SHOWN + 1, to tell that more exist."""
    rows = Conversation.objects.filter(owner=owner, deleted_at=None, leaf__isnull=False)
    words = query.split()[:8]
    if not words:
        return [Entry(row) for row in rows[: SHOWN + 1]]
    excerpts = _excerpts(owner, words)
    found = rows.filter(_all_words("title", words) | Q(id__in=list(excerpts)))
    return [Entry(row, excerpts.get(row.id, "")) for row in found[: SHOWN + 1]]


def _all_words(column: str, words: list[str]) -> Q:
    condition = Q()
    for word in words:
        condition &= Q(**{f"{column}__icontains": word})
    return condition


def _excerpts(owner: User, words: list[str]) -> dict[object, str]:
    """Conversation id -> the newest place where all the words stand in one message."""
    rows = Message.objects.filter(
        _all_words("content", words), conversation__owner=owner, conversation__deleted_at=None
    )
    found = rows.order_by("-created_at").values_list("conversation_id", "content")[:FOUND]
    return {key: _excerpt(text, words[0]) for key, text in reversed(found)}


def _excerpt(text: str, word: str) -> str:
    text = " ".join(text.split())
    at = max(text.lower().find(word.lower()), 0)
    start = max(at - AROUND // 2, 0)
    return ("…" if start else "") + text[start : start + 2 * AROUND]


def conversation_groups(entries: Iterable[Entry]) -> list[Group]:
    """Under headings such as Today."""
    now = timezone.localtime()
    grouped = groupby(entries, key=lambda entry: _label(entry.conversation, now))
    return [Group(label, list(group)) for label, group in grouped]


def _label(conversation: Conversation, now: datetime) -> str:
    if conversation.pinned:
        return "Pinned"
    day: date = timezone.localtime(conversation.updated_at).date()
    if day >= now.date():
        return "Today"
    if day == now.date() - timedelta(days=1):
        return "Yesterday"
    if day > now.date() - timedelta(days=7):
        return "Last week"
    return f"{day:%B %Y}"
