"""A form for any tool, made from its parameters."""

from __future__ import annotations

from typing import Any

from django import forms

from common.types import JSON
from common.web.parsers import JSONField
from tooling.base import ToolParameter
from tooling.services import ToolInfo

BLANK: tuple[Any, ...] = ("", None)


class ToolForm(forms.Form):
    """One field a parameter. `arguments` are what to call the tool with."""

    def __init__(self, tool: ToolInfo, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tool = tool
        self.fields = {name: _field(p) for name, p in tool.parameters.items()}

    @property
    def arguments(self) -> JSON:
        """The filled-in fields; an optional one that was left blank is left out."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if self.tool.parameters[name].required or value not in BLANK
        }


def _field(parameter: ToolParameter) -> forms.Field:
    shared: dict[str, Any] = {
        "label": parameter.name,
        "required": parameter.required and parameter.type != "boolean",
        "initial": parameter.default,
        "help_text": parameter.description,
    }
    if parameter.enum:
        values = {str(value): value for value in parameter.enum}
        return forms.TypedChoiceField(
            choices=[(text, text) for text in values],
            coerce=values.__getitem__,
            empty_value=None,
            widget=forms.Select(attrs={"class": "select"}),
            **shared,
        )
    make = {"integer": _number, "number": _number, "boolean": _flag, "string": _text}
    return make.get(parameter.type, _json)(parameter, shared)


def _text(parameter: ToolParameter, shared: dict[str, Any]) -> forms.Field:
    widget: forms.Widget = forms.TextInput(attrs={"class": "input", "autocomplete": "off"})
    if parameter.multiline:
        is_code = "contentMediaType" in parameter.schema
        attributes = {"class": "textarea", "rows": 4}
        code = {"class": "textarea mono", "rows": 8, "spellcheck": "false"}
        widget = forms.Textarea(attrs=code if is_code else attributes)
    return forms.CharField(
        strip=False,
        widget=widget,
        min_length=parameter.min_length,
        max_length=parameter.max_length,
        **shared,
    )


def _number(parameter: ToolParameter, shared: dict[str, Any]) -> forms.Field:
    whole = parameter.type == "integer"
    kind: type[forms.IntegerField] = forms.IntegerField if whole else forms.FloatField
    shared |= {"min_value": parameter.minimum, "max_value": parameter.maximum}
    widget = forms.NumberInput(attrs={"class": "input", "step": "1" if whole else "any"})
    return kind(widget=widget, **shared)


def _flag(parameter: ToolParameter, shared: dict[str, Any]) -> forms.Field:
    return forms.BooleanField(**shared)


def _json(parameter: ToolParameter, shared: dict[str, Any]) -> forms.Field:
    attributes = {"class": "textarea mono", "rows": 4, "spellcheck": "false"}
    shared["help_text"] = f"{parameter.description} (JSON, an {parameter.type})"
    return JSONField(widget=forms.Textarea(attrs=attributes), **shared)
