"""The page of models: what there is, whether it fits, and what goes on with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial

from django import forms
from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET, require_POST

from common.errors import CortexError
from common.problems import problem_at
from common.web.pages import PageRequest
from common.web.users import user_of
from inference import services
from inference.models import LanguageModel

UNCHANGED = 204  # htmx then leaves the page as it is
WORDS = 200  # characters of a search
WITH_ERROR = 422  # htmx swaps it as it does a success

ACTIONS: dict[str, Callable[..., object]] = {
    "load": services.model_load_start,
    "unload": services.model_unload,
    "pause": services.model_pause,
    "dismiss": services.model_dismiss,
    "default": services.model_set_default,
    "delete": services.model_delete,
}


GROUPS = {
    "ready": "Ready",
    "disk": "On this disk",
    "download": "To download",
}


class AddForm(forms.Form):
    """A model of the hub, by id."""

    name = forms.CharField(max_length=255, label="Model id")


@require_GET
def models(request: PageRequest) -> HttpResponse:
    """All models. The page asks again every few moments and gets 204 while nothing has changed."""
    if not request.htmx:
        return render(request, "inference/models.html", _context(request))
    html, version = _list(request)
    if request.GET.get("version") == version:
        return HttpResponse(status=UNCHANGED)
    return HttpResponse(html)


@require_POST
def model_change(request: PageRequest, id: int, action: str) -> HttpResponse:
    """Load, unload, make default or delete; the list as it is then."""
    row = get_object_or_404(LanguageModel, pk=id)
    change = ACTIONS.get(action)
    if change is None:
        raise Http404(f"Nothing can be done with a model by the name of {action}.")
    return _change(request, row, change)


@require_POST
def model_engine(request: PageRequest, id: int) -> HttpResponse:
    """Choose what computes the model; the list as it is then."""
    row = get_object_or_404(LanguageModel, pk=id)
    engine = request.POST.get("engine", "")
    return _change(request, row, partial(services.model_engine_set, engine=engine))


def _change(
    request: PageRequest, row: LanguageModel, change: Callable[..., object]
) -> HttpResponse:
    try:
        change(name=row.name, by=user_of(request))
    except CortexError as error:
        services.model_error_keep(name=row.name, error=problem_at(error, request).message)
        return _answer(request, WITH_ERROR)
    return _answer(request)


@require_POST
def model_add(request: PageRequest) -> HttpResponse:
    """Fetch a model from the hub, by an id that was typed or that a search found. What goes wrong
    stands where it was asked for, and no poll takes it away."""
    form = AddForm(request.POST)
    if not form.is_valid():
        return _add_refused(request, "Write the id of a model, such as organisation/name.")
    name = form.cleaned_data["name"].strip()
    try:
        services.model_load_start(name=name, by=user_of(request))
    except CortexError as error:
        return _add_refused(request, problem_at(error, request).message)
    if not request.htmx:
        return redirect("models")
    values = {"added": True, **_context(request), "oob": True}
    answer = _add_part(request, values)
    answer.write(render_to_string("inference/_models.html", values, request))
    return answer


def _add_refused(request: PageRequest, problem: str) -> HttpResponse:
    values: dict[str, object] = {"add_problem": problem, "add_name": request.POST.get("name", "")}
    if request.htmx:
        return _add_part(request, values, status=WITH_ERROR)
    values |= _context(request)
    return render(request, "inference/models.html", values, status=WITH_ERROR)


def _add_part(
    request: PageRequest, values: Mapping[str, object], status: int = 200
) -> HttpResponse:
    """The part of the page that asked: the form, or what stands under a match of a search."""
    part = "_add_outcome" if "match" in request.POST else "_add"
    return render(request, f"inference/{part}.html", values, status=status)


@require_GET
def model_search(request: PageRequest) -> HttpResponse:
    """Search the hub by words: the matches, or a word on why there are none."""
    found = _search(request)
    if request.htmx:
        return render(request, "inference/_found.html", found)
    return render(request, "inference/models.html", _context(request) | found)


def _search(request: PageRequest) -> dict[str, object]:
    words = request.GET.get("q", "").strip()[:WORDS]
    if not words:
        return {"words": ""}
    try:
        return {"words": words, "matches": services.hub_search(words=words)}
    except CortexError as error:
        return {"words": words, "search_problem": problem_at(error, request).message}


@require_POST
def model_refresh(request: PageRequest) -> HttpResponse:
    """Look anew at what is on this machine; the list as it is then."""
    services.model_refresh()
    return _answer(request)


def _answer(request: PageRequest, status: int = 200) -> HttpResponse:
    if request.htmx:
        html, _ = _list(request)
        return HttpResponse(html, status=status)
    if status == WITH_ERROR:
        return render(request, "inference/models.html", _context(request), status=status)
    return redirect("models")


def _list(request: PageRequest) -> tuple[str, str]:
    """The list's HTML, and a word that changes when it does."""
    context = _context(request)
    html = render_to_string("inference/_models.html", context, request)
    return html, str(context["version"])


def _context(request: PageRequest) -> dict[str, object]:
    rows = services.model_list()
    infos = [info for info in services.model_infos(rows) if info.offered]
    pks = {row.name: row.pk for row in rows}
    used = services.memory_used()
    groups = [
        (name, title, [(pks[info.id], info) for info in infos if info.group == name])
        for name, title in GROUPS.items()
    ]
    return {
        "groups": [group for group in groups if group[2]],
        "moving": any(info.is_moving for info in infos),
        "used": used,
        "limit": settings.MODEL_MEMORY_LIMIT,
        "may_manage": services.may_manage_models(user_of(request)),
        "version": hashlib.sha1(repr((infos, used)).encode(), usedforsecurity=False).hexdigest(),
    }
