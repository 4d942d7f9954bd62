"""The views of a conversation as a thing: its title, place, settings, and as a file."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from chat import context, exports, services
from chat.models import Conversation
from chat.pages.forms import ImportForm, SettingsForm
from chat.pages.requests import (
    conversation_get,
    conversations_of,
    list_changed,
)
from common.errors import InvalidRequest
from common.problems import problem_at, refusals_as_json
from common.web.pages import PageRequest
from common.web.users import user_of
from inference import services as inference

# --- A conversation's title, place and settings ---------------------------------------------------


def _entry(request: PageRequest, shown: Conversation) -> HttpResponse:
    """A conversation in the list."""
    here = reverse("chat:conversation", args=[shown.id]) in request.headers.get(
        "HX-Current-URL", ""
    )
    values = {"conversation": shown, "current": shown.id if here else None}
    response = render(request, "chat/_conversation.html", values)
    if here:
        response.write(render_to_string("chat/_title.html", values))
    return response


@require_http_methods(["GET", "POST"])
def rename(request: PageRequest, key: UUID) -> HttpResponse:
    shown = conversation_get(request, key)
    if request.method == "GET" and "cancel" in request.GET:
        return _entry(request, shown)
    values: dict[str, Any] = {"conversation": shown, "title": shown.title}
    if request.method == "POST":
        values["title"] = request.POST.get("title", "")
        try:
            services.conversation_rename(conversation=shown, title=values["title"])
        except InvalidRequest as error:
            return render(request, "chat/_rename.html", values | {"error": error}, status=422)
        return _entry(request, shown)
    return render(request, "chat/_rename.html", values)


@require_POST
def pin(request: PageRequest, key: UUID) -> HttpResponse:
    shown = conversation_get(request, key)
    services.conversation_pin(conversation=shown, pinned=request.POST.get("pinned") == "1")
    return list_changed(HttpResponse(status=204))


@require_POST
def delete(request: PageRequest, key: UUID) -> HttpResponse:
    """Into the bin; a toast offers to take it out again."""
    shown = conversation_get(request, key)
    services.conversation_delete(conversation=shown)
    if request.POST.get("current") == str(shown.id):
        return HttpResponseClientRedirect(f"{reverse('chat:home')}?deleted={shown.id}")
    return render(request, "chat/_undo.html", {"conversation": shown})


@require_POST
def restore(request: PageRequest, key: UUID) -> HttpResponse:
    shown = get_object_or_404(conversations_of(request), id=key)
    services.conversation_restore(conversation=shown)
    if request.POST.get("open") == "1":
        return HttpResponseClientRedirect(reverse("chat:conversation", args=[shown.id]))
    return list_changed(HttpResponse(status=204))


@require_POST
@refusals_as_json
def model(request: PageRequest, key: UUID) -> HttpResponse:
    """Show the model picker."""
    shown = conversation_get(request, key)
    name = request.POST.get("model", "")
    if name:
        inference.model_resolve(name)
    services.conversation_configure(conversation=shown, model=name)
    return render(request, "chat/_model_picker.html", context.models(shown))


@require_GET
@refusals_as_json
def model_state(request: PageRequest) -> HttpResponse:
    row = inference.model_resolve(request.GET.get("model", ""))
    return render(request, "chat/_model_state.html", context.model_state(row))


@require_http_methods(["GET", "POST"])
def settings(request: PageRequest, key: UUID) -> HttpResponse:
    shown = conversation_get(request, key)
    form = SettingsForm(shown, request.POST or None)
    if request.method == "POST" and form.is_valid():
        services.conversation_configure(conversation=shown, **form.values())
        if request.htmx:
            page = context.models(shown) | {"oob": True}
            response = render(request, "chat/_model_picker.html", page)
            return trigger_client_event(response, "dialog-close", after="swap")
        return redirect("chat:conversation", shown.id)
    status = 422 if form.is_bound else 200
    return _dialog(request, "chat/_settings.html", shown, status, form=form)


def _dialog(
    request: PageRequest, partial: str, shown: Conversation | None, status: int = 200, **extra: Any
) -> HttpResponse:
    """A dialog's content, or without htmx a page of its own."""
    values = {"conversation": shown, "partial": partial, **extra}
    if request.htmx:
        return render(request, partial, values, status=status)
    current = str(shown.id) if shown else ""
    page = context.sidebar(user_of(request), current=current)
    values["is_page"] = True
    return render(request, "chat/form_page.html", page | values, status=status)


# --- Files ---------------------------------------------------------------------------------------


@require_GET
def share(request: PageRequest, key: UUID) -> HttpResponse:
    return _dialog(request, "chat/_share.html", conversation_get(request, key))


@require_GET
def export(request: PageRequest, key: UUID, kind: str) -> HttpResponse:
    shown = conversation_get(request, key)
    if kind == "md":
        text, content_type = exports.export_markdown(shown), "text/markdown; charset=utf-8"
    else:
        text, content_type = exports.export_json(shown), "application/json"
    name = slugify(str(shown))[:60] or "chat"
    disposition = f'attachment; filename="{name}.{kind}"'
    return HttpResponse(
        text, content_type=content_type, headers={"Content-Disposition": disposition}
    )


@require_http_methods(["GET", "POST"])
def import_file(request: PageRequest) -> HttpResponse:
    form = ImportForm()
    if request.method == "POST":
        form = ImportForm(request.POST, request.FILES)
    if request.method == "POST" and form.is_valid():
        try:
            made = exports.import_file(owner=user_of(request), data=form.cleaned_data["file"])
        except InvalidRequest as error:
            form.add_error("file", problem_at(error, request).message)
        else:
            address = _imported(request, made)
            return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
    status = 422 if form.is_bound else 200
    return _dialog(request, "chat/_import.html", None, status, form=form)


def _imported(request: PageRequest, made: list[Conversation]) -> str:
    """Where the page goes: to the chat, or of many to their list."""
    if len(made) == 1:
        return reverse("chat:conversation", args=[made[0].id])
    messages.success(request, f"{len(made)} chats were imported.")
    return reverse("chat:home")
