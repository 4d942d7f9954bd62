"""The page of models: what there is, whether it fits, and what goes on with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import cast

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET, require_POST

from inference import services
from inference.errors import InferenceError
from inference.models import LanguageModel

UNCHANGED = 204  # htmx then leaves the page as it is
WITH_ERROR = 422  # htmx swaps it as it does a success

ACTIONS: dict[str, Callable[..., object]] = {
    "load": services.model_load_start,
    "unload": services.model_unload,
    "default": services.model_set_default,
    "delete": services.model_delete,
}


class AddForm(forms.Form):
    """A model of the hub, by id."""

    name = forms.CharField(max_length=255, label="Model id")


@require_GET
def models(request: HttpRequest) -> HttpResponse:
    """All models. The page asks again every few moments and gets 204 while nothing has changed."""
    if not request.headers.get("HX-Request"):
        return render(request, "inference/models.html", _context(request, services.model_list()))
    html, version = _list(request)
    if request.GET.get("version") == version:
        return HttpResponse(status=UNCHANGED)
    return HttpResponse(html)


@require_POST
def model_change(request: HttpRequest, id: int, action: str) -> HttpResponse:
    """Load, unload, make default or delete; the list as it is then."""
    row = get_object_or_404(LanguageModel, pk=id)
    change = ACTIONS.get(action)
    if change is None:
        return HttpResponse(status=404)
    return _do(request, lambda: change(name=row.name, by=_user(request)))


@require_POST
def model_add(request: HttpRequest) -> HttpResponse:
    """Fetch a model from the hub."""
    form = AddForm(request.POST)
    if not form.is_valid():
        return _answer(request, "Write the id of a model, such as organisation/name.")
    name = form.cleaned_data["name"].strip()
    return _do(request, lambda: services.model_load_start(name=name, by=_user(request)))


def _do(request: HttpRequest, change: Callable[[], object]) -> HttpResponse:
    try:
        change()
    except InferenceError as error:
        return _answer(request, str(error))
    return _answer(request)


def _answer(request: HttpRequest, problem: str = "") -> HttpResponse:
    if not request.headers.get("HX-Request") and not problem:
        return redirect("models")
    if not request.headers.get("HX-Request"):
        context = _context(request, services.model_list()) | {"problem": problem}
        return render(request, "inference/models.html", context, status=WITH_ERROR)
    html, _ = _list(request, problem)
    return HttpResponse(html, status=WITH_ERROR if problem else 200)


def _list(request: HttpRequest, problem: str = "") -> tuple[str, str]:
    """The list's HTML, and a word that changes when it does."""
    context = _context(request, list(LanguageModel.objects.all())) | {"problem": problem}
    html = render_to_string("inference/_models.html", context, request)
    return html, str(context["version"])


def _context(request: HttpRequest, rows: list[LanguageModel]) -> dict[str, object]:
    infos = services.model_infos(rows)
    pks = {row.name: row.pk for row in rows}
    used = services.memory_used()
    return {
        "models": [(pks[info.id], info) for info in infos],
        "moving": any(info.is_moving for info in infos),
        "used": used,
        "limit": settings.MODEL_MEMORY_LIMIT,
        "may_manage": services.may_manage_models(_user(request)),
        "version": hashlib.sha1(repr((infos, used)).encode(), usedforsecurity=False).hexdigest(),
        "problem": "",
    }


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
