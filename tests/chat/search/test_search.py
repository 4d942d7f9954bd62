"""What a search finds: the same in SQLite and PostgreSQL, and with no index at all."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from chat import services
from chat.exports import export_json, import_json
from chat.models import Conversation, Message, SearchText
from chat.search import conversation_list, index, query_read
from chat.search.index import index_drop, index_fill, index_make
from chat.search.listing import hits_in
from common.folding import fold
from tests.chat.test_messages import ended
from tests.scripted import ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)


def chat(owner: User, *contents: str, title: str = "Untitled") -> Conversation:
    """A conversation of questions and answers in turn, made without a model."""
    made = services.conversation_create(owner=owner, title=title, auto_title=False)
    parent: Message | None = None
    for number, content in enumerate(contents):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        parent = Message.objects.create(
            conversation=made, parent=parent, role=role, content=content
        )
    services.conversation_configure(conversation=made, leaf_id=parent.id if parent else None)
    return made


def found(owner: User, text: str, where: str = "") -> list[str]:
    """The titles of what a search finds."""
    entries = conversation_list(owner=owner, query=query_read(text, where))
    return sorted(entry.conversation.title for entry in entries)


TEXTS = {
    "Russian": "Поездка в Москву и ёлка",
    "German": "Die Straße für Übergrößen",
    "French": "Une crème brûlée, garçon",
    "Decomposed": "Un cafe\u0301 au re\u0301sume\u0301",
    "Greek": "ΟΔΥΣΣΕΥΣ και Άνθρωπος",
    "Turkish": "İstanbul'da ılık DIŞ",
    "Wide": "ＣＯＲＴＥＸ ２０２６",
    "Japanese": "昨日は東京タワーに行きました",
    "Chinese": "我喜欢自然语言处理",
    "Korean": "서울특별시에 갑니다",
    "Arabic": "هذا كِتَاب أحمد",
    "Hebrew": "שָׁלוֹם עולם",
    "Code": "snake_case = 100% \\n 'quote'",
    "English": "The **Nile** river is long; don’t swim",
}
QUERIES = [
    ("МОСКВУ", ["Russian"]),
    ("елка", ["Russian"]),
    ("strasse", ["German"]),
    ("STRASSE", ["German"]),
    ("ubergrossen", ["German"]),
    ("übergrößen", ["German"]),
    ("CREME garcon", ["French"]),
    ("résumé", ["Decomposed"]),
    ("cafe\u0301", ["Decomposed"]),
    ("οδυσσεύς", ["Greek"]),
    ("ανθρωποσ", ["Greek"]),
    ("istanbul", ["Turkish"]),
    ("ISTANBUL", ["Turkish"]),
    ("dış", ["Turkish"]),
    ("ILIK", ["Turkish"]),
    ("cortex 2026", ["Wide"]),
    ("東京", ["Japanese"]),
    ("京タワ", ["Japanese"]),
    ("語言", []),
    ("语言", ["Chinese"]),
    ("言", ["Chinese"]),
    ("自然语言", ["Chinese"]),
    ("특별", ["Korean"]),
    ("كتاب احمد", ["Arabic"]),
    ("שלום", ["Hebrew"]),
    ("snake_case", ["Code"]),
    ("100%", ["Code"]),
    ("\\n", ["Code"]),
    ("'quote'", ["Code"]),
    ("snakeXcase", []),
    ("nile long", ["English"]),
    ('"nile river"', ["English"]),
    ('"river nile"', []),
    ("“Nile river”", ["English"]),
    ("don't", ["English"]),
    ("ILE", ["English"]),
    ("nile amazon", []),
    ('"nile river', ["English"]),
]


@pytest.fixture
def texts(owner: User) -> User:
    for title, content in TEXTS.items():
        chat(owner, content, title=title)
    return owner


@pytest.fixture(params=["index", "no index"])
def indexed(request: pytest.FixtureRequest, transactional_db: None) -> Any:
    """Each search must find the same in a database that cannot make the index."""
    if request.param == "index":
        yield
        return
    with connection.schema_editor() as editor:
        index_drop(apps, editor)
    yield
    with connection.schema_editor() as editor:
        index_make(apps, editor)


def test_every_script_is_found(indexed: None, texts: User) -> None:
    assert {text: found(texts, text) for text, _ in QUERIES} == dict(QUERIES)


HOSTILE = [
    "AND OR NEAR *", "NEAR(a b, 5)", "nile AND", "NOT nile", "folded:nile", '"', '""', '"""', "*",
    "nile*", "^nile", "(nile", "nile)", "{nile}", "nile'--", "'; DROP TABLE chat_message; --", "%",
    "_", "\\", "a\0b", "\ud800", "-nile", "+", "?", "nile " * 40, "x" * 200, "ﷺ" * 50, "﷽",
    "\u0301", "\u200b", "[a-z]", "x" * 10_000, '" ' * 5_000, "é" * 10_000,
]  # fmt: skip


def test_hostile_searches_find_what_stands_there_or_nothing(indexed: None, texts: User) -> None:
    for text in HOSTILE:
        assert set(found(texts, text, "text")) <= {"Code", "English"}, text


def test_the_words_of_a_query_language_are_words(owner: User) -> None:
    chat(owner, "near and far OR here", title="Words")
    assert found(owner, "AND OR NEAR *") == ["Words"]
    assert found(owner, '"near AND far"') == ["Words"]
    assert found(owner, "near NOT far") == []


def test_a_search_that_is_too_long_says_so(owner_client: Client, scripted: Any) -> None:
    page = owner_client.get("/chat/list/", {"q": "x" * 10_000}).content.decode()
    assert "A search has at most 200 characters." in page


def test_by_place_and_by_who_wrote_it(owner: User, other_user: User) -> None:
    chat(owner, "Tell me of rivers", "The Nile is one", title="Question")
    chat(owner, "Is it the Nile?", "It is the Amazon", title="Guess")
    chat(owner, "Nothing", title="The Nile")
    chat(other_user, "Nile", "Nile", title="Foreign Nile")
    assert found(owner, "nile") == ["Guess", "Question", "The Nile"]
    assert found(owner, "nile", "title") == ["The Nile"]
    assert found(owner, "nile", "text") == ["Guess", "Question"]
    assert found(owner, "nile", "you") == ["Guess"]
    assert found(owner, "nile", "answers") == ["Question"]
    assert found(owner, "nile", "elsewhere") == found(owner, "nile")


def test_titles_fold_too(owner: User) -> None:
    made = chat(owner, "x", title="Ärger mit Straßen")
    assert found(owner, "arger strassen", "title") == ["Ärger mit Straßen"]
    services.conversation_rename(conversation=made, title="Ёлка")
    assert found(owner, "елка") == ["Ёлка"]
    assert found(owner, "arger") == []


def kept() -> None:
    """Each message stands in the index, as it is."""
    texts = dict(SearchText.objects.values_list("message_id", "folded"))
    assert texts == {m.id: fold(m.content) for m in Message.objects.all()}


def test_every_write_is_found_at_once(owner: User, scripted: ScriptedEngine) -> None:
    scripted.reply("The Амазонка.", when=lambda r: r.priority == 0)
    scripted.reply("An answer to the edit", when=lambda r: r.priority == 0)
    scripted.reply("Another Ausführung", when=lambda r: r.priority == 0)
    made = services.conversation_create(owner=owner, title="Live", auto_title=False)
    question, answer = services.message_send(conversation=made, text="Which Fluß?")
    ended(answer)
    assert found(owner, "fluss") == found(owner, "амазонка") == ["Live"]
    edited = ended(services.message_edit(message=question, text="Which Gebirge?"))
    assert found(owner, "gebirge") == found(owner, "to the edit") == ["Live"]
    assert found(owner, "fluss") == ["Live"]  # the other version is there
    ended(services.message_regenerate(message=edited))
    assert found(owner, "ausfuhrung") == ["Live"]
    import_json(owner=owner, data=export_json(made).encode())
    assert found(owner, "ausfuhrung") == ["Live", "Live"]
    services.conversation_delete(conversation=made)
    assert found(owner, "ausfuhrung") == ["Live"]
    services.conversation_restore(conversation=made)
    assert found(owner, "ausfuhrung") == ["Live", "Live"]
    Message.objects.filter(id=answer.id).update(content="Überschrieben")
    assert found(owner, "uberschrieben") == ["Live"]
    answer.refresh_from_db()
    answer.content = "Viele"
    Message.objects.bulk_update([answer], ["content"])
    assert found(owner, "viele") == ["Live"]
    assert found(owner, "uberschrieben") == []
    kept()
    made.delete()
    assert found(owner, "ausfuhrung") == ["Live"]
    kept()


def test_a_question_that_was_taken_back_is_not_found(owner: User, scripted: ScriptedEngine) -> None:
    gate = threading.Event()
    scripted.reply("first", gate=gate)
    made = services.conversation_create(owner=owner, title="Live", auto_title=False)
    _, first = services.message_send(conversation=made, text="one")
    _, second = services.message_send(conversation=made, text="zweifelhaft")
    assert found(owner, "zweifelhaft") == ["Live"]
    services.message_discard(message=second)
    assert found(owner, "zweifelhaft") == []
    gate.set()
    ended(first)


def test_what_was_there_before_the_index_is_found(owner: User) -> None:
    chat(owner, "Eine alte Straße", title="Früher")
    SearchText.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE chat_conversation SET folded_title = ''")
    assert found(owner, "strasse") == found(owner, "fruher") == []
    with connection.schema_editor() as editor:
        index_fill(apps, editor)
    assert found(owner, "strasse") == found(owner, "fruher") == ["Früher"]
    kept()


def test_without_an_index_the_migration_says_so_and_all_is_found(
    owner: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    chat(owner, "Straße", title="Found")
    with connection.schema_editor() as editor:
        index_drop(apps, editor)
    with monkeypatch.context() as patch:
        for name in ("FTS5", "TRIGRAMS"):
            patch.setattr(index, name, (*getattr(index, name)[:1], "NO SUCH STATEMENT"))
        with connection.schema_editor() as editor:
            index_make(apps, editor)
    assert "read every message" in caplog.text
    assert found(owner, "strasse") == ["Found"]
    with connection.schema_editor() as editor:
        index_make(apps, editor)
    assert found(owner, "strasse") == ["Found"]


def test_the_migration_takes_what_is_there_along(owner: User) -> None:
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes("chat")[0]
    made = chat(owner, "Eine Straße", title="Früher")
    named = services.conversation_create(owner=owner, title="Of the model")
    try:
        MigrationExecutor(connection).migrate([("chat", "0002_sampling")])
    finally:
        MigrationExecutor(connection).migrate([newest])
    assert found(owner, "strasse") == found(owner, "fruher") == ["Früher"]
    kept()
    made.refresh_from_db()
    named.refresh_from_db()
    assert (made.named, named.named) == (True, False)


def test_hits_of_a_conversation_come_in_their_order(owner: User) -> None:
    made = chat(owner, "Nile one", "none", "the nile again", "NILE")
    chat(owner, "Nile elsewhere")
    contents = dict(made.messages.values_list("id", "content"))
    hits = hits_in(made, query_read("nile"))
    assert [contents[hit] for hit in hits] == ["Nile one", "the nile again", "NILE"]
    assert len(hits_in(made, query_read("nile", "answers"))) == 1


def test_the_excerpt_shows_what_was_found(owner: User) -> None:
    chat(owner, "word " * 50 + "Der Fluß\n\n<script> heißt Nil" + " word" * 50)
    excerpt = conversation_list(owner=owner, query="fluss")[0].excerpt
    assert "Der Fluß <script> heißt Nil" in excerpt
    assert (excerpt[0], excerpt[-1]) == ("…", "…")
