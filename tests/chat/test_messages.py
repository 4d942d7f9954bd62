"""Conversations as trees: sending, siblings, edits, queueing, continuing."""

from __future__ import annotations

import threading

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from agents.models import Run
from chat import context, services
from chat.errors import MessageConflict
from chat.models import Conversation, Message
from chat.tree import newest_leaf, path_read, siblings_read
from common.errors import InvalidRequest
from inference.errors import GenerationFailed, WorkerLost
from inference.models import LanguageModel
from tests.scripted import ScriptedEngine
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def conversation(owner: User, scripted: ScriptedEngine) -> Conversation:
    return services.conversation_create(owner=owner, title="Named", auto_title=False)


def ended(message: Message) -> Message:
    """The answer once its run is over."""
    rows = Message.objects.select_related("run", "conversation__owner")
    eventually(lambda: not services.message_is_unfinished(rows.get(id=message.id)))
    return rows.get(id=message.id)


def say(conversation: Conversation, text: str) -> Message:
    """Send a message and wait for the answer."""
    conversation.refresh_from_db()
    return ended(services.message_send(conversation=conversation, text=text)[1])


def test_an_answer_is_kept(conversation: Conversation, scripted: ScriptedEngine) -> None:
    scripted.reply("Paris it is.", thinking="Let me think.")
    answer = say(conversation, " Capital of France? ")
    assert (answer.content, answer.thinking) == ("Paris it is.", "Let me think.")
    assert answer.model == "scripted-model"
    assert answer.run
    assert answer.run.state == Run.State.COMPLETED
    assert [m.content for m in scripted.requests[0].messages] == ["Capital of France?"]


def test_settings_reach_the_model(conversation: Conversation, scripted: ScriptedEngine) -> None:
    services.conversation_configure(
        conversation=conversation, system_prompt="Be brief.", temperature=0.0, seed=7, max_tokens=9
    )
    scripted.reply("Yes.")
    say(conversation, "Hi")
    request = scripted.requests[0]
    assert [m.role for m in request.messages] == ["system", "user"]
    assert (request.sampling.temperature, request.sampling.seed, request.max_tokens) == (0.0, 7, 9)


def test_rows_stand_before_the_answer(conversation: Conversation, scripted: ScriptedEngine) -> None:
    gate = threading.Event()
    scripted.reply("Late.", gate=gate)
    question, answer = services.message_send(conversation=conversation, text="Hi")
    assert Message.objects.filter(id__in=[question.id, answer.id]).count() == 2
    conversation.refresh_from_db()
    assert conversation.leaf_id == answer.id
    gate.set()
    assert ended(answer).content == "Late."


def test_the_whole_path_is_sent(conversation: Conversation, scripted: ScriptedEngine) -> None:
    for number in range(3):
        scripted.reply(f"answer {number}")
        say(conversation, f"question {number}")
    sent = [(m.role, m.content) for m in scripted.requests[2].messages]
    assert sent == [
        ("user", "question 0"),
        ("assistant", "answer 0"),
        ("user", "question 1"),
        ("assistant", "answer 1"),
        ("user", "question 2"),
    ]


def test_regenerating_makes_a_sibling(conversation: Conversation, scripted: ScriptedEngine) -> None:
    scripted.reply("one")
    scripted.reply("two")
    first = say(conversation, "Hi")
    second = ended(services.message_regenerate(message=first))
    assert (first.parent_id, second.content) == (second.parent_id, "two")
    siblings = siblings_read(conversation.id, [first, second])
    assert siblings[first.id].next == second.id
    assert (siblings[second.id].position, siblings[second.id].total) == (2, 2)
    conversation.refresh_from_db()
    assert conversation.leaf_id == second.id


def test_editing_makes_a_sibling(conversation: Conversation, scripted: ScriptedEngine) -> None:
    scripted.reply("one")
    scripted.reply("two")
    first = say(conversation, "Hi")
    question = first.parent
    assert question is not None
    answer = ended(services.message_edit(message=question, text="Hello"))
    assert [m.content for m in path_read(answer.id)] == ["Hello", "two"]
    assert [m.content for m in path_read(first.id)] == ["Hi", "one"]


def test_selecting_shows_the_newest_of_a_branch(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    for text in ("one", "two", "three"):
        scripted.reply(text)
    first = say(conversation, "a")
    later = say(conversation, "b")
    other = ended(services.message_edit(message=first.parent, text="c"))  # type: ignore[arg-type]
    assert newest_leaf(other) == other.id
    services.message_select(message=first.parent)  # type: ignore[arg-type]
    conversation.refresh_from_db()
    assert conversation.leaf_id == later.id


def test_a_message_waits_for_the_answer_before(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    gate = threading.Event()
    scripted.reply("first", gate=gate, when=lambda r: r.messages[-1].content == "one")
    scripted.reply("second", when=lambda r: r.messages[-1].content == "two")
    _, first = services.message_send(conversation=conversation, text="one")
    _, second = services.message_send(conversation=conversation, text="two")
    assert second.queued
    assert second.run is None
    gate.set()
    assert ended(second).content == "second"
    assert [m.content for m in scripted.requests[1].messages] == ["one", "first", "two"]
    assert ended(first).content == "first"


def test_a_waiting_message_can_be_taken_back(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    gate = threading.Event()
    scripted.reply("first", gate=gate)
    _, first = services.message_send(conversation=conversation, text="one")
    question, second = services.message_send(conversation=conversation, text="two")
    services.message_discard(message=second)
    conversation.refresh_from_db()
    assert conversation.leaf_id == first.id
    assert not Message.objects.filter(id=question.id).exists()
    gate.set()
    ended(first)
    with pytest.raises(MessageConflict):
        services.message_discard(message=first)


def test_stopping_keeps_the_text_and_continuing_goes_on(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    gate = threading.Event()
    scripted.reply(("The capital ", "is ", "never said"), gate=gate, gate_at=2)
    _, answer = services.message_send(conversation=conversation, text="Hi")
    scripted.wait_for_requests(1)
    eventually(lambda: answer.run.events.filter(kind="text").exists())  # type: ignore[union-attr]
    services.conversation_stop(conversation=conversation)
    answer = ended(answer)
    assert answer.run
    assert answer.run.state == Run.State.STOPPED
    assert answer.content.startswith("The capital")
    kept = answer.content
    scripted.reply("Paris.")
    answer = ended(services.message_continue(message=answer))
    assert answer.content == kept + "Paris."
    request = scripted.requests[1]
    assert ("assistant", kept) in [(m.role, m.content) for m in request.messages]


def test_an_engine_of_this_machine_continues_the_turn(
    conversation: Conversation, scripted: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = LanguageModel(name="here", engine=LanguageModel.Engine.MLX)
    monkeypatch.setattr(services, "_model_of", lambda conversation: row)
    scripted.reply("The capital ", finish_reason="length")
    scripted.reply("is Paris.")
    answer = say(conversation, "Hi")
    answer = ended(services.message_continue(message=answer))
    assert scripted.requests[1].messages[-1].role == "assistant"
    assert scripted.requests[1].messages[-1].content == "The capital "
    assert answer.content == "The capital is Paris."
    assert not services.message_can_continue(answer)


def test_an_engine_that_cannot_is_asked_in_words(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("The capital ", finish_reason="length")
    scripted.reply("is Paris.")
    answer = ended(services.message_continue(message=say(conversation, "Hi")))
    assert scripted.requests[1].messages[-1].role == "user"
    assert answer.run
    assert answer.run.params["asked_to_continue"]


def test_a_sum_on_a_small_model_is_worked_out_and_can_be_switched_off(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("Twelve, I think.")
    assert say(conversation, "What is 17*23?").content == "Twelve, I think."  # a large model
    LanguageModel.objects.update(parameters=135_000_000)
    answer = say(conversation, "What is 17*23?")
    assert answer.content == "17*23 = 391"
    assert "calculator" in str(answer.parts)
    services.conversation_configure(conversation=conversation, tools={"calculator": "deny"})
    scripted.reply("Off.")
    assert say(conversation, "What is 17*23?").content == "Off."


def test_a_failed_answer_says_why_and_can_be_tried_again(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("Part of", error=WorkerLost("The model's process ended."))
    answer = say(conversation, "Hi")
    assert answer.run
    assert answer.run.state == Run.State.FAILED
    assert answer.run.error["code"] == "worker_lost"
    assert answer.content == "Part of"
    scripted.reply(" it.")
    assert ended(services.message_continue(message=answer)).content == "Part of it."


def test_trying_again_without_any_text(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("", error=GenerationFailed("No."))
    answer = say(conversation, "Hi")
    scripted.reply("Now.")
    answer = ended(services.message_continue(message=answer))
    assert answer.content == "Now."
    assert [m.role for m in scripted.requests[1].messages] == ["user"]


def test_a_question_that_got_no_answer_is_not_lost(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("", error=GenerationFailed("No."))
    scripted.reply("Both.")
    say(conversation, "one")
    say(conversation, "two")
    assert [m.content for m in scripted.requests[1].messages] == ["one\n\ntwo"]


def test_a_complete_answer_has_nothing_to_continue(
    conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("Done.")
    answer = say(conversation, "Hi")
    with pytest.raises(MessageConflict):
        services.message_continue(message=answer)


@pytest.mark.parametrize("text", ["", "   \n ", "x" * (services.LONGEST_MESSAGE + 1)])
def test_empty_and_endless_messages_are_refused(conversation: Conversation, text: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        services.message_send(conversation=conversation, text=text)
    assert refusal.value.details["field"] == "text"
    assert not conversation.messages.exists()


def grow(conversation: Conversation, count: int) -> None:
    """A long conversation, made without a model."""
    made: list[Message] = []
    for number in range(count):
        role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        parent = made[-1] if made else None
        made.append(
            Message(conversation=conversation, parent=parent, role=role, content=f"m{number}")
        )
    Message.objects.bulk_create(made)
    services.conversation_configure(conversation=conversation, leaf_id=made[-1].id)
    conversation.refresh_from_db()


def queries_of(conversation: Conversation) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        page = context.conversation(conversation.owner, conversation)
        assert page["views"][-1].message.id == conversation.leaf_id
    return len(captured)


def test_two_thousand_messages_take_as_many_queries_as_ten(
    owner: User, conversation: Conversation
) -> None:
    grow(conversation, 10)
    long = services.conversation_create(owner=owner, title="Long")
    grow(long, 2000)
    for each in (long, conversation):  # the first page of all makes the list of models
        queries_of(each)
    assert queries_of(long) == queries_of(conversation)
    page = context.thread(long)
    assert len(page["views"]) == 40
    assert page["views"][-1].message.content == "m1999"
    earlier = context.thread(long, page["views"][0].message)
    assert [v.message.content for v in earlier["views"]][-1] == "m1959"
    assert len(path_read(long.leaf_id)) == 2000


def test_an_answer_and_its_run_are_read_at_the_same_moment(
    conversation: Conversation,
    scripted: ScriptedEngine,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Else a page may show that an answer has ended, without the text that came with its end."""
    scripted.reply("Hello.")
    answer = say(conversation, "Hi")
    with django_assert_num_queries(1):
        read = path_read(answer.id)[-1]
        assert (read.run and read.run.state, read.content) == ("completed", answer.content)


def test_what_a_person_deletes_comes_back_or_goes(owner: User, conversation: Conversation) -> None:
    services.conversation_delete(conversation=conversation)
    assert context.sidebar(owner)["groups"] == []
    services.conversation_restore(conversation=conversation)
    services.conversation_delete(conversation=conversation)
    old = conversation.deleted_at
    assert old is not None
    Conversation.objects.update(deleted_at=old - services.BIN_KEEPS - services.BIN_KEEPS)
    services.conversation_create(owner=owner)
    assert not Conversation.objects.filter(id=conversation.id).exists()


def test_deleting_stops_the_answer(conversation: Conversation, scripted: ScriptedEngine) -> None:
    scripted.reply("never", gate=threading.Event())
    _, answer = services.message_send(conversation=conversation, text="Hi")
    services.conversation_delete(conversation=conversation)
    stopped = ended(answer)
    assert stopped.run
    assert stopped.run.state == Run.State.STOPPED
