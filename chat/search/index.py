"""The index behind a search: SQLite's FTS5 or PostgreSQL's pg_trgm, over the folded texts.

What is found is decided by the folded text alone, the same in each database: an index narrows what
must be looked at. Without one a search reads every text of its owner; `manage.py migrate` says so.
"""

from __future__ import annotations

import logging
from typing import Any

from django.apps.registry import Apps
from django.db import DatabaseError, connection, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from common.folding import fold

logger = logging.getLogger(__name__)

SHORTEST = 3  # characters of a term: an index knows three in a row
FEW = 1000  # texts; of words that stand in more of them a look at each conversation is faster
BATCH = 500

# The table holds no text of its own. Its triggers stand on chat_searchtext, which nothing but
# chat.models writes: a migration that remakes that table has to make them anew.
FTS5 = (
    "CREATE VIRTUAL TABLE chat_searchtext_fts USING fts5(folded, content='chat_searchtext',"
    " content_rowid='id', tokenize='trigram case_sensitive 1')",
    "CREATE TRIGGER chat_searchtext_added AFTER INSERT ON chat_searchtext BEGIN"
    " INSERT INTO chat_searchtext_fts(rowid, folded) VALUES (new.id, new.folded); END",
    "CREATE TRIGGER chat_searchtext_removed AFTER DELETE ON chat_searchtext BEGIN"
    " INSERT INTO chat_searchtext_fts(chat_searchtext_fts, rowid, folded)"
    " VALUES ('delete', old.id, old.folded); END",
    "CREATE TRIGGER chat_searchtext_changed AFTER UPDATE ON chat_searchtext BEGIN"
    " INSERT INTO chat_searchtext_fts(chat_searchtext_fts, rowid, folded)"
    " VALUES ('delete', old.id, old.folded);"
    " INSERT INTO chat_searchtext_fts(rowid, folded) VALUES (new.id, new.folded); END",
    "INSERT INTO chat_searchtext_fts(chat_searchtext_fts) VALUES ('rebuild')",
)
FTS5_GONE = (
    "DROP TRIGGER IF EXISTS chat_searchtext_added",
    "DROP TRIGGER IF EXISTS chat_searchtext_removed",
    "DROP TRIGGER IF EXISTS chat_searchtext_changed",
    "DROP TABLE IF EXISTS chat_searchtext_fts",
)
TRIGRAMS = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX chat_searchtext_trigrams ON chat_searchtext USING gin (folded gin_trgm_ops)",
)
TRIGRAMS_GONE = ("DROP INDEX IF EXISTS chat_searchtext_trigrams",)

FOUND = "SELECT rowid FROM chat_searchtext_fts WHERE chat_searchtext_fts MATCH %s LIMIT %s"


def index_make(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Make the index where the database can, for a migration."""
    made = editor.connection
    statements = FTS5 if made.vendor == "sqlite" else TRIGRAMS
    try:
        with transaction.atomic(made.alias), made.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    except DatabaseError as error:
        logger.warning(
            "This database cannot index parts of words (%s). Searches find the same without, "
            "but read every message; with many thousands they are slow.",
            str(error).strip(),
        )


def index_drop(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Undo `index_make`."""
    statements = FTS5_GONE if editor.connection.vendor == "sqlite" else TRIGRAMS_GONE
    with editor.connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def index_fill(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Fold what was written before there was an index, for a migration."""
    texts = apps.get_model("chat", "SearchText").objects
    rows = apps.get_model("chat", "Message").objects.values_list("id", "content")
    batch: list[Any] = []
    for key, content in rows.iterator(BATCH):
        batch.append(texts.model(message_id=key, folded=fold(content)))
        if len(batch) == BATCH:
            texts.bulk_create(batch)
            batch = []
    texts.bulk_create(batch)
    conversations = apps.get_model("chat", "Conversation").objects
    for row in conversations.only("id", "title").iterator(BATCH):
        conversations.filter(id=row.id).update(folded_title=fold(row.title))


def index_matches(terms: tuple[str, ...]) -> list[int] | None:
    """Give the ids of the few texts in which all terms stand that the index knows. None where it
    knows nothing, where there are many, and where the database takes its index by itself."""
    known = [term for term in terms if len(term) >= SHORTEST]
    if not known or not _has_fts5():
        return None
    words = (term.replace('"', '""') for term in known)
    with connection.cursor() as cursor:
        cursor.execute(FOUND, [" AND ".join(f'"{word}"' for word in words), FEW + 1])
        found = [key for (key,) in cursor.fetchall()]
    return found if len(found) <= FEW else None


def _has_fts5() -> bool:
    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'chat_searchtext_fts'")
        return cursor.fetchone() is not None
