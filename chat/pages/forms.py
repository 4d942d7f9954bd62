"""What people fill in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django import forms
from django.conf import settings
from django.forms.boundfield import BoundField
from django.http import QueryDict

from chat.limits import SETTING_LIMITS, field_limits
from chat.models import Conversation
from chat.replies import CALCULATOR, works_sums_out
from chat.services import SETTINGS
from common.web.pages import Select
from inference import services as inference
from inference.types import REPETITION_GUARD_HELP
from tooling.services import tool_list

ORDER = (
    "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "presence_penalty",
    "frequency_penalty", "max_tokens", "seed",
)  # fmt: skip
LABELS = {"top_p": "Top-p", "top_k": "Top-k", "min_p": "Min-p", "max_tokens": "Longest answer"}
WORDS = [("deny", "Off"), ("ask", "Ask"), ("allow", "On")]


class SettingsForm(forms.Form):
    """The settings of a conversation. What is left empty follows the server's defaults, which the
    fields show.

    Without a conversation they are those of a new one: its fields belong to the form `form_id`,
    which has a picker for the model.
    """

    model = forms.ChoiceField(required=False, widget=Select(attrs={"class": "select"}))
    system_prompt = forms.CharField(
        required=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "textarea", "dir": "auto"}),
        help_text="What the model should know and how it should answer, in this chat.",
    )
    repetition_guard = forms.ChoiceField(
        required=False,
        choices=[("on", "On"), ("off", "Off")],
        widget=forms.RadioSelect,
        help_text=REPETITION_GUARD_HELP,
    )

    def __init__(
        self,
        conversation: Conversation | None,
        data: QueryDict | None = None,
        *,
        form_id: str = "composer",
    ) -> None:
        shown = conversation or Conversation()
        self._default = inference.sampling_default(shown.model)
        initial = {name: getattr(shown, name) for name in SETTINGS}
        guards = self._default.repetition_guard
        if shown.repetition_guard is not None:
            guards = shown.repetition_guard
        initial["repetition_guard"] = "on" if guards else "off"
        super().__init__(data, initial=initial, label_suffix="")
        self._add_numbers()
        self._said = shown.tools
        self._sums = works_sums_out(shown.model)
        self._tool_names = self._add_tools()
        self.fields["model"].choices = _model_choices(shown.model)  # type: ignore[attr-defined]
        if conversation is None:
            del self.fields["model"]
            for field in self.fields.values():
                field.widget.attrs["form"] = form_id

    def _add_numbers(self) -> None:
        """A field for each number, in which the value that holds without it stands in grey."""
        holds = asdict(self._default) | {"max_tokens": settings.DEFAULT_MAX_TOKENS}
        for name, limit in SETTING_LIMITS.items():
            kind = forms.IntegerField if limit.is_whole else forms.FloatField
            field = kind(label=LABELS.get(name), **field_limits(limit))
            value = holds[name]
            shown = "new each time" if value is None else f"{value:.12g}"
            field.widget.attrs |= {"class": "input", "placeholder": shown}
            if not limit.is_whole:
                field.widget.attrs["step"] = "any"
            self.fields[name] = field

    def _unsaid(self, tool: str) -> str:
        """What holds for a tool of which nobody has said anything."""
        return "allow" if tool == CALCULATOR and self._sums else "deny"

    def _add_tools(self) -> list[str]:
        tools = [tool for tool in tool_list() if tool.enabled]
        for tool in tools:
            self.fields[f"tool_{tool.name}"] = forms.ChoiceField(
                choices=WORDS,
                required=False,
                initial=self._said.get(tool.name, self._unsaid(tool.name)),
                widget=forms.RadioSelect,
                label=tool.name.replace("_", " ").capitalize(),
                help_text=tool.description.split(". ")[0].rstrip(".") + ".",
            )
        return [tool.name for tool in tools]

    @property
    def number_fields(self) -> list[BoundField]:
        return [self[name] for name in ORDER]

    @property
    def tool_fields(self) -> list[BoundField]:
        return [self[f"tool_{name}"] for name in self._tool_names]

    def values(self) -> dict[str, Any]:
        """For chat.services.conversation_configure."""
        data = self.cleaned_data
        words = {name: data[f"tool_{name}"] for name in self._tool_names}
        plain = {name: data[name] for name in SETTINGS if name in data}
        guards = data["repetition_guard"] == "on" if data["repetition_guard"] else None
        if guards == self._default.repetition_guard:
            guards = None
        tools = {
            name: word
            for name, word in words.items()
            if word and (name in self._said or word != self._unsaid(name))
        }
        return plain | {"repetition_guard": guards, "tools": tools}


class ImportForm(forms.Form):
    """A file that the export wrote."""

    file = forms.FileField(
        label="JSON file",
        help_text="As exported from Cortex, Open WebUI or ChatGPT (conversations.json).",
        widget=forms.FileInput(attrs={"class": "input", "accept": "application/json,.json"}),
    )

    def clean_file(self) -> bytes:
        return bytes(self.cleaned_data["file"].read())


def _model_choices(current: str) -> list[tuple[str, str]]:
    choices = inference.model_choices()
    if current and current not in dict(choices):
        choices.append((current, current))
    default = inference.model_default().name
    return [("", f"{default} (the default)"), *choices]
