"""Reading the tree of messages: the path that is shown, siblings, the newest leaf of a branch.

Each function takes a fixed number of queries, whatever the length of the conversation.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from chat.models import Conversation, Message

PAGE = 40  # messages that a page shows before one scrolls up
DEEPEST = 100_000

PATH = """
WITH RECURSIVE path(id, parent_id, depth) AS (
    SELECT id, parent_id, 1 FROM chat_message WHERE id = %s
    UNION ALL
    SELECT m.id, m.parent_id, path.depth + 1
    FROM chat_message m JOIN path ON m.id = path.parent_id WHERE path.depth < %s
)
"""
IDS = "SELECT id FROM path ORDER BY depth DESC"


@dataclass(frozen=True, slots=True)
class Siblings:
    """Where a message stands among those with the same parent; `position` counts from 1."""

    position: int = 1
    total: int = 1
    previous: UUID | None = None
    next: UUID | None = None


def path_read(leaf: UUID | None, limit: int = DEEPEST) -> list[Message]:
    """Give the last `limit` messages from the root down to `leaf`, with their runs.

    Both are read in one statement. In two, a run that ends between them would be seen as ended, and
    its answer without the text that the same transaction brings.
    """
    if leaf is None:
        return []
    key = Message._meta.pk.get_db_prep_value(leaf, connection)
    rows = Message.objects.select_related("run").defer("run__output", "run__thinking")
    found = {row.id: row for row in rows.filter(id__in=RawSQL(PATH + IDS, [key, limit]))}
    path = []
    while leaf in found:
        path.append(found[leaf])
        leaf = found[leaf].parent_id
    return path[::-1]


def path_ids(leaf: UUID | None) -> list[UUID]:
    """Give the ids from the root down to `leaf`."""
    if leaf is None:
        return []
    field = Message._meta.pk
    with connection.cursor() as cursor:
        cursor.execute(PATH + IDS, [field.get_db_prep_value(leaf, connection), DEEPEST])
        return [field.to_python(key) for (key,) in cursor.fetchall()]


def siblings_read(conversation_id: UUID, messages: list[Message]) -> dict[UUID, Siblings]:
    """Give the siblings of each message that has any."""
    parents = {message.parent_id for message in messages}
    family = Q(parent_id__in=parents - {None})
    if None in parents:
        family |= Q(conversation_id=conversation_id, parent=None)
    rows = Message.objects.filter(family).order_by("created_at", "id")
    families: dict[UUID | None, list[UUID]] = defaultdict(list)
    for key, parent in rows.values_list("id", "parent_id"):
        families[parent].append(key)
    return {
        message.id: _place(message.id, families[message.parent_id])
        for message in messages
        if len(families[message.parent_id]) > 1
    }


def _place(key: UUID, family: list[UUID]) -> Siblings:
    index = family.index(key)
    return Siblings(
        position=index + 1,
        total=len(family),
        previous=family[index - 1] if index else None,
        next=family[index + 1] if index + 1 < len(family) else None,
    )


def newest_leaf(message: Message) -> UUID:
    """Give the end of the branch that goes through `message`, along the newest children."""
    rows = Message.objects.filter(conversation_id=message.conversation_id)
    newest = dict(rows.order_by("created_at", "id").values_list("parent_id", "id"))
    leaf = message.id
    while leaf in newest:
        leaf = newest[leaf]
    return leaf


def conversation_path(conversation: Conversation, limit: int = DEEPEST) -> list[Message]:
    """Give the path that the conversation shows."""
    return path_read(conversation.leaf_id, limit)
