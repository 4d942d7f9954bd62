"""The list in the sidebar: by date, or what a search finds in titles and messages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from chat.models import Conversation, Message, SearchText
from chat.search.index import index_matches
from chat.search.marks import excerpt_of
from chat.search.query import Query, query_read

SHOWN = 100  # conversations; older ones are found by searching


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation of the list, with an `excerpt` of the newest message that a search found."""

    conversation: Conversation
    excerpt: str = ""
    address: str = ""  # what follows the conversation's own, to open it there


@dataclass(frozen=True, slots=True)
class Group:
    label: str
    entries: list[Entry] = field(default_factory=list)


def conversation_list(*, owner: User, query: str | Query = "") -> list[Entry]:
    """Pinned ones first, then by their last message; at most SHOWN + 1, to tell that more exist."""
    search = query_read(query) if isinstance(query, str) else query
    rows = Conversation.objects.filter(owner=owner, deleted_at=None, leaf__isnull=False)
    if search.is_empty:
        return [Entry(row) for row in rows[: SHOWN + 1]]
    if not search.terms:
        return []
    found, newest = Q(), dict[UUID, UUID]()
    texts = texts_find(owner, search)
    few = index_matches(search.terms) if search.in_texts else None
    if few is not None:
        newest = _newest(texts.filter(id__in=few))
        found = Q(pk__in=list(newest))
    elif search.in_texts:
        found = Q(Exists(texts.filter(message__conversation=OuterRef("pk"))))
    if search.in_titles:
        found |= _all_terms("folded_title", search.terms)
    shown = list(rows.filter(found)[: SHOWN + 1])
    if few is None and search.in_texts:
        newest = _newest_each(shown, texts)
    return _entries(shown, newest, search)


def texts_find(owner: User, search: Query) -> QuerySet[SearchText]:
    """Find the messages in which all terms stand, whatever their branch."""
    texts = SearchText.objects.filter(
        _all_terms("folded", search.terms),
        message__conversation__owner=owner,
        message__conversation__deleted_at=None,
    )
    roles = {"you": Message.Role.USER, "answers": Message.Role.ASSISTANT}
    if search.where in roles:
        texts = texts.filter(message__role=roles[search.where])
    return texts


def hit_address(search: Query, message: UUID) -> str:
    """Write what follows the address of a conversation, to open it at a message."""
    query = {"q": search.text, "in": search.where, "message": str(message)}
    return f"?{urlencode(query)}#message-{message}"


def hits_in(conversation: Conversation, search: Query) -> list[UUID]:
    """Give the messages of a conversation in which all terms stand, in their order."""
    texts = texts_find(conversation.owner, search).filter(message__conversation=conversation)
    in_order = texts.order_by("message__created_at", "message_id")
    return list(in_order.values_list("message_id", flat=True))


def _all_terms(column: str, terms: Iterable[str]) -> Q:
    condition = Q()
    for term in terms:
        condition &= Q(**{f"{column}__contains": term})
    return condition


def _entries(rows: list[Conversation], newest: dict[UUID, UUID], search: Query) -> list[Entry]:
    hits = [newest[row.id] for row in rows if row.id in newest]
    messages = Message.objects.filter(id__in=hits)
    contents = dict(messages.values_list("conversation_id", "content"))
    return [
        Entry(
            row,
            excerpt_of(contents[row.id], search.terms) if row.id in contents else "",
            hit_address(search, newest[row.id]) if row.id in newest else "",
        )
        for row in rows
    ]


def _newest(texts: QuerySet[SearchText]) -> dict[UUID, UUID]:
    """Conversation id -> the newest of these messages."""
    in_order = texts.order_by("message__created_at")
    return dict(in_order.values_list("message__conversation_id", "message_id"))


def _newest_each(rows: list[Conversation], texts: QuerySet[SearchText]) -> dict[UUID, UUID]:
    """The same for texts that are many: each conversation is read from its end to the first."""
    own = texts.filter(message__conversation=OuterRef("pk")).order_by("-message__created_at")
    shown = Conversation.objects.filter(pk__in=[row.pk for row in rows]).order_by()
    found = shown.annotate(hit=Subquery(own.values("message")[:1])).exclude(hit=None)
    return dict(found.values_list("pk", "hit"))


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
