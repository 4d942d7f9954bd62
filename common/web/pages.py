"""What the pages' views share: the request as the middleware leaves it, and selects."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class PageRequest(HttpRequest):
    """A request as django-htmx's middleware leaves it."""

    htmx: HtmxDetails


class Off(str):
    """The label of a choice that is shown and cannot be taken; it says why."""


class Select(forms.Select):
    """A select some of whose choices may be off."""

    def create_option(
        self,
        name: str,
        value: Any,
        label: int | str,
        selected: bool,
        index: int,
        subindex: int | None = None,
        attrs: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        option = super().create_option(name, value, label, selected, index, subindex, attrs)
        if isinstance(label, Off):
            option["attrs"]["disabled"] = True
        return option
