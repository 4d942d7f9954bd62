"""Which tools are on, what was called, and where the web search asks."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone


class Tool(models.Model):
    """The switches of a tool. A row may outlive its tool (a package was removed): it is kept, so
    that the switches stand as they were when the tool comes back."""

    name = models.CharField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True)
    admins_only = models.BooleanField(
        "admins only", default=False, help_text="Only people who may change tools can call it."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ToolCall(models.Model):
    """One call of a tool: who, with what, what came of it.

    `run` is the id of the run that called, `step` the number of its step where it has steps.

    Long arguments and results are cut; `note` then says so.
    """

    class State(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        TIMED_OUT = "timed_out", "Timed out"
        CANCELLED = "cancelled"

    GRACE = timedelta(seconds=30)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tool = models.CharField(max_length=64)
    caller = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    run = models.UUIDField(null=True, blank=True, db_index=True)
    step = models.PositiveIntegerField(null=True, blank=True)
    arguments = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=20, choices=State.choices, default=State.RUNNING)
    result = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    note = models.CharField(max_length=200, blank=True)
    timeout_seconds = models.FloatField()
    duration_seconds = models.FloatField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["caller", "-created_at"]),
            models.Index(fields=["tool", "-created_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.tool} {self.created_at:%Y-%m-%d %H:%M:%S}"

    @property
    def is_lost(self) -> bool:
        """Nobody works on it any more: the process that did ended before the call."""
        limit = timedelta(seconds=self.timeout_seconds) + self.GRACE
        return self.state == self.State.RUNNING and timezone.now() > self.created_at + limit

    @property
    def elapsed_seconds(self) -> float:
        return (timezone.now() - self.created_at).total_seconds()

    @property
    def is_running(self) -> bool:
        return self.state == self.State.RUNNING and not self.is_lost


def search_backends_default() -> str:
    return settings.WEB_SEARCH_BACKENDS


class SearchSettings(models.Model):
    """How the web search asks; one row."""

    class SafeSearch(models.TextChoices):
        ON = "on"
        MODERATE = "moderate"
        OFF = "off"

    backends = models.CharField(
        max_length=255,
        default=search_backends_default,
        help_text="Search engines, tried in this order until one gives results, separated by "
        "commas: duckduckgo, brave, mojeek ... or auto.",
    )
    region = models.CharField(max_length=10, default="us-en", help_text="Such as us-en or de-de.")
    safe_search = models.CharField(
        max_length=10, choices=SafeSearch.choices, default=SafeSearch.MODERATE
    )

    class Meta:
        verbose_name = "web search"
        verbose_name_plural = "web search"

    def __str__(self) -> str:
        return "Web search"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = 1
        super().save(*args, **kwargs)

    @classmethod
    def current(cls) -> SearchSettings:
        return cls.objects.order_by("pk").first() or cls()

    @property
    def backend_list(self) -> list[str]:
        return [name.strip() for name in self.backends.split(",") if name.strip()]

    def clean(self) -> None:
        if not self.backend_list:
            raise ValidationError({"backends": "Name at least one search engine, or auto."})
