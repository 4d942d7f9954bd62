"""Runs in the admin: to look at, and to stop."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from agents import services
from agents.log import events
from agents.log.coalescing import merged
from agents.loops.contract import LoopEvent
from agents.models import Run, Step
from agents.react.steps import step_of
from agents.work.pruning import logs_measure
from tooling.admin import log_limits


class StepInline(admin.TabularInline):  # type: ignore[type-arg]  # subscripting fails at run time
    """The steps of an agent run, as they happened."""

    model = Step
    fields = ["step_number", "status", "thought", "action", "shown_input", "observation", "usage"]
    readonly_fields = ["shown_input", "observation"]
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False

    @admin.display(description="Action input")
    def shown_input(self, step: Step) -> str:
        return json.dumps(step.action_input, ensure_ascii=False)

    @admin.display
    def observation(self, step: Step) -> str | None:
        return step_of(step).observation


@admin.register(Run)
class RunAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # subscripting fails at run time
    list_display = ["id", "owner", "kind", "state", "model", "created_at", "finished_at"]
    list_filter = ["state", "kind"]
    list_select_related = ["owner"]
    search_fields = ["=id", "owner__username", "model", "output"]
    date_hierarchy = "created_at"
    show_full_result_count = False
    actions = ["stop"]
    exclude = ["lease_owner", "lease_until", "last_seq", "cancel_requested"]
    readonly_fields = ["log"]
    inlines = [StepInline]
    change_list_template = "admin/log_list.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        logs = logs_measure()
        amount = f"{logs.runs:,} runs with {logs.events:,} entries take {filesizeformat(logs.size)}"
        told = {"log_amount": f"{amount}. What chats show of their answers stays."}
        return super().changelist_view(request, {**(extra_context or {}), **log_limits(), **told})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False  # a run is what happened

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("agents.change_run")

    @admin.display(description="Log")
    def log(self, run: Run) -> SafeString:
        """All events, with text that arrived in pieces put together."""
        entries = merged(LoopEvent(event.kind, event.data) for event in events.read(run.id))
        rows = [(entry.kind, _shown(entry.data)) for entry in entries]
        return render_to_string("agents/admin_log.html", {"rows": rows})

    @admin.action(description="Stop the selected runs", permissions=["stop"])
    def stop(self, request: HttpRequest, runs: QuerySet[Run]) -> None:
        active = runs.filter(state__in=Run.ACTIVE)
        for run in active:
            services.run_cancel(run=run)
            self.log_change(request, run, "Stopped.")
        count = len(active)
        self.message_user(request, f"{count} of the selected runs stopped.", messages.SUCCESS)


def _shown(data: dict[str, Any]) -> str:
    return data["text"] if set(data) == {"text"} else json.dumps(data, ensure_ascii=False)
