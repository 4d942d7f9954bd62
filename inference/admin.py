"""Language models in the admin: state, load and unload, the default one, remote engines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.validators import URLValidator
from django.db.models import QuerySet
from django.http import HttpRequest

from common.errors import CortexError
from common.web.users import user_of
from inference import services
from inference.library.engines import AUTO
from inference.loaded.slots import gigabytes
from inference.models import LanguageModel

REMOTE = LanguageModel.Source.REMOTE


class RemoteEngineForm(forms.ModelForm):  # type: ignore[type-arg]
    """A model of another server. The key goes in and never comes out again."""

    base_url = forms.URLField(
        assume_scheme="http",
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Where the server's API is, such as http://host:8080/v1",
    )
    new_api_key = forms.CharField(
        label="API key",
        required=False,
        strip=True,
        max_length=255,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text="Leave empty to keep the key that is stored, if there is one.",
    )
    forget_api_key = forms.BooleanField(required=False, label="Forget the stored key")

    class Meta:
        model = LanguageModel
        fields = ["name", "base_url", "remote_name"]


@admin.register(LanguageModel)
class LanguageModelAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Models come by themselves (catalogue, cache, folders); added here are remote ones."""

    list_display = ["name", "source", "engine", "state", "is_default", "size", "memory"]
    list_display += ["last_used_at"]
    list_filter = ["source", "state", "engine"]
    search_fields = ["name"]
    actions = ["load", "unload", "set_default", "run_on_mlx", "run_on_llamacpp", "run_on_any"]
    shown = [
        "name",
        "engine",
        "engine_is_chosen",
        "speeds",
        "format",
        "quantization",
        "source",
        "path",
        "problem",
        "note",
        "state",
        "stage",
        "progress",
        "last_error",
    ]
    shown += ["size", "memory", "context_length", "abilities", "runtime", "runtime_notes"]
    shown += ["is_default", "last_used_at"]

    def get_form(
        self,
        request: HttpRequest,
        obj: LanguageModel | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[forms.ModelForm[LanguageModel]]:
        if obj is None or obj.source == REMOTE:
            kwargs["form"] = RemoteEngineForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: LanguageModel | None = None) -> list[Any]:
        if obj is None or obj.source == REMOTE:
            fields = ["name", "base_url", "remote_name", "new_api_key", "forget_api_key"]
            return fields + (["state", "last_error"] if obj else [])
        return self.shown

    def get_readonly_fields(
        self, request: HttpRequest, obj: LanguageModel | None = None
    ) -> list[str]:
        if obj is None:
            return []
        return ["name", "state", "last_error"] if obj.source == REMOTE else self.shown

    def save_model(
        self, request: HttpRequest, obj: LanguageModel, form: forms.ModelForm[Any], change: bool
    ) -> None:
        """A changed engine is asked anew with the next request."""
        if new := form.cleaned_data.get("new_api_key"):
            obj.api_key = new
        elif form.cleaned_data.get("forget_api_key"):
            obj.api_key = ""
        obj.engine, obj.source = LanguageModel.Engine.OPENAI, REMOTE
        if change:
            services.model_unload(name=obj.name)
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: LanguageModel) -> None:
        self._each(request, [obj], services.model_delete, "Deleted")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[LanguageModel]) -> None:
        self._each(request, queryset, services.model_delete, "Deleted")

    def has_delete_permission(self, request: HttpRequest, obj: LanguageModel | None = None) -> bool:
        embedded = obj is not None and obj.source == LanguageModel.Source.EMBEDDED
        return not embedded and super().has_delete_permission(request, obj)

    @admin.action(description="Load selected models", permissions=["change"])
    def load(self, request: HttpRequest, queryset: QuerySet[LanguageModel]) -> None:
        self._each(request, queryset, services.model_load_start, "Loading")

    @admin.action(description="Unload selected models", permissions=["change"])
    def unload(self, request: HttpRequest, queryset: QuerySet[LanguageModel]) -> None:
        self._each(request, queryset, services.model_unload, "Unloaded")

    @admin.action(description="Make it the default model", permissions=["change"])
    def set_default(self, request: HttpRequest, queryset: QuerySet[LanguageModel]) -> None:
        if queryset.count() != 1:
            self.message_user(request, "Choose one model.", messages.ERROR)
            return
        self._each(request, queryset, services.model_set_default, "Default model:")

    @admin.action(description="Run on MLX", permissions=["change"])
    def run_on_mlx(self, request: HttpRequest, queryset: QuerySet[LanguageModel]) -> None:
        self._engine_set(request, queryset, "mlx", "MLX runs")

    @admin.action(description="Run on llama.cpp", permissions=["change"])
    def run_on_llamacpp(self, request: HttpRequest, queryset: QuerySet[LanguageModel]) -> None:
        self._engine_set(request, queryset, "llamacpp", "llama.cpp runs")

    @admin.action(description="Engine: automatic", permissions=["change"])
    def run_on_any(self, request: HttpRequest, queryset: QuerySet[LanguageModel]) -> None:
        self._engine_set(request, queryset, AUTO, "Automatic engine:")

    def _engine_set(
        self, request: HttpRequest, rows: QuerySet[LanguageModel], engine: str, word: str
    ) -> None:
        self._each(request, rows, partial(services.model_engine_set, engine=engine), word)

    def _each(self, request: HttpRequest, rows: Any, act: Callable[..., object], word: str) -> None:
        """Act on each, with a message and a log entry, or with the error."""
        for row in rows:
            try:
                act(name=row.name, by=user_of(request))
            except CortexError as error:
                self.message_user(request, f"{row.name}: {error}", messages.ERROR)
            else:
                self.log_change(request, row, f"{word} {row.name}")
                self.message_user(request, f"{word} {row.name}", messages.SUCCESS)

    @admin.display(ordering="size_bytes")
    def size(self, obj: LanguageModel) -> str:
        return gigabytes(obj.size_bytes) if obj.size_bytes else "-"

    @admin.display(ordering="memory_bytes")
    def memory(self, obj: LanguageModel) -> str:
        return gigabytes(obj.memory_bytes) if obj.memory_bytes else "-"
