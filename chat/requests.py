"""What the chat's views share: whose request it is, what it may see, how a refusal looks."""

from __future__ import annotations

from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django_htmx.http import trigger_client_event
from django_htmx.middleware import HtmxDetails

from chat.models import Conversation, Message
from inference.errors import InferenceError
from inference.types import JSON

CHANGED = "conversations-changed"


class PageRequest(HttpRequest):
    """A request as django-htmx's middleware leaves it."""

    htmx: HtmxDetails


def refusals_as_json(view: Any) -> Any:
    """Errors of the services in the shape that the API has; the page shows the message."""

    @wraps(view)
    def wrapped(request: PageRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except InferenceError as error:
            body: JSON = {"code": error.code, "message": str(error)}
            if field := error.details.get("field"):
                body["field"] = field
            return JsonResponse({"error": body}, status=error.status)

    return wrapped


def owner_of(request: PageRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def conversations_of(request: PageRequest) -> QuerySet[Conversation]:
    return Conversation.objects.filter(owner=owner_of(request))


def conversation_get(request: PageRequest, key: UUID) -> Conversation:
    return get_object_or_404(conversations_of(request), id=key, deleted_at=None)


def message_get(request: PageRequest, key: UUID) -> Message:
    rows = Message.objects.select_related("conversation__owner", "run", "parent")
    return get_object_or_404(
        rows, id=key, conversation__owner=owner_of(request), conversation__deleted_at=None
    )


def list_changed(response: HttpResponse) -> HttpResponse:
    return trigger_client_event(response, CHANGED)
