"""Conversations and messages in the admin: to look through, not to rewrite what was said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from chat.models import Conversation, Message
from chat.services import SAMPLING

if TYPE_CHECKING:
    ConversationAdminBase = admin.ModelAdmin[Conversation]
    MessageAdminBase = admin.ModelAdmin[Message]
else:
    ConversationAdminBase = MessageAdminBase = admin.ModelAdmin


class NamedValues(admin.AllValuesFieldListFilter):
    """A filter whose link for the empty value has a text, too."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or "default"}


@admin.register(Conversation)
class ConversationAdmin(ConversationAdminBase):
    """Found by title, owner or what was said in them."""

    list_display = ["__str__", "owner", "model", "pinned", "updated_at", "deleted_at"]
    list_filter = ["pinned", "updated_at", ("model", NamedValues)]
    list_select_related = ["owner"]
    search_fields = ["title", "owner__username", "messages__content"]
    fields = [
        "title", "owner", "model", "system_prompt", *SAMPLING, "max_tokens", "tools", "pinned",
        "created_at", "updated_at", "deleted_at",
    ]  # fmt: skip
    readonly_fields = ["owner", "created_at", "updated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Message)
class MessageAdmin(MessageAdminBase):
    """Read only: what stands in a conversation is changed in the chat, beside the old version."""

    list_display = ["opening", "role", "conversation", "model", "created_at"]
    list_filter = ["role", "created_at"]
    list_select_related = ["conversation"]
    search_fields = ["content", "conversation__title"]
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
