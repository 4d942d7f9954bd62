"""The note that the embedded model is a tiny one, and its one button: to a better one."""

from __future__ import annotations

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from chat import context
from chat.models import Conversation
from chat.pages.requests import conversation_get
from common.problems import refusals_as_json
from common.web.pages import PageRequest
from common.web.users import user_of
from inference import services as inference

DISMISSED = "tiny_model_note"  # a cookie: it outlives restarts, and asks for no table
COOKIE_AGE = 400 * 24 * 3600  # seconds; browsers keep none for longer


def suggestion_for(
    request: PageRequest, shown: Conversation | None, watched: str = ""
) -> context.Context:
    """Make the note for a page, unless somebody has put it away. `watched` is the model whose
    download or load it tells of."""
    if DISMISSED in request.COOKIES:
        return {}
    return context.suggestion(user_of(request), shown, watched)


@require_GET
def suggestion(request: PageRequest) -> HttpResponse:
    """Show the note as it is now; once the better model answers it goes, and the picker says so."""
    return _note(request, _chat_of(request, request.GET), request.GET.get("watched", ""))


@require_POST
@refusals_as_json
def take(request: PageRequest) -> HttpResponse:
    """Get or load the better model; it becomes the default when it can answer."""
    shown = _chat_of(request, request.POST)
    model = inference.model_adopt(name=request.POST.get("model", ""), by=user_of(request))
    return _note(request, shown, model.name) if request.htmx else _back(shown)


@require_POST
def dismiss(request: PageRequest) -> HttpResponse:
    """Put the note away for good."""
    response = HttpResponse() if request.htmx else _back(_chat_of(request, request.POST))
    response.set_cookie(DISMISSED, "1", max_age=COOKIE_AGE, httponly=True, samesite="Lax")
    return response


def _note(request: PageRequest, shown: Conversation | None, watched: str) -> HttpResponse:
    note = suggestion_for(request, shown, watched)
    if note:
        return render(request, "chat/_suggestion.html", note)
    return render(request, "chat/_model_picker.html", context.models(shown) | {"oob": True})


def _chat_of(request: PageRequest, data: QueryDict) -> Conversation | None:
    """Find the conversation that the note stands in; None is a new chat."""
    key = context.uuid_or_none(data.get("chat", ""))
    return conversation_get(request, key) if key else None


def _back(shown: Conversation | None) -> HttpResponse:
    return redirect("chat:conversation", shown.id) if shown else redirect("chat:home")
