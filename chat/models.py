"""Conversations: trees of messages, of which one path is shown."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from agents.models import Run
from common.folding import fold


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Conversations whose folded titles follow their titles."""

    def update(self, **values: Any) -> int:
        if "title" in values:
            values["folded_title"] = fold(values["title"])
        return super().update(**values)


class Conversation(models.Model):
    """A conversation and its settings; a blank or null setting means what holds without it.

    `leaf` is the last message of the path that is shown. `deleted_at` marks a conversation in the
    bin, so that a deletion can be undone. `folded_title` is what a search reads.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    title = models.CharField(max_length=200, blank=True)
    folded_title = models.TextField(blank=True, editable=False)
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
    named = models.BooleanField(default=False)  # by a person: an edited question changes nothing
    leaf = models.ForeignKey(
        "Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(default=timezone.now)  # the last message

    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering = ["-pinned", "-updated_at"]
        indexes = [models.Index(fields=["owner", "-updated_at"])]

    def __str__(self) -> str:
        return self.title or "New chat"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.folded_title = fold(self.title)
        fields = kwargs.get("update_fields")
        if fields is not None and "title" in fields:
            kwargs["update_fields"] = {*fields, "folded_title"}
        super().save(*args, **kwargs)


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages that a search finds as they stand, also when many are written at once."""

    def bulk_create(self, objs: Iterable[Message], *args: Any, **kwargs: Any) -> list[Message]:
        with transaction.atomic():
            made = super().bulk_create(objs, *args, **kwargs)
            search_texts_keep(made)
        return made

    def bulk_update(
        self, objs: Iterable[Message], fields: Iterable[str], *args: Any, **kwargs: Any
    ) -> int:
        changed, names = list(objs), list(fields)
        with transaction.atomic():
            count = super().bulk_update(changed, names, *args, **kwargs)
            if "content" in names:
                search_texts_keep(changed)
        return count

    def update(self, **values: Any) -> int:
        if "content" not in values:
            return super().update(**values)
        with transaction.atomic():
            keys = list(self.values_list("pk", flat=True))
            count = super().update(**values)
            search_texts_keep(Message.objects.filter(pk__in=keys))
        return count


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

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        indexes = [models.Index(fields=["conversation", "created_at"])]

    def __str__(self) -> str:
        return f"{self.role}: {self.content[:40]}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("update_fields")
        with transaction.atomic():
            super().save(*args, **kwargs)
            if fields is None or "content" in fields:
                search_texts_keep([self])


class SearchText(models.Model):
    """What a search reads of a message: its content, folded (`common.folding`).

    Written by the models above alone. Its number is what the index of SQLite goes by, and that
    index is kept by triggers on this table (`chat.search.index`).
    """

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="search_text")
    folded = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.folded[:40]


def search_texts_keep(messages: Iterable[Message]) -> None:
    """Write what a search reads of these messages."""
    SearchText.objects.bulk_create(
        (SearchText(message=message, folded=fold(message.content)) for message in messages),
        update_conflicts=True,
        unique_fields=["message"],
        update_fields=["folded"],
    )
