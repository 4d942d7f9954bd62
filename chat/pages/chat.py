"""The chat pages. Each view checks whose conversation it is, calls a service, and renders.

With htmx a view answers with the part of the page that changed, without it with a whole page or a
redirect to one.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.react.goals import KIND as AGENT
from agents.services import tool_call_decide
from chat import context, services
from chat.models import Conversation, Message
from chat.pages.following import socket_address
from chat.pages.forms import SettingsForm
from chat.pages.requests import (
    conversation_get,
    conversations_of,
    list_changed,
    message_get,
)
from chat.pages.suggestion import suggestion_for
from chat.rendering.presenting import message_view
from chat.search import Query, query_read
from chat.tree import path_ids, siblings_read
from common.errors import CortexError, InvalidRequest
from common.jsons import json_read
from common.problems import problem_at, refusals_as_json
from common.types import JSON
from common.web.pages import PageRequest
from common.web.users import user_of
from inference import services as inference

# --- Pages ---------------------------------------------------------------------------------------


@require_GET
def home(request: PageRequest) -> HttpResponse:
    """Show a new chat."""
    return _home(request)


def _home(request: PageRequest, status: int = 200, **extra: Any) -> HttpResponse:
    owner = user_of(request)
    page = context.home(owner, _search(request)) | {"socket": socket_address(owner.pk, None)}
    deleted = context.uuid_or_none(request.GET.get("deleted", ""))
    if deleted:
        extra["deleted"] = conversations_of(request).filter(id=deleted).first()
    page |= suggestion_for(request, None)
    return render(request, "chat/page.html", page | extra, status=status)


@require_GET
def new_settings(request: PageRequest) -> HttpResponse:
    """The fields of a new chat's settings. Few open them, and they take longer to make than the
    rest of the page."""
    return render(request, "chat/_new_settings.html", {"form": SettingsForm(None)})


@require_POST
def start(request: PageRequest) -> HttpResponse:
    """Make the conversation with its first message, with the settings that stand beside it."""
    text = request.POST.get("example") or request.POST.get("text", "")
    form = SettingsForm(None, request.POST)
    if not form.is_valid():
        return _home(request, status=422, text=text, form=form)
    try:
        text = services.text_check(text)
        model = request.POST.get("model", "")
        if model:
            inference.model_resolve(model)
        conversation = services.conversation_begin(
            owner=user_of(request),
            text=text,
            by_agent="agent" in request.POST,
            model=model,
            **form.values(),
        )
    except CortexError as error:
        problem = problem_at(error, request)
        extra = {"error": problem.message, "text": text, "form": form}
        return _home(request, status=problem.status, **extra)
    return redirect("chat:conversation", conversation.id)


@require_GET
def conversation(request: PageRequest, key: UUID) -> HttpResponse:
    """Show a conversation."""
    return _conversation_page(request, conversation_get(request, key))


def _conversation_page(
    request: PageRequest, shown: Conversation, status: int = 200, **extra: Any
) -> HttpResponse:
    before, hit = _before(request, shown), _hit(request, shown)
    owner = user_of(request)
    page = context.conversation(owner, shown, before, _search(request), hit)
    page |= suggestion_for(request, shown) | {"socket": _socket(shown, page)}
    return render(request, "chat/page.html", page | extra, status=status)


def _socket(shown: Conversation, page: context.Context) -> str:
    """Where the page follows; one that does not show the newest messages follows the list alone."""
    versions = [(view.message.id, view.version) for view in page["views"]]
    follows = None if page["is_older"] or page["later"] else shown
    return socket_address(shown.owner_id, follows, versions)


def _search(request: PageRequest) -> Query:
    return query_read(request.GET.get("q", ""), request.GET.get("in", ""))


def _hit(request: PageRequest, shown: Conversation) -> context.Opened | None:
    """The message named by ?message=: the page opens there, in the branch in which it stands."""
    if "message" not in request.GET or "before" in request.GET:
        return None
    message = get_object_or_404(
        shown.messages.select_related("conversation"),
        id=context.uuid_or_none(request.GET["message"]),
    )
    if message.id not in path_ids(shown.leaf_id):
        services.message_select(message=message)
        shown.refresh_from_db()
    return context.opened(shown, _search(request), message)


def _before(request: PageRequest, shown: Conversation) -> Message | None:
    """The message named by ?before=: the page ends above it."""
    if "before" not in request.GET:
        return None
    return get_object_or_404(shown.messages, id=context.uuid_or_none(request.GET["before"]))


@require_http_methods(["GET", "POST"])
def messages(request: PageRequest, key: UUID) -> HttpResponse:
    """GET: a page of earlier messages. POST: a new message."""
    shown = conversation_get(request, key)
    if request.method == "POST":
        return _send(request, shown)
    before = _before(request, shown)
    page = context.thread(shown, before)
    return render(request, "chat/_thread.html", page)


@refusals_as_json
def _send(request: PageRequest, shown: Conversation) -> HttpResponse:
    text = request.POST.get("text", "")
    try:
        by_agent = "agent" in request.POST
        added = services.message_send(conversation=shown, text=text, by_agent=by_agent)
    except CortexError as error:
        if request.htmx:
            raise
        problem = problem_at(error, request)
        return _conversation_page(request, shown, problem.status, error=problem.message, text=text)
    if not request.htmx:
        return redirect("chat:conversation", shown.id)
    html = "".join(
        render_to_string("chat/_message.html", {"view": message_view(message)}) for message in added
    )
    return list_changed(HttpResponse(html))


@require_GET
def conversation_list(request: PageRequest) -> HttpResponse:
    """Show the list in the sidebar, perhaps searched."""
    current = request.GET.get("current", "")
    page = context.sidebar(user_of(request), _search(request), current)
    return render(request, "chat/_conversations.html", page)


# --- Answers -------------------------------------------------------------------------------------


def _thread(request: PageRequest, shown: Conversation) -> HttpResponse:
    shown.refresh_from_db()
    response = render(request, "chat/_thread.html", context.thread(shown))
    return list_changed(response)


def _one(request: PageRequest, message: Message, **extra: Any) -> HttpResponse:
    siblings = siblings_read(message.conversation_id, [message])
    view = message_view(message, siblings.get(message.id))
    return render(request, "chat/_message.html", {"view": view, **extra})


@require_GET
def message(request: PageRequest, key: UUID) -> HttpResponse:
    """One message as it stands. One that still waits, or that an agent works on, says nothing
    new."""
    shown = message_get(request, key)
    works = shown.run and shown.run.kind == AGENT and shown.run.is_active
    if shown.queued or works:
        return HttpResponse(status=204)
    return _one(request, shown)


@require_http_methods(["GET", "POST"])
@refusals_as_json
def message_edit(request: PageRequest, key: UUID) -> HttpResponse:
    edited = message_get(request, key)
    if request.method == "GET":
        return render(request, "chat/_edit.html", {"message": edited})
    services.message_edit(message=edited, text=request.POST.get("text", ""))
    return _thread(request, edited.conversation)


@require_POST
@refusals_as_json
def message_regenerate(request: PageRequest, key: UUID) -> HttpResponse:
    answer = message_get(request, key)
    services.message_regenerate(message=answer)
    return _thread(request, answer.conversation)


@require_POST
@refusals_as_json
def message_continue(request: PageRequest, key: UUID) -> HttpResponse:
    answer = services.message_continue(message=message_get(request, key))
    return _one(request, answer)


@require_POST
@refusals_as_json
def message_select(request: PageRequest, key: UUID) -> HttpResponse:
    return _thread(request, services.message_select(message=message_get(request, key)))


@require_POST
@refusals_as_json
def message_discard(request: PageRequest, key: UUID) -> HttpResponse:
    return _thread(request, services.message_discard(message=message_get(request, key)))


@require_POST
def stop(request: PageRequest, key: UUID) -> HttpResponse:
    """Stop what is being written in this conversation. A question that waits begins then: that is
    said."""
    shown = conversation_get(request, key)
    waits = services.conversation_waits(shown)
    services.conversation_stop(conversation=shown)
    if not request.htmx:
        return redirect("chat:conversation", shown.id)
    return render(request, "chat/_stopped.html") if waits else HttpResponse(status=204)


@require_GET
def message_loading(request: PageRequest, key: UUID) -> HttpResponse:
    """Why the first word takes its time: a place in the queue, a model that loads."""
    answer = message_get(request, key)
    return render(request, "chat/_loading.html", context.loading(answer))


@require_POST
@refusals_as_json
def call_decide(request: PageRequest, key: UUID, call_id: str) -> HttpResponse:
    """Take a person's word on a tool call."""
    answer = message_get(request, key)
    if answer.run is None:
        raise Http404("There is no such call.")
    decision = request.POST.get("decision")
    if decision not in ("allow", "deny"):
        raise InvalidRequest("decision: it must be allow or deny.", field="decision")
    arguments = _arguments(request.POST.get("arguments", "")) if decision == "allow" else None
    tool_call_decide(
        run=answer.run,
        call_id=call_id,
        decision="allow" if decision == "allow" else "deny",
        arguments=arguments,
    )
    return HttpResponse(status=204)


def _arguments(text: str) -> JSON:
    try:
        arguments = json_read(text or "{}")
    except ValueError as error:
        message = f"arguments: this is not JSON ({error})."
        raise InvalidRequest(message, field="arguments") from error
    if not isinstance(arguments, dict):
        raise InvalidRequest("arguments: it must be a JSON object.", field="arguments")
    return arguments
