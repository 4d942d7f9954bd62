"""What the chat's views share: what a request may see."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django_htmx.http import trigger_client_event

from chat.models import Conversation, Message
from common.web.pages import PageRequest
from common.web.users import user_of

CHANGED = "conversations-changed"


def conversations_of(request: PageRequest) -> QuerySet[Conversation]:
    return Conversation.objects.filter(owner=user_of(request))


def conversation_get(request: PageRequest, key: UUID) -> Conversation:
    return get_object_or_404(conversations_of(request), id=key, deleted_at=None)


def message_get(request: PageRequest, key: UUID) -> Message:
    rows = Message.objects.select_related("conversation__owner", "run", "parent")
    return get_object_or_404(
        rows, id=key, conversation__owner=user_of(request), conversation__deleted_at=None
    )


def list_changed(response: HttpResponse) -> HttpResponse:
    return trigger_client_event(response, CHANGED)
