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
    ("place", "read", "words"),
    [
        (QueuePosition(3, 18.0), None, "Waiting: number 3 in the queue, about 20 s"),
        (QueuePosition(1, None), None, "Waiting: number 1 in the queue"),
        (None, 0.0, "Reading the prompt"),
        (None, 0.414, "Reading the prompt, 41 %"),
        (None, 1.0, "Reading the prompt, 100 %"),
        (None, None, '<span class="visually-hidden">Waiting for the first word</span>'),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_what_it_waits_for_is_told(
    owner: User,
    owner_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    place: QueuePosition | None,
    read: float | None,
    words: str,
) -> None:
    monkeypatch.setattr("agents.work.runner.dispatch", lambda: None)
    monkeypatch.setattr(context, "queue_place", lambda run: place)
    monkeypatch.setattr(context, "prompt_reading", lambda run: read)
    conversation = services.conversation_begin(owner=owner, text="Hello!")
    answer = conversation.messages.get(role="assistant")
    shown = owner_client.get(f"/chat/messages/{answer.id}/loading/").content.decode()
    assert shown.strip() == words
