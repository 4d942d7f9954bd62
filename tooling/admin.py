"""Tools, their calls and the web search in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.utils.text import Truncator

from common.web.users import user_of
from tooling import services
from tooling.builtin.web_search import unknown_backends
from tooling.journal import calls_size
from tooling.models import SearchSettings, Tool, ToolCall


def log_limits() -> dict[str, str]:
    """Tell how long a log is kept, for a page that shows it."""
    days, size = settings.LOG_KEEP_DAYS, settings.LOG_KEEP_SIZE
    rules = []
    if days:
        rules.append(f"after {days} days")
    if size:
        rules.append(f"the oldest first when all take more than {filesizeformat(size)}")
    kept = f"They are removed {', and '.join(rules)}." if rules else "They are kept for ever."
    return {"log_limits": f"{kept} LOG_KEEP_DAYS and LOG_KEEP_SIZE say so."}


class ToolSwitchesForm(forms.ModelForm):  # type: ignore[type-arg]
    """One row of the list: its switches stand under a heading, and name themselves besides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{self.instance.name}: {field.label}"


@admin.register(Tool)
class ToolAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The switches. All changes go through the services, which write the audit log."""

    list_display = ["name", "enabled", "admins_only", "description", "updated_at"]
    list_editable = ["enabled", "admins_only"]
    search_fields = ["name"]
    fields = ["name", "description", "enabled", "admins_only"]
    readonly_fields = ["name", "description"]
    actions = ["enable", "disable"]

    def get_changelist_form(
        self, request: HttpRequest, **kwargs: Any
    ) -> type[forms.ModelForm[Tool]]:
        return super().get_changelist_form(request, **{**kwargs, "form": ToolSwitchesForm})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Tool | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tool]:
        """Give the tools that there are; rows of removed packages wait unseen for their return."""
        return super().get_queryset(request).filter(name__in=services.tool_rows())

    @admin.display()
    def description(self, row: Tool) -> str:
        return services.tool_get(name=row.name).description

    def save_model(
        self, request: HttpRequest, obj: Tool, form: forms.ModelForm[Tool], change: bool
    ) -> None:
        services.tool_configure(
            name=obj.name,
            by=user_of(request),
            enabled=obj.enabled,
            admins_only=obj.admins_only,
        )

    def log_change(self, request: HttpRequest, obj: Tool, message: Any) -> None:  # type: ignore[override]
        """Write nothing: the services have written it already."""

    @admin.action(description="Enable the selected tools", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[Tool]) -> None:
        self._switch(request, queryset, True)

    @admin.action(description="Disable the selected tools", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Tool]) -> None:
        self._switch(request, queryset, False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Tool], enabled: bool) -> None:
        names = list(queryset.values_list("name", flat=True))
        for name in names:
            services.tool_configure(name=name, by=user_of(request), enabled=enabled)
        text = f"{'Enabled' if enabled else 'Disabled'}: {', '.join(names)}."
        self.message_user(request, text, messages.SUCCESS)


@admin.register(ToolCall)
class ToolCallAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The log: to be read and filtered, never to be changed."""

    list_display = ["created_at", "tool", "caller", "state", "seconds", "problem"]
    list_filter = ["tool", "state", "created_at", "caller"]
    list_select_related = ["caller"]
    search_fields = ["tool", "error", "run"]
    date_hierarchy = "created_at"
    change_list_template = "admin/log_list.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        size = filesizeformat(calls_size())
        told = {"log_amount": f"{ToolCall.objects.count():,} calls take {size}."}
        return super().changelist_view(request, {**(extra_context or {}), **log_limits(), **told})

    @admin.display(description="seconds", ordering="duration_seconds")
    def seconds(self, call: ToolCall) -> str:
        return "" if call.duration_seconds is None else f"{call.duration_seconds:.2f}"

    @admin.display(description="error")
    def problem(self, call: ToolCall) -> str:
        """Give the last line of a traceback, which says what it was."""
        return Truncator(call.error.strip().rpartition("\n")[2]).chars(100)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ToolCall | None = None) -> bool:
        return False


class SearchSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean_backends(self) -> str:
        text: str = self.cleaned_data["backends"]
        if unknown := unknown_backends(text):
            raise forms.ValidationError(f"There is no search engine {', '.join(unknown)}.")
        return text


@admin.register(SearchSettings)
class SearchSettingsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """One row: the list leads straight to it."""

    form = SearchSettingsForm

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row, _ = SearchSettings.objects.get_or_create(pk=1)
        return redirect("admin:tooling_searchsettings_change", row.pk)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: SearchSettings | None = None
    ) -> bool:
        return False
