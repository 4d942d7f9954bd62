"""The pages of agents: goals, live traces, forks, comparisons, exports."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import services
from agents.errors import RunNotFound, StepNotFound
from agents.models import Run
from agents.react import forks
from agents.react.goals import KIND, goal_start, run_steps
from agents.react.steps import StepRecord
from agents.web.exports import run_export, step_prompt
from agents.web.pages.compare import comparison
from agents.web.pages.forms import EXAMPLES, CompareForm, ForkForm, GoalForm
from agents.web.pages.traces import STATE_BADGES, run_values, trace_of
from common.errors import CortexError
from common.problems import problem_at
from common.web.pages import PageRequest
from common.web.users import user_of

PAGE = 20  # runs
UNCHANGED = 204  # htmx then leaves the page as it is


@require_http_methods(["GET", "HEAD", "POST"])
def agents(request: PageRequest) -> HttpResponse:
    """Show the goal form and the runs. The list asks again every two seconds and gets 204 while
    nothing has changed."""
    user = user_of(request)
    if request.method == "POST":
        return _start(request, GoalForm(user, request.POST))
    listed = _runs(request)
    version = _version(listed)
    if request.GET.get("version") == version:
        return HttpResponse(status=UNCHANGED)
    if request.GET.get("version"):
        return render(request, "agents/_runs.html", _list_values(listed))
    return render(request, "agents/agents.html", _list_values(listed) | {"form": GoalForm(user)})


def _start(request: PageRequest, form: GoalForm) -> HttpResponse:
    if form.is_valid():
        try:
            run = goal_start(
                owner=user_of(request), goal=form.to_goal, model=form.cleaned_data["model"]
            )
            return redirect("agent-run", run.id)
        except CortexError as error:
            form.add_error(None, problem_at(error, request).message)
    values = _list_values(_runs(request)) | {"form": form, "open_options": form.opens_options}
    return render(request, "agents/agents.html", values, status=422)


def _runs(request: PageRequest) -> Page[Run]:
    runs = services.run_list(user=user_of(request), kind=KIND)
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
def run(request: PageRequest, run_id: UUID) -> HttpResponse:
    """One run, or with htmx its trace alone; while it works that comes over its WebSocket."""
    return _run_page(request, _run(request, run_id))


@require_POST
def stop(request: PageRequest, run_id: UUID) -> HttpResponse:
    services.run_cancel(run=_run(request, run_id))
    return HttpResponse(status=UNCHANGED) if request.htmx else redirect("agent-run", run_id)


@require_POST
def resume(request: PageRequest, run_id: UUID) -> HttpResponse:
    shown = _run(request, run_id)
    try:
        forks.run_resume(run=shown)
    except CortexError as error:
        problem = problem_at(error, request)
        return _run_page(request, shown, problem.message, status=problem.status)
    return _go(request, shown)


@require_http_methods(["GET", "HEAD", "POST"])
def fork(request: PageRequest, run_id: UUID, number: int) -> HttpResponse:
    """Show the form to go another way from a step: in the dialog, or on a page of its own."""
    user, parent = user_of(request), _run(request, run_id)
    step = _step(parent, number)
    form = ForkForm(user, step, request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = forks.run_fork(run=parent, owner=user, step=number, edit=form.edit)
            return _go(request, made)
        except CortexError as error:
            problem = problem_at(error, request)
            form.add_error(problem.field if problem.field in form.fields else None, problem.message)
    partial = request.htmx
    values = {"form": form, "run": parent, "number": number, "partial": partial}
    template = "agents/_fork.html" if partial else "agents/fork.html"
    return render(request, template, values, status=422 if form.is_bound else 200)


@require_GET
def prompt(request: PageRequest, run_id: UUID, number: int) -> HttpResponse:
    """Show what the model was sent for a step; where that is not known, the messages as rebuilt."""
    shown = _run(request, run_id)
    sent = _step(shown, number).prompt
    messages = () if sent else step_prompt(shown, number)
    values = {"sent": sent, "messages": messages, "run": shown, "number": number}
    template = "agents/_prompt.html" if request.htmx else "agents/prompt.html"
    return render(request, template, values)


@require_GET
def export(request: PageRequest, run_id: UUID) -> HttpResponse:
    """Send the run with all its steps, as a JSON file."""
    shown = _run(request, run_id)
    response = JsonResponse(run_export(shown), json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="run-{shown.id}.json"'
    return response


@require_GET
def compare(request: PageRequest) -> HttpResponse:
    """Two runs side by side."""
    form = CompareForm(user_of(request), request.GET)
    values: dict[str, object] = {"form": form}
    if form.is_valid():
        pair = [_named(request, form.cleaned_data[name]) for name in ("left", "right")]
        values |= comparison(*pair)
    return render(request, "agents/compare.html", values)


def _named(request: PageRequest, text: str) -> Run:
    try:
        return _run(request, UUID(text))
    except ValueError as error:
        raise Http404("There is no such run.") from error


def _run_page(
    request: PageRequest, shown: Run, problem: str = "", status: int = 200
) -> HttpResponse:
    values = run_values(shown, trace_of(shown)) | {"problems": [problem] if problem else []}
    template = "agents/_run.html" if request.htmx and not problem else "agents/run.html"
    return render(request, template, values, status=status)


def _run(request: PageRequest, run_id: UUID) -> Run:
    """One of the user's own agent runs. Raises RunNotFound."""
    found = services.run_get(run_id=run_id, user=user_of(request))
    if found.kind != KIND:
        raise RunNotFound(f"There is no agent run {run_id}.")
    return found


def _step(run: Run, number: int) -> StepRecord:
    steps = run_steps(run)
    if not 1 <= number <= len(steps):
        raise StepNotFound(f"The run has no step {number}.")
    return steps[number - 1]


def _go(request: PageRequest, to: Run) -> HttpResponse:
    """To a run's page; within htmx by its own means, which load the whole page."""
    answer = redirect("agent-run", to.id)
    if request.htmx:
        return HttpResponse(status=UNCHANGED, headers={"HX-Redirect": answer.url})
    return answer
