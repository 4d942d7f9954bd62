"""The chat pages: every state, every form, and nobody else's conversation."""

from __future__ import annotations

import json
import re
import threading
import uuid

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client, override_settings
from pytest_django import DjangoAssertNumQueries

from agents.models import Run
from chat import services
from chat.models import Conversation, Message
from chat.pages.requests import CHANGED
from inference.errors import ContextOverflow
from inference.types import Sampling
from tests.chat.test_messages import ended, grow, say
from tests.scripted import ScriptedEngine

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def conversation(owner: User, scripted: ScriptedEngine) -> Conversation:
    return services.conversation_create(owner=owner, title="Rivers", auto_title=False)


def page(client: Client, conversation: Conversation) -> str:
    response = client.get(f"/chat/{conversation.id}/")
    assert response.status_code == 200
    return response.content.decode()


def text(response: HttpResponse) -> str:
    return response.content.decode()


def test_a_new_chat_offers_examples(owner_client: Client, scripted: ScriptedEngine) -> None:
    response = owner_client.get("/")
    assert response.status_code == 200
    assert text(response).count('class="example"') == 4
    assert "Your chats will stand here." in text(response)


def test_the_first_message_makes_a_conversation(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    scripted.reply("The Nile.")
    scripted.reply("Longest river")
    response = owner_client.post("/chat/", {"text": "Longest river on earth?"})
    assert response.status_code == 302
    conversation = Conversation.objects.get()
    assert response["Location"] == f"/chat/{conversation.id}/"
    ended(Message.objects.get(role="assistant"))
    html = page(owner_client, conversation)
    assert '<p dir="auto">The Nile.</p>' in html
    assert "Longest river on earth?" in html


def test_an_example_is_a_first_message(owner_client: Client, scripted: ScriptedEngine) -> None:
    scripted.fallback = scripted.reply("Because.")
    owner_client.post("/chat/", {"text": "", "example": "Why?"})
    assert Message.objects.filter(role="user").get().content == "Why?"
    ended(Message.objects.get(role="assistant"))


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [({"text": " "}, 400, "Write something first"), ({"text": "Hi", "model": "gone"}, 404, "gone")],
)
def test_a_first_message_that_is_refused_is_not_lost(
    owner_client: Client, scripted: ScriptedEngine, data: dict[str, str], status: int, words: str
) -> None:
    response = owner_client.post("/chat/", data)
    assert response.status_code == status
    assert words in text(response)
    assert f">{data['text']}</textarea>" in text(response)
    assert not Conversation.objects.exists()


def test_sending_gives_both_messages(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    gate = threading.Event()
    scripted.reply("Yes.", gate=gate)
    address = f"/chat/{conversation.id}/messages/"
    response = owner_client.post(address, {"text": "<b>Hi</b>"}, headers=HTMX)
    html = text(response)
    answer = Message.objects.get(role="assistant")
    assert "&lt;b&gt;Hi&lt;/b&gt;" in html
    assert f'ws-connect="/ws/runs/{answer.run_id}/' in html
    assert CHANGED in response["HX-Trigger"]
    second = text(owner_client.post(address, {"text": "More"}, headers=HTMX))
    assert "begins when the answer above has ended" in second
    waiting = Message.objects.get(queued=True)
    assert owner_client.get(f"/chat/messages/{waiting.id}/").status_code == 204
    scripted.reply("More.")
    gate.set()
    ended(waiting)
    assert '<p dir="auto">More.</p>' in text(owner_client.get(f"/chat/messages/{waiting.id}/"))


def test_without_htmx_sending_redirects(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("Yes.")
    response = owner_client.post(f"/chat/{conversation.id}/messages/", {"text": "Hi"})
    assert response["Location"] == f"/chat/{conversation.id}/"
    ended(Message.objects.get(role="assistant"))
    refused = owner_client.post(f"/chat/{conversation.id}/messages/", {"text": ""})
    assert (refused.status_code, "Write something first" in text(refused)) == (400, True)


def test_a_refused_message_names_the_field(
    owner_client: Client, conversation: Conversation
) -> None:
    address = f"/chat/{conversation.id}/messages/"
    response = owner_client.post(address, {"text": ""}, headers=HTMX)
    assert response.status_code == 400
    assert response.json()["error"]["field"] == "text"


def test_a_failed_answer_offers_to_try_again(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    error = ContextOverflow("Too long.", prompt_tokens=9000, context_length=8192)
    scripted.reply("", error=error)
    say(conversation, "Hi")
    html = page(owner_client, conversation)
    assert "(9000 of 8192 tokens)" in html
    assert "Try again" in html


def test_a_stopped_answer_offers_to_continue(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("Part.", gate=threading.Event(), gate_at=1)
    _, answer = services.message_send(conversation=conversation, text="Hi")
    scripted.wait_for_requests(1)
    html = page(owner_client, conversation)
    assert "data-live" in html
    stop = owner_client.post(f"/chat/{conversation.id}/stop/", headers=HTMX)
    assert stop.status_code == 204
    ended(answer)
    assert "Stopped" in page(owner_client, conversation)
    assert f"/chat/messages/{answer.id}/continue/" in page(owner_client, conversation)
    scripted.reply("Whole.")
    response = owner_client.post(f"/chat/messages/{answer.id}/continue/", headers=HTMX)
    assert "data-live" in text(response)
    assert ended(answer).content.endswith("Whole.")


def test_versions_can_be_gone_through(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("one")
    scripted.reply("two")
    first = say(conversation, "Hi")
    response = owner_client.post(f"/chat/messages/{first.id}/regenerate/", headers=HTMX)
    assert "Version 2 of 2" in text(response)
    ended(Message.objects.exclude(id=first.id).get(role="assistant"))
    response = owner_client.post(f"/chat/messages/{first.id}/select/", headers=HTMX)
    assert "Version 1 of 2" in text(response)
    assert '<p dir="auto">one</p>' in text(response)


def test_editing(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("one")
    scripted.reply("two")
    question = say(conversation, "Hi").parent
    assert question
    address = f"/chat/messages/{question.id}/edit/"
    assert ">Hi</textarea>" in text(owner_client.get(address, headers=HTMX))
    response = owner_client.post(address, {"text": "Hello"}, headers=HTMX)
    assert "Hello" in text(response)
    ended(Message.objects.latest("created_at"))
    refused = owner_client.post(address, {"text": ""}, headers=HTMX)
    assert refused.json()["error"]["field"] == "text"


def test_what_cannot_be_done_says_so(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("one")
    answer = say(conversation, "Hi")
    response = owner_client.post(f"/chat/messages/{answer.id}/continue/", headers=HTMX)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "message_conflict")
    response = owner_client.post(f"/chat/messages/{answer.id}/edit/", {"text": "x"}, headers=HTMX)
    assert response.status_code == 409


def test_older_messages_come_page_by_page(owner_client: Client, conversation: Conversation) -> None:
    grow(conversation, 100)
    html = page(owner_client, conversation)
    seen = re.findall(r"data-source>(?:m(\d+))<", html)
    assert [int(number) for number in seen] == list(range(60, 100))
    while found := re.search(r'hx-get="(/chat/[^"]*before=[^"]*)"', html):
        html = text(owner_client.get(found[1], headers=HTMX))
    assert [int(n) for n in re.findall(r"data-source>m(\d+)<", html)] == list(range(20))


def test_titles_searching_pinning_and_renaming(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("The Amazon carries most water.")
    say(conversation, "Hi")
    found = text(owner_client.get("/chat/list/", {"q": "amazon water"}))
    assert "Rivers" in found
    assert "The Amazon carries" in found
    assert "Nothing found" in text(owner_client.get("/chat/list/", {"q": "desert"}))
    owner_client.post(f"/chat/{conversation.id}/pin/", {"pinned": "1"}, headers=HTMX)
    assert "Pinned" in text(owner_client.get("/chat/list/"))
    address = f"/chat/{conversation.id}/rename/"
    assert 'value="Rivers"' in text(owner_client.get(address))
    assert "Great streams" in text(owner_client.post(address, {"title": " Great  streams "}))
    refused = owner_client.post(address, {"title": "x" * 201})
    assert (refused.status_code, "1 to 200" in text(refused)) == (422, True)


def test_the_model_writes_the_title_once(
    owner_client: Client, owner: User, scripted: ScriptedEngine
) -> None:
    scripted.reply("The Nile.", when=lambda r: r.priority == 0)
    scripted.reply('"Longest River"\n', when=lambda r: r.priority == 2)
    conversation = services.conversation_begin(owner=owner, text="Longest river?")
    assert conversation.messages.count() == 2
    ended(Message.objects.get(role="assistant"))
    scripted.wait_for_requests(2)
    for _ in range(200):
        if Run.objects.filter(kind="title", state="completed").exists():
            break
        threading.Event().wait(0.05)
    conversation.refresh_from_db()
    assert (conversation.title, conversation.auto_title) == ("Longest River", False)
    assert "every 2s" not in text(owner_client.get("/chat/list/"))


def test_deleting_can_be_undone(owner_client: Client, conversation: Conversation) -> None:
    address = f"/chat/{conversation.id}"
    assert "Undo" in text(owner_client.post(f"{address}/delete/", headers=HTMX))
    assert owner_client.get(f"{address}/").status_code == 404
    assert "Undo" in text(owner_client.get("/", {"deleted": str(conversation.id)}))
    elsewhere = owner_client.post(f"{address}/restore/", headers=HTMX)
    assert "HX-Redirect" not in elsewhere
    assert CHANGED in elsewhere["HX-Trigger"]
    assert owner_client.get(f"{address}/").status_code == 200
    here = owner_client.post(f"{address}/delete/", {"current": str(conversation.id)}, headers=HTMX)
    assert here["HX-Redirect"] == f"/?deleted={conversation.id}"
    home = text(owner_client.get(here["HX-Redirect"]))
    assert """hx-vals='{"open": "1"}'""" in home
    back = owner_client.post(f"{address}/restore/", {"open": "1"}, headers=HTMX)
    assert back["HX-Redirect"] == f"{address}/"


def test_renaming_the_chat_that_is_open_changes_the_title_of_the_tab(
    owner_client: Client, conversation: Conversation
) -> None:
    address = f"/chat/{conversation.id}/"
    here = HTMX | {"HX-Current-URL": f"http://localhost{address}"}
    html = text(owner_client.post(f"{address}rename/", {"title": "<Streams>"}, headers=here))
    assert "<title>&lt;Streams&gt; · Cortex</title>" in html
    assert 'id="page-title" hx-swap-oob="true">&lt;Streams&gt;</h1>' in html
    elsewhere = owner_client.post(f"{address}rename/", {"title": "Brooks"}, headers=HTMX)
    assert "<title>" not in text(elsewhere)


def test_a_question_that_waits_is_told_of_when_the_answer_is_stopped(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("one", gate=threading.Event())
    services.message_send(conversation=conversation, text="Hi")
    _, waiting = services.message_send(conversation=conversation, text="More")
    scripted.wait_for_requests(1)
    scripted.reply("two")
    stopped = owner_client.post(f"/chat/{conversation.id}/stop/", headers=HTMX)
    assert "Your next question begins now" in text(stopped)
    assert ended(waiting).content == "two"


def test_a_question_that_waits_does_not_begin_in_the_bin(
    owner: User, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("one", gate=threading.Event())
    _, first = services.message_send(conversation=conversation, text="Hi")
    _, waiting = services.message_send(conversation=conversation, text="More")
    scripted.wait_for_requests(1)
    services.conversation_delete(conversation=conversation)
    ended(first)
    assert Message.objects.get(id=waiting.id).queued
    scripted.reply("two")
    services.conversation_restore(conversation=conversation)
    assert ended(waiting).content == "two"


@pytest.mark.parametrize("name", ["/chat/import/", "settings/", "share/"])
def test_a_dialog_that_is_opened_as_a_page_is_one(
    owner_client: Client, conversation: Conversation, name: str
) -> None:
    address = name if name.startswith("/") else f"/chat/{conversation.id}/{name}"
    page, dialog = text(owner_client.get(address)), text(owner_client.get(address, headers=HTMX))
    content = page[page.index("<main") :]
    assert '<h1 id="dialog-title">' in content
    assert "data-dialog-close" not in content
    assert 'hx-target="#dialog-body"' not in content
    assert '<h2 id="dialog-title">' in dialog
    assert "data-dialog-close" in dialog


def test_a_file_that_is_refused_on_the_page_shows_its_form_once(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    file = SimpleUploadedFile("chat.json", b"{}")
    html = text(owner_client.post("/chat/import/", {"file": file}))
    assert html.count('type="file"') == 1
    assert "This file is not a chat that Cortex, Open WebUI or ChatGPT exported." in html


SETTINGS = {"temperature": "0.2", "top_p": "0.5", "max_tokens": "50", "seed": "3"}


ALL = SETTINGS | {
    "top_k": "40", "min_p": "0.05", "repetition_penalty": "1.1", "presence_penalty": "0.5",
    "frequency_penalty": "-0.5", "repetition_guard": "off",
}  # fmt: skip
CIRCLE = "The sea is calm tonight. " * 100


def held(html: str, name: str) -> str:
    """What a field of the settings shows while nothing is chosen."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', html)
    assert found, name
    shown = re.search(r'placeholder="([^"]*)"', found.group())
    assert shown, found.group()
    return shown.group(1)


@override_settings(DEFAULT_TEMPERATURE=0.3, DEFAULT_TOP_P=0.8, DEFAULT_MAX_TOKENS=77)
@pytest.mark.parametrize("is_new", [True, False])
def test_settings_show_what_holds_now(
    owner_client: Client, conversation: Conversation, is_new: bool
) -> None:
    address = "/chat/new-settings/" if is_new else f"/chat/{conversation.id}/settings/"
    html = text(owner_client.get(address))
    names = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty",
             "frequency_penalty", "max_tokens", "seed")  # fmt: skip
    shown = [held(html, name) for name in names]
    assert shown == ["0.3", "0.8", "0", "0", "1", "0", "0", "77", "new each time"]
    assert re.search(r'<input[^>]*value="on"[^>]*checked', html)
    assert 'placeholder="Default"' not in html


def test_the_first_message_takes_its_settings_along(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    scripted.reply("The Nile.")
    scripted.reply("Longest river")
    data = ALL | {"text": "Longest river?", "system_prompt": "Be kind.", "tool_calculator": "ask"}
    assert owner_client.post("/chat/", data).status_code == 302
    conversation = Conversation.objects.get()
    assert conversation.tools == {"calculator": "ask"}
    ended(Message.objects.get(role="assistant"))
    request = scripted.requests[0]
    assert request.messages[0].content == "Be kind."
    assert [tool.name for tool in request.tools] == ["calculator"]
    assert request.max_tokens == 50
    assert request.sampling == Sampling(
        temperature=0.2,
        top_p=0.5,
        top_k=40,
        min_p=0.05,
        repetition_penalty=1.1,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        seed=3,
        repetition_guard=False,
    )


def test_a_new_chat_is_quick_and_its_settings_come_when_they_are_opened(
    owner_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    owner_client.get("/")
    with django_assert_max_num_queries(8):
        html = text(owner_client.get("/"))
    assert "/chat/new-settings/" in html
    assert 'name="temperature"' not in html
    fields = text(owner_client.get("/chat/new-settings/"))
    assert 'name="temperature"' in fields
    assert 'form="composer"' in fields


def test_a_first_message_with_bad_settings_is_given_back(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    response = owner_client.post("/chat/", {"text": "Longest river?", "min_p": "7"})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["min_p"]
    assert "Longest river?" in text(response)
    assert "new-settings" in text(response)
    assert not Conversation.objects.exists()


@pytest.mark.parametrize(("server", "chosen"), [(True, "on"), (False, "off"), (True, "")])
def test_a_guard_as_the_server_has_it_follows_the_server(
    owner_client: Client, conversation: Conversation, server: bool, chosen: str
) -> None:
    address = f"/chat/{conversation.id}/settings/"
    with override_settings(REPETITION_GUARD=server):
        owner_client.post(address, SETTINGS | {"repetition_guard": chosen})
    conversation.refresh_from_db()
    assert conversation.repetition_guard is None


def test_an_answer_that_ran_in_a_circle_says_so_and_can_be_tried_again(
    conversation: Conversation, scripted: ScriptedEngine, owner_client: Client
) -> None:
    scripted.reply(CIRCLE)
    answer = say(conversation, "Write about the sea")
    html = page(owner_client, conversation)
    assert "The answer began to repeat itself and was ended." in html
    assert html.count(f'hx-post="/chat/messages/{answer.id}/regenerate/"') == 2
    assert "Continue" not in html
    answer.refresh_from_db()
    assert CIRCLE.startswith(answer.content)
    services.conversation_configure(conversation=conversation, repetition_guard=False)
    scripted.reply(CIRCLE)
    say(conversation, "Again")
    assert page(owner_client, conversation).count("began to repeat itself") == 1


def test_settings_are_kept(owner_client: Client, conversation: Conversation) -> None:
    address = f"/chat/{conversation.id}/settings/"
    assert "Settings of this chat" in text(owner_client.get(address))
    data = SETTINGS | {"system_prompt": "Be kind.", "model": "scripted-model"}
    response = owner_client.post(address, data | {"tool_calculator": "ask"}, headers=HTMX)
    assert "dialog-close" in response["HX-Trigger-After-Swap"]
    conversation.refresh_from_db()
    assert (conversation.temperature, conversation.seed) == (0.2, 3)
    assert (conversation.model, conversation.system_prompt) == ("scripted-model", "Be kind.")
    assert conversation.tools == {"calculator": "ask"}
    assert owner_client.post(address, SETTINGS)["Location"] == f"/chat/{conversation.id}/"


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", "3"), ("temperature", "nan"), ("top_p", "0"), ("max_tokens", "-1"),
     ("seed", "x"), ("seed", str(2**63)), ("model", "unknown"), ("tool_calculator", "always"),
     ("system_prompt", "x" * 100_001)],
)  # fmt: skip
def test_bad_settings_are_shown_at_their_field(
    owner_client: Client, conversation: Conversation, name: str, value: str
) -> None:
    address = f"/chat/{conversation.id}/settings/"
    response = owner_client.post(address, SETTINGS | {name: value}, headers=HTMX)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [name]
    assert "field__error" in text(response)
    conversation.refresh_from_db()
    assert conversation.temperature is None


def test_the_model_picker(owner_client: Client, conversation: Conversation) -> None:
    address = f"/chat/{conversation.id}/model/"
    assert "scripted-model" in text(owner_client.post(address, {"model": "scripted-model"}))
    refused = owner_client.post(address, {"model": "unknown"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
    conversation.refresh_from_db()
    assert conversation.model == "scripted-model"


def test_files_go_out_and_come_in(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("The **Nile**.")
    say(conversation, "Which?")
    markdown = owner_client.get(f"/chat/{conversation.id}/export.md")
    assert "The **Nile**." in text(markdown)
    assert 'filename="rivers.md"' in markdown["Content-Disposition"]
    exported = owner_client.get(f"/chat/{conversation.id}/export.json").content
    file = SimpleUploadedFile("chat.json", exported)
    response = owner_client.post("/chat/import/", {"file": file}, headers=HTMX)
    made = Conversation.objects.exclude(id=conversation.id).get()
    assert response["HX-Redirect"] == f"/chat/{made.id}/"
    assert "<strong>Nile</strong>" in page(owner_client, made)
    assert text(owner_client.get("/chat/import/")).count("Import a chat")


@pytest.mark.parametrize("content", [b"", b"not json", b"{}", b"[]", b'{"format": 1}'])
def test_files_that_are_none_are_refused(
    owner_client: Client, scripted: ScriptedEngine, content: bytes
) -> None:
    file = SimpleUploadedFile("chat.json", content)
    response = owner_client.post("/chat/import/", {"file": file}, headers=HTMX)
    assert response.status_code == 422
    assert "field__error" in text(response)
    assert not Conversation.objects.exists()


def pages_of(conversation: Conversation, answer: Message) -> list[tuple[str, str]]:
    chat, message = f"/chat/{conversation.id}", f"/chat/messages/{answer.id}"
    reading = (
        "",
        "messages/",
        "rename/",
        "settings/",
        "share/",
        "export.md",
        "export.json",
    )
    changing = (
        "messages/",
        "stop/",
        "rename/",
        "pin/",
        "delete/",
        "restore/",
        "model/",
        "settings/",
    )
    doing = ("edit/", "regenerate/", "continue/", "select/", "discard/", "calls/x/")
    return [
        *(("get", f"{chat}/{name}") for name in reading),
        *(("post", f"{chat}/{name}") for name in changing),
        *(("get", f"{message}/{name}") for name in ("", "edit/", "loading/")),
        *(("post", f"{message}/{name}") for name in doing),
    ]


def test_other_people_find_nothing(
    owner_client: Client,
    other_client: Client,
    conversation: Conversation,
    scripted: ScriptedEngine,
) -> None:
    scripted.reply("secret")
    answer = say(conversation, "Hi")
    for method, address in pages_of(conversation, answer):
        response = getattr(other_client, method)(address, {"text": "x"})
        assert response.status_code == 404, address
        assert "secret" not in text(response)
    assert "Rivers" not in text(other_client.get("/chat/list/", {"q": "secret"}))
    assert Message.objects.count() == 2


@pytest.mark.parametrize(
    "path", [f"/chat/{uuid.UUID(int=1)}/", f"/chat/messages/{uuid.UUID(int=1)}/"]
)
def test_what_is_not_there_is_not_found(
    owner_client: Client, scripted: ScriptedEngine, path: str
) -> None:
    assert owner_client.get(path).status_code == 404


def test_deciding_on_a_call_needs_a_decision(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    scripted.reply("one")
    answer = say(conversation, "Hi")
    address = f"/chat/messages/{answer.id}/calls/call_1/"
    for data, field in (
        ({"decision": "perhaps"}, "decision"),
        ({"decision": "allow", "arguments": "{"}, "arguments"),
        ({"decision": "allow", "arguments": "[]"}, "arguments"),
    ):
        response = owner_client.post(address, data, headers=HTMX)
        assert (response.status_code, response.json()["error"]["field"]) == (400, field)
    gone = owner_client.post(address, {"decision": "allow", "arguments": "{}"}, headers=HTMX)
    assert gone.status_code == 404
    assert json.loads(gone.content)["error"]["code"] == "tool_call_not_found"


def test_pages_keep_the_policy(owner_client: Client, conversation: Conversation) -> None:
    """No inline script, style or handler: the policy would block it anyway."""
    html = page(owner_client, conversation) + text(owner_client.get("/"))
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)


def test_words_run_in_their_own_direction(
    owner_client: Client, conversation: Conversation, scripted: ScriptedEngine
) -> None:
    services.conversation_configure(conversation=conversation, title="שיחה")
    scripted.reply("שלום")
    say(conversation, "שלום")
    html = page(owner_client, conversation)
    for element in (
        '<h1 class="visually-hidden" id="page-title" dir="auto">שיחה',
        '<span class="conversation__title" dir="auto">שיחה',
        '<div class="message__words" dir="auto" hx-disable>שלום',
    ):
        assert element in html
    fields = [
        html,
        text(owner_client.get(f"/chat/{conversation.id}/rename/")),
        text(owner_client.get(f"/chat/messages/{conversation.messages.first().id}/edit/")),  # type: ignore[union-attr]
        text(owner_client.get("/agents/")),
    ]
    for one in fields:
        found = re.findall(r"<(?:textarea|input)[^>]*>", one)
        assert any('dir="auto"' in field for field in found)
