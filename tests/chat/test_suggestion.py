"""The note that the embedded model is a tiny one: who sees it, where, and what its button does."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from chat import services
from chat.context import FIRST_ANSWERS
from chat.models import Conversation
from inference import services as inference
from inference.library import embedded, facts
from inference.models import LanguageModel
from tests.scripted import MODEL, scripted_model
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}
NOTE = "This model is a tiny one"
GET = "Get Llama-3.2-3B-Instruct (2.0 GB)"
SMALL = facts.FOR_LLAMACPP[0].name


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    """A machine with nothing but the embedded model."""
    monkeypatch.setattr(facts, "is_apple_silicon", lambda: False)
    settings.MODEL_MEMORY_LIMIT = 12 * 2**30
    settings.MODEL_CACHE_DIR = tmp_path


@pytest.fixture
def conversation(owner: User) -> Conversation:
    return services.conversation_create(owner=owner, title="Rivers", auto_title=False)


def page(client: Client, address: str = "/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_a_newcomer_is_offered_a_better_model(owner_client: Client) -> None:
    html = page(owner_client)
    assert NOTE in html
    assert GET in html
    assert f'name="model" value="{SMALL}"' in html


def test_what_is_on_the_disk_is_offered_first(owner_client: Client, tmp_path: Path) -> None:
    page(owner_client)
    inference.model_refresh()
    LanguageModel.objects.create(
        name="mine", source="lmstudio", format="mlx", path=str(tmp_path), size_bytes=2 * 10**9
    )
    html = page(owner_client)
    assert "Use mine" in html
    assert GET not in html


def test_where_nothing_fits_there_is_no_button(owner_client: Client, settings: Settings) -> None:
    settings.MODEL_MEMORY_LIMIT = 2**30
    html = page(owner_client)
    assert NOTE in html
    assert "suggestion/take" not in html
    assert "See the models" in html


def test_others_see_the_note_and_have_no_button(other_client: Client) -> None:
    html = page(other_client)
    assert NOTE in html
    assert "suggestion/take" not in html
    taken = other_client.post("/chat/suggestion/take/", {"model": SMALL})
    assert taken.status_code == 403


@pytest.mark.parametrize("headers", [HTMX, {}])
def test_the_note_is_put_away_for_good(
    owner_client: Client, conversation: Conversation, headers: dict[str, str]
) -> None:
    assert NOTE in page(owner_client)
    form = {"chat": str(conversation.id)}
    response = owner_client.post("/chat/suggestion/dismiss/", form, headers=headers)
    assert response.content == b""
    if not headers:
        assert response["Location"] == f"/chat/{conversation.id}/"
    assert NOTE not in page(owner_client)
    cookie = response.cookies["tiny_model_note"]
    assert int(cookie["max-age"]) > 300 * 24 * 3600
    assert cookie["httponly"]


def test_another_default_ends_it(owner_client: Client) -> None:
    with scripted_model():
        assert NOTE not in page(owner_client)
        inference.model_set_default(name=embedded.MODEL)
        assert NOTE in page(owner_client)


def test_it_stands_below_the_first_answers_of_the_default(
    owner_client: Client, conversation: Conversation
) -> None:
    address = f"/chat/{conversation.id}/"
    assert NOTE in page(owner_client, address)
    conversation.messages.create(role="assistant", content="The Nile.")
    assert NOTE in page(owner_client, address)
    for _ in range(FIRST_ANSWERS):
        conversation.messages.create(role="assistant", content="The Nile.")
    assert NOTE not in page(owner_client, address)


def test_a_chat_with_a_model_of_its_own_has_none(
    owner_client: Client, conversation: Conversation
) -> None:
    services.conversation_configure(conversation=conversation, model=embedded.MODEL)
    assert NOTE not in page(owner_client, f"/chat/{conversation.id}/")


def test_a_download_is_watched(owner_client: Client) -> None:
    page(owner_client)
    LanguageModel.objects.filter(name=SMALL).update(state="downloading", progress=0.42)
    html = page(owner_client)
    assert "Downloading" in html
    assert "42 %" in html
    assert 'hx-trigger="every 1s"' in html
    assert "suggestion/take" not in html
    assert "Downloading" in page(owner_client, f"/chat/suggestion/?watched={SMALL}")
    LanguageModel.objects.filter(name=SMALL).update(state="paused")
    assert GET in page(owner_client, f"/chat/suggestion/?watched={SMALL}")


@pytest.mark.parametrize("headers", [HTMX, {}])
def test_a_download_that_fails_is_told_and_the_default_stays(
    owner_client: Client, headers: dict[str, str]
) -> None:
    page(owner_client)
    taken = owner_client.post("/chat/suggestion/take/", {"model": SMALL}, headers=headers)
    assert taken.status_code == (200 if headers else 302)
    eventually(lambda: LanguageModel.objects.get(name=SMALL).state == "failed")
    html = page(owner_client, f"/chat/suggestion/?watched={SMALL}")
    assert 'role="alert"' in html
    assert "cannot be reached" in html
    assert GET in html
    assert "cannot be reached" in page(owner_client, "/models/")
    assert inference.model_default().name == embedded.MODEL


def test_when_the_better_one_answers_the_picker_says_so(
    owner_client: Client, conversation: Conversation
) -> None:
    with scripted_model():
        inference.model_set_default(name=embedded.MODEL)
        taken = owner_client.post("/chat/suggestion/take/", {"model": MODEL}, headers=HTMX)
        html = taken.content.decode()
        assert NOTE not in html
        assert 'id="model-picker" hx-swap-oob="true"' in html
        assert f'<option value="">{MODEL}</option>' in html
        inside = page(owner_client, f"/chat/suggestion/?watched={MODEL}&chat={conversation.id}")
        assert f'action="/chat/{conversation.id}/model/"' in inside


def test_what_is_not_there_cannot_be_taken(owner_client: Client, other_user: User) -> None:
    gone = owner_client.post("/chat/suggestion/take/", {"model": "gone"}, headers=HTMX)
    assert gone.status_code == 404
    theirs = services.conversation_create(owner=other_user)
    for form in ({"chat": str(theirs.id)}, {"chat": str(theirs.id), "model": MODEL}):
        assert owner_client.post("/chat/suggestion/take/", form).status_code == 404
