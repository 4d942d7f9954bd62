"""Conversations and messages in the admin: to look through, not to rewrite what was said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from chat.models import Conversation, Message
from chat.services import SAMPLING
from common.folding import fold
from common.web.parsers import JSONField

if TYPE_CHECKING:
    ConversationAdminBase = admin.ModelAdmin[Conversation]
    MessageAdminBase = admin.ModelAdmin[Message]
else:
    ConversationAdminBase = MessageAdminBase = admin.ModelAdmin


class FoldedSearch:
    """Finds what the chat's own search finds."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found: tuple[QuerySet[Any], bool] = super().get_search_results(  # type: ignore[misc]
            request, queryset, fold(search_term)
        )
        return found


class NamedValues(admin.AllValuesFieldListFilter):
    """A filter whose link for the empty value has a text, too."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or "default"}


@admin.register(Conversation)
class ConversationAdmin(FoldedSearch, ConversationAdminBase):
    """Found by title, owner or what was said in them."""

    list_display = ["__str__", "owner", "model", "pinned", "updated_at", "deleted_at"]
    list_filter = ["pinned", "updated_at", ("model", NamedValues)]
    list_select_related = ["owner"]
    search_fields = ["folded_title", "owner__username", "messages__search_text__folded"]
    fields = [
        "title", "owner", "model", "system_prompt", *SAMPLING, "max_tokens", "tools", "pinned",
        "created_at", "updated_at", "deleted_at",
    ]  # fmt: skip
    readonly_fields = ["owner", "created_at", "updated_at"]
    formfield_overrides = {models.JSONField: {"form_class": JSONField}}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Message)
class MessageAdmin(FoldedSearch, MessageAdminBase):
    """Read only: what stands in a conversation is changed in the chat, beside the old version."""

    list_display = ["opening", "role", "conversation", "model", "created_at"]
    list_filter = ["role", "created_at"]
    list_select_related = ["conversation"]
    search_fields = ["search_text__folded", "conversation__folded_title"]
    fields = ["conversation", "role", "content", "thinking", "model", "run", "created_at"]
    readonly_fields = ["conversation", "role", "content", "thinking", "model", "run", "created_at"]

    @admin.display(description="Message")
    def opening(self, message: Message) -> str:
        """Give the first words."""
        return message.content[:80] or "(empty)"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
