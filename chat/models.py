"""Conversations: trees of messages, of which one path is shown."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from agents.models import Run

TITLE_PATIENCE = timedelta(minutes=2)


class Conversation(models.Model):
    """A conversation and its settings; a blank or null setting means what holds without it.

    `leaf` is the last message of the path that is shown. `deleted_at` marks a conversation in the
    bin, so that a deletion can be undone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    title = models.CharField(max_length=200, blank=True)
    model = models.CharField(max_length=255, blank=True)
    system_prompt = models.TextField(blank=True)
    temperature = models.FloatField(null=True, blank=True)
    top_p = models.FloatField(null=True, blank=True)
    top_k = models.PositiveIntegerField(null=True, blank=True)
    min_p = models.FloatField(null=True, blank=True)
    repetition_penalty = models.FloatField(null=True, blank=True)
    presence_penalty = models.FloatField(null=True, blank=True)
    frequency_penalty = models.FloatField(null=True, blank=True)
    max_tokens = models.PositiveIntegerField(null=True, blank=True)
    seed = models.PositiveBigIntegerField(null=True, blank=True)
    repetition_guard = models.BooleanField(null=True, blank=True)
    tools = models.JSONField(default=dict, blank=True)  # tool name -> "allow", "ask" or "deny"
    pinned = models.BooleanField(default=False)
    auto_title = models.BooleanField(default=True)  # until a person or the model has named it
    leaf = models.ForeignKey(
        "Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(default=timezone.now)  # the last message

    class Meta:
        ordering = ["-pinned", "-updated_at"]
        indexes = [models.Index(fields=["owner", "-updated_at"])]

    def __str__(self) -> str:
        return self.title or "New chat"

    @property
    def awaits_title(self) -> bool:
        """The model may just be writing one."""
        return self.auto_title and timezone.now() - self.updated_at < TITLE_PATIENCE


class Message(models.Model):
    """One turn. Messages with the same parent are siblings: edits and regenerations.

    An assistant message is written by its `run`; `content` is filled when the run ends, until then
    the text stands in the run's events. `parts` is the same answer in order (text, thinking, tool
    calls; see chat.parts). A `queued` answer waits for the one before it to end.
    """

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )
    role = models.CharField(max_length=20, choices=Role.choices)
    content = models.TextField(blank=True)
    thinking = models.TextField(blank=True)
    parts = models.JSONField(default=list, blank=True)
    queued = models.BooleanField(default=False)
    model = models.CharField(max_length=255, blank=True)
    run = models.OneToOneField(
        Run, null=True, blank=True, on_delete=models.SET_NULL, related_name="message"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["conversation", "created_at"])]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:40]}"
