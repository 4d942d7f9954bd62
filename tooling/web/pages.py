"""The pages of tools: what there is, a form to try each, its result, the latest calls."""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from common.problems import problem_at
from common.web.pages import PageRequest
from common.web.users import user_of
from tooling import services
from tooling.errors import InvalidArguments, ToolError, ToolNotFound
from tooling.services import ToolInfo
from tooling.web.forms import ToolForm

UNCHANGED = 204  # htmx then leaves the page as it is
TOOLS_CHANGED, CALLS_CHANGED = "tools-changed", "calls-changed"  # events for the page's parts


@require_GET
def tools(request: PageRequest) -> HttpResponse:
    """All tools. The page asks again every two seconds and gets 204 while nothing has changed."""
    user = user_of(request)
    listed = services.tool_list(caller=user)
    version = _version(listed)
    if request.GET.get("version") == version:
        return HttpResponse(status=UNCHANGED)
    context = {
        "tools": listed,
        "version": version,
        "may_change": services.may_change_tools(user),
        "calls": services.tool_call_list(caller=user),
    }
    if request.GET.get("version"):
        return render(request, "tooling/_tools.html", context)
    return render(request, "tooling/tools.html", context)


@require_GET
def tool(request: PageRequest, name: str) -> HttpResponse:
    """One tool, its form and its latest calls; asks again as the list does."""
    user = user_of(request)
    shown = _tool_for(user, name)
    version = _version([shown])
    if request.GET.get("version") == version:
        return HttpResponse(status=UNCHANGED)
    context = {"tool": shown, "version": version, "may_change": services.may_change_tools(user)}
    if request.GET.get("version"):
        return render(request, "tooling/_state.html", context | {"swap": True})
    context |= {
        "tools": services.tool_list(caller=user),
        "form": ToolForm(shown, auto_id="parameter-%s"),
        "calls": services.tool_call_list(caller=user, tool=name),
    }
    return render(request, "tooling/tool.html", context)


@require_POST
def tool_run(request: PageRequest, name: str) -> HttpResponse:
    """Start a call; the answer is its card, which follows the call until it ends."""
    user = user_of(request)
    shown = _tool_for(user, name)
    form = ToolForm(shown, request.POST, auto_id="parameter-%s")
    call, problem = None, ""
    if form.is_valid():
        try:
            call = services.tool_call_start(name=name, arguments=form.arguments, caller=user)
        except InvalidArguments as error:
            _tell(form, error)
        except ToolError as error:
            problem = problem_at(error, request).message
    context = {"tool": shown, "form": form, "call": call, "problem": problem}
    response = render(request, "tooling/_run.html", context, status=200 if call else 422)
    if call:
        response["HX-Trigger"] = CALLS_CHANGED
    return response


@require_POST
def tool_switch(request: PageRequest, name: str) -> HttpResponse:
    """Turn a tool on or off; htmx then asks for what has changed."""
    user = user_of(request)
    services.tool_configure(name=name, by=user, enabled=request.POST.get("enabled") == "true")
    if request.htmx:
        return HttpResponse(status=UNCHANGED, headers={"HX-Trigger": TOOLS_CHANGED})
    return redirect("tools")


@require_GET
def call(request: PageRequest, id: UUID) -> HttpResponse:
    """One call of one's own: its card while it runs and after, or all of it for the log."""
    shown = services.tool_call_get(id=id, caller=user_of(request))
    template = "tooling/_call_body.html" if "log" in request.GET else "tooling/_card.html"
    response = render(request, template, {"call": shown})
    if not shown.is_running and "log" not in request.GET:
        response["HX-Trigger"] = CALLS_CHANGED
    return response


@require_POST
def call_cancel(request: PageRequest, id: UUID) -> HttpResponse:
    """Ask a call to stop; its card, which asks for itself, shows that it does."""
    services.tool_call_cancel(id=id, caller=user_of(request))
    return HttpResponse(status=204)


@require_GET
def calls(request: PageRequest) -> HttpResponse:
    """Show the latest calls, of one tool if it is named."""
    name = request.GET.get("tool") or None
    listed = services.tool_call_list(caller=user_of(request), tool=name)
    return render(request, "tooling/_calls.html", {"calls": listed, "of": name or ""})


def _tool_for(user: User, name: str) -> ToolInfo:
    """The tool if there is one for this person. Raises ToolNotFound."""
    found = services.tool_get(name=name)
    if found.admins_only and not services.may_change_tools(user):
        raise ToolNotFound(f"There is no tool named {name!r}.")
    return found


def _version(tools: list[ToolInfo]) -> str:
    """A short text that changes when what the page shows of the tools does."""
    state = repr([(tool.name, tool.enabled, tool.admins_only) for tool in tools])
    return hashlib.sha256(state.encode()).hexdigest()[:16]


def _tell(form: ToolForm, error: InvalidArguments) -> None:
    for problem in error.details["problems"]:
        name = problem["field"].removeprefix("parameters.")
        form.add_error(name if name in form.fields else None, problem["message"])
