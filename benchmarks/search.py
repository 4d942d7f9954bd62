"""How long a search takes over 10,000 messages, with the index of the database and without.

    python -m benchmarks.search [messages]

The database is made anew in a temporary folder, or is the empty one that DATABASE_URL names.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time

import django

WORDS = [
    "river", "mountain", "answer", "because", "function", "Straße", "größer", "Москва", "ответ",
    "вопрос", "garçon", "déjà", "東京", "自然语言处理", "ΟΔΥΣΣΕΥΣ", "the", "and", "of",
    "to", "in", "a", "is", "that", "model", "database", "search", "people", "years",
]  # fmt: skip
QUERIES = ["needle", "strasse москва", "東京", "自然语", '"the and"', "e", "nothing here"]
LENGTH = 150  # words of a message
ROUNDS = 7


def main() -> None:
    folder = tempfile.mkdtemp(prefix="cortex-search-")
    os.environ.update(DATA_DIR=folder, ENV_FILE=os.devnull)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cortex_site.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    began = time.perf_counter()
    owner = fill(count)
    print(f"{count} messages written in {time.perf_counter() - began:.1f} s")
    print("| query | found | median with index, ms | without, ms |\n|---|---|---|---|")
    indexed = {query: measure(owner, query) for query in QUERIES}
    drop()
    for query in QUERIES:
        (found, fast), (same, slow) = indexed[query], measure(owner, query)
        assert found == same, query
        print(f"| {query} | {found} | {fast:.1f} | {slow:.1f} |")


def fill(count: int):
    """Conversations of 50 messages each; one message in a thousand has the needle."""
    from django.contrib.auth.models import User

    from chat.models import Conversation, Message

    owner, draw = User.objects.create_user("bench"), random.Random(1)
    for first in range(0, count, 50):
        made = Conversation.objects.create(owner=owner, title=f"Chat {first}")
        messages: list[Message] = []
        for number in range(first, min(first + 50, count)):
            text = " ".join(draw.choices(WORDS, k=LENGTH))
            messages.append(
                Message(
                    conversation=made,
                    parent=messages[-1] if messages else None,
                    role="assistant" if number % 2 else "user",
                    content=text + (" needle" if number % 1000 == 7 else ""),
                )
            )
        Message.objects.bulk_create(messages)
        Conversation.objects.filter(id=made.id).update(leaf=messages[-1])
    return owner


def measure(owner, query: str) -> tuple[int, float]:
    """How many conversations a search finds, and the median time in milliseconds."""
    from chat.search import conversation_list

    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        entries = conversation_list(owner=owner, query=query)
        times.append(time.perf_counter() - began)
    return len(entries), sorted(times)[ROUNDS // 2] * 1000


def drop() -> None:
    from django.apps import apps
    from django.db import connection

    from chat.search.index import index_drop

    with connection.schema_editor() as editor:
        index_drop(apps, editor)


if __name__ == "__main__":
    main()
