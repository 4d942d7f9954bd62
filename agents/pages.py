"""The pages of agents: goals, live traces, forks, comparisons, exports."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import forks, services
from agents.compare import comparison
from agents.errors import RunNotFound, StepNotFound
from agents.exports import run_export, step_prompt
from agents.goal_forms import EXAMPLES, CompareForm, ForkForm, GoalForm
from agents.goals import KIND, goal_start, run_steps
from agents.models import Run
from agents.steps import StepRecord
from agents.traces import STATE_BADGES, run_values, trace_of
from inference.errors import InferenceError

PAGE = 20  # runs
UNCHANGED = 204  # htmx then leaves the page as it is
View = Callable[..., HttpResponse]


def page(view: View) -> View:
    """What is not there, or is somebody else's, as the page for that."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (RunNotFound, StepNotFound) as error:
            raise Http404(str(error)) from error

    return wrapped


@require_http_methods(["GET", "HEAD", "POST"])
@page
def agents(request: HttpRequest) -> HttpResponse:
    """The goal form and the runs. The list asks again every two seconds and gets 204 while nothing
    has changed."""
    user = _user(request)
    if request.method == "POST":
        return _start(request, GoalForm(user, request.POST))
    listed = _runs(request)
    version = _version(listed)
    if request.GET.get("version") == version:
        return HttpResponse(status=UNCHANGED)
    if request.GET.get("version"):
        return render(request, "agents/_runs.html", _list_values(listed))
    return render(request, "agents/agents.html", _list_values(listed) | {"form": GoalForm(user)})


def _start(request: HttpRequest, form: GoalForm) -> HttpResponse:
    if form.is_valid():
        try:
            run = goal_start(
                owner=_user(request), goal=form.to_goal, model=form.cleaned_data["model"]
            )
            return redirect("agent-run", run.id)
        except InferenceError as error:
            form.add_error(None, str(error))
    values = _list_values(_runs(request)) | {"form": form, "open_options": form.opens_options}
    return render(request, "agents/agents.html", values, status=422)


def _runs(request: HttpRequest) -> Page[Run]:
    runs = services.run_list(user=request.user, kind=KIND)
    counted = runs.annotate(step_count=Count("steps")).order_by("-created_at", "-id")
    pages: Paginator[Run] = Paginator(counted, PAGE)
    return pages.get_page(request.GET.get("page"))


def _list_values(listed: Page[Run]) -> dict[str, object]:
    for run in listed.object_list:
        run.badge = STATE_BADGES.get(Run.State(run.state), "")  # type: ignore[attr-defined]
    return {
        "page": listed,
        "version": _version(listed),
        "enabled": settings.ENABLE_AGENTS,
        "examples": EXAMPLES,
    }


def _version(listed: Page[Run]) -> str:
    """A short text that changes when what the list shows does."""
    shown = [(str(run.id), run.state, run.step_count) for run in listed.object_list]  # type: ignore[attr-defined]
    state = repr((shown, listed.paginator.num_pages))
    return hashlib.sha256(state.encode()).hexdigest()[:16]


@require_GET
@page
def run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """One run, or with htmx its trace alone; while it works that comes over its WebSocket."""
    return _run_page(request, _run(request, run_id))


@require_POST
@page
def stop(request: HttpRequest, run_id: UUID) -> HttpResponse:
    services.run_cancel(run=_run(request, run_id))
    return HttpResponse(status=UNCHANGED) if _is_htmx(request) else redirect("agent-run", run_id)


@require_POST
@page
def resume(request: HttpRequest, run_id: UUID) -> HttpResponse:
    shown = _run(request, run_id)
    try:
        forks.run_resume(run=shown)
    except InferenceError as error:
        return _run_page(request, shown, str(error), status=error.status)
    return _go(request, shown)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def fork(request: HttpRequest, run_id: UUID, number: int) -> HttpResponse:
    """The form to go another way from a step: in the dialog, or on a page of its own."""
    user, parent = _user(request), _run(request, run_id)
    step = _step(parent, number)
    form = ForkForm(user, step, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = forks.run_fork(run=parent, owner=user, step=number, edit=form.edit)
            return _go(request, made)
        except InferenceError as error:
            named = error.details.get("field")
            form.add_error(named if named in form.fields else None, str(error))
    partial = _is_htmx(request)
    values = {"form": form, "run": parent, "number": number, "partial": partial}
    template = "agents/_fork.html" if partial else "agents/fork.html"
    return render(request, template, values, status=422 if form.is_bound else 200)


@require_GET
@page
def prompt(request: HttpRequest, run_id: UUID, number: int) -> HttpResponse:
    """The messages that led to a step."""
    shown = _run(request, run_id)
    values = {"messages": step_prompt(shown, number), "run": shown, "number": number}
    template = "agents/_prompt.html" if _is_htmx(request) else "agents/prompt.html"
    return render(request, template, values)


@require_GET
@page
def export(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The run with all its steps, as a JSON file."""
    shown = _run(request, run_id)
    response = JsonResponse(run_export(shown), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="run-{shown.id}.json"'
    return response


@require_GET
@page
def compare(request: HttpRequest) -> HttpResponse:
    """Two runs side by side."""
    form = CompareForm(_user(request), request.GET)
    values: dict[str, object] = {"form": form}
    if form.is_valid():
        pair = [_named(request, form.cleaned_data[name]) for name in ("left", "right")]
        values |= comparison(*pair)
    return render(request, "agents/compare.html", values)


def _named(request: HttpRequest, text: str) -> Run:
    try:
        return _run(request, UUID(text))
    except ValueError as error:
        raise Http404("There is no such run.") from error


def _run_page(
    request: HttpRequest, shown: Run, problem: str = "", status: int = 200
) -> HttpResponse:
    values = run_values(shown, trace_of(shown)) | {"problems": [problem] if problem else []}
    template = "agents/_run.html" if _is_htmx(request) and not problem else "agents/run.html"
    return render(request, template, values, status=status)


def _run(request: HttpRequest, run_id: UUID) -> Run:
    """One of the user's own agent runs. Raises RunNotFound."""
    found = services.run_get(run_id=run_id, user=request.user)
    if found.kind != KIND:
        raise RunNotFound(f"There is no agent run {run_id}.")
    return found


def _step(run: Run, number: int) -> StepRecord:
    steps = run_steps(run)
    if not 1 <= number <= len(steps):
        raise StepNotFound(f"The run has no step {number}.")
    return steps[number - 1]


def _go(request: HttpRequest, to: Run) -> HttpResponse:
    """To a run's page; within htmx by its own means, which load the whole page."""
    answer = redirect("agent-run", to.id)
    if _is_htmx(request):
        return HttpResponse(status=UNCHANGED, headers={"HX-Redirect": answer.url})
    return answer


def _is_htmx(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)  # the middleware lets nobody else in
