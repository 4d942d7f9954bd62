"""Titles that the model writes: clean, of the question that is shown, and never over a person's."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User

from agents.models import Run
from chat import services
from chat.models import Conversation, Message
from chat.titles import title_clean
from inference.types import GenerationRequest
from tests.chat.test_messages import ended
from tests.scripted import ScriptedEngine
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Longest River", "Longest River"),
        ('"Longest River"\n', "Longest River"),
        ("Longest River,", "Longest River"),
        ("Longest River;", "Longest River"),
        ("Longest River …", "Longest River"),
        ("Longest River -", "Longest River"),
        ("Title: Longest River.", "Longest River"),
        ("**Longest River**", "Longest River"),
        ("„Längster Fluss“,", "Längster Fluss"),
        ("最長の川、", "最長の川"),
        ("天気", "天気"),
        ("# Which Is Longest?", "Which Is Longest?"),
        (".NET and C#", ".NET and C#"),
        ("Sorting (in Place)", "Sorting (in Place)"),
        ("", ""),
        (" ,,, ", ""),
        ("x" * 61, ""),
        ("{json}", ""),
        ("I am sorry, but as a language model I cannot give a title to this conversation", ""),
    ],
)
def test_a_title_is_cleaned(said: str, title: str) -> None:
    assert title_clean(said) == title


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("The Longest River in Afri", "The Longest River in"),
        ("Longest, the", "Longest"),
        ("Lon", ""),
    ],
)
def test_a_word_that_was_cut_off_goes(said: str, title: str) -> None:
    assert title_clean(said, is_cut=True) == title


def is_title(request: GenerationRequest) -> bool:
    return request.priority == 2


def is_answer(request: GenerationRequest) -> bool:
    return request.priority == 0


def titled() -> None:
    """Wait until no title is being written."""
    eventually(lambda: Run.objects.filter(kind="title").exists())
    runs = Run.objects.filter(kind="title", state__in=Run.ACTIVE)
    eventually(lambda: not runs.exists())


def begin(owner: User, scripted: ScriptedEngine, text: str) -> tuple[Conversation, Message]:
    scripted.reply("Yes.", when=is_answer)
    conversation = services.conversation_begin(owner=owner, text=text)
    return conversation, ended(Message.objects.get(role="assistant"))


def test_an_edit_of_the_first_question_gives_another_title(
    owner: User, scripted: ScriptedEngine
) -> None:
    scripted.reply("Rivers,", when=is_title)
    conversation, answer = begin(owner, scripted, "Longest river?")
    titled()
    conversation.refresh_from_db()
    assert conversation.title == "Rivers"
    gate = threading.Event()
    scripted.reply("No.", when=is_answer)
    scripted.reply("Mountains", when=is_title, gate=gate)
    assert answer.parent
    ended(services.message_edit(message=answer.parent, text="Highest mountain?"))
    conversation.refresh_from_db()
    assert conversation.title == "Highest mountain?"
    gate.set()
    titled()
    conversation.refresh_from_db()
    assert (conversation.title, conversation.auto_title) == ("Mountains", False)


def test_a_title_of_the_old_question_comes_too_late(owner: User, scripted: ScriptedEngine) -> None:
    gate = threading.Event()
    scripted.reply("Rivers", when=is_title, gate=gate)
    conversation, answer = begin(owner, scripted, "Longest river?")
    scripted.wait_for_requests(2)
    scripted.reply("No.", when=is_answer)
    scripted.reply("Mountains", when=is_title)
    assert answer.parent
    ended(services.message_edit(message=answer.parent, text="Highest mountain?"))
    gate.set()
    eventually(lambda: Run.objects.filter(kind="title", state="completed").count() == 2)
    conversation.refresh_from_db()
    assert conversation.title == "Mountains"


def test_a_title_that_a_person_gave_stays(owner: User, scripted: ScriptedEngine) -> None:
    gate = threading.Event()
    scripted.reply("Rivers", when=is_title, gate=gate)
    conversation, answer = begin(owner, scripted, "Longest river?")
    services.conversation_rename(conversation=conversation, title="Mine")
    gate.set()
    titled()
    scripted.reply("No.", when=is_answer)
    assert answer.parent
    ended(services.message_edit(message=answer.parent, text="Highest mountain?"))
    conversation.refresh_from_db()
    assert (conversation.title, conversation.auto_title) == ("Mine", False)


def test_an_edit_further_down_leaves_the_title(owner: User, scripted: ScriptedEngine) -> None:
    scripted.reply("Rivers", when=is_title)
    conversation, _ = begin(owner, scripted, "Longest river?")
    titled()
    conversation.refresh_from_db()
    scripted.reply("Two.", when=is_answer)
    second = ended(services.message_send(conversation=conversation, text="And?")[1])
    scripted.reply("Three.", when=is_answer)
    assert second.parent
    ended(services.message_edit(message=second.parent, text="But?"))
    conversation.refresh_from_db()
    assert conversation.title == "Rivers"
