"""What a page says of an answer that waits for its turn."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from chat import context, services
from inference.engines.base import QueuePosition


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "1 s"), (6.2, "7 s"), (16.0, "20 s"), (88.0, "90 s"), (91.0, "2 min"), (600, "10 min")],
)
def test_a_guess_is_told_no_more_exactly_than_it_is(seconds: float, words: str) -> None:
    assert context.about(seconds) == words


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (QueuePosition(3, 18.0), "Waiting: number 3 in the queue, about 20 s"),
        (QueuePosition(1, None), "Waiting: number 1 in the queue"),
        (None, '<span class="visually-hidden">Waiting for the first word</span>'),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_the_place_is_told(
    owner: User,
    owner_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    place: QueuePosition | None,
    words: str,
) -> None:
    monkeypatch.setattr("agents.work.runner.dispatch", lambda: None)
    monkeypatch.setattr(context, "queue_place", lambda run: place)
    conversation = services.conversation_begin(owner=owner, text="Hello!")
    answer = conversation.messages.get(role="assistant")
    shown = owner_client.get(f"/chat/messages/{answer.id}/loading/").content.decode()
    assert shown.strip() == words
