"""What people fill in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.http import QueryDict

from chat.models import Conversation
from chat.services import SETTINGS
from inference.models import LanguageModel
from tooling.services import tool_list

WORDS = [("deny", "Off"), ("ask", "Ask"), ("allow", "On")]
LARGEST_IMPORT = 32 * 1024 * 1024  # bytes
LARGEST_SEED = 2**63 - 1  # what the database holds


class SettingsForm(forms.Form):
    """The settings of a conversation. What is left empty follows the server's defaults."""

    model = forms.ChoiceField(required=False)
    system_prompt = forms.CharField(
        required=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 4, "class": "textarea"}),
        help_text="What the model should know and how it should answer, in this chat.",
    )
    temperature = forms.FloatField(
        required=False, min_value=0, max_value=2, help_text="0 is exact, 2 is wild."
    )
    top_p = forms.FloatField(
        required=False,
        min_value=0.01,
        max_value=1,
        label="Top-p",
        help_text="Share of likely words to draw from.",
    )
    max_tokens = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        label="Longest answer",
        help_text="In tokens.",
    )
    seed = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=LARGEST_SEED,
        help_text="The same seed draws the same answer.",
    )

    def __init__(self, conversation: Conversation, data: QueryDict | None = None) -> None:
        initial = {name: getattr(conversation, name) for name in SETTINGS}
        super().__init__(data, initial=initial, label_suffix="")
        self._tool_names = self._add_tools(conversation.tools)
        self.fields["model"].choices = _model_choices(conversation.model)  # type: ignore[attr-defined]
        self.fields["model"].widget.attrs["class"] = "select"
        for name in ("temperature", "top_p", "max_tokens", "seed"):
            self.fields[name].widget.attrs |= {"class": "input", "placeholder": "Default"}
            if name in ("temperature", "top_p"):
                self.fields[name].widget.attrs["step"] = "any"

    def _add_tools(self, words: dict[str, str]) -> list[str]:
        tools = [tool for tool in tool_list() if tool.enabled]
        for tool in tools:
            self.fields[f"tool_{tool.name}"] = forms.ChoiceField(
                choices=WORDS,
                required=False,
                initial=words.get(tool.name, "deny"),
                widget=forms.RadioSelect,
                label=tool.name.replace("_", " ").capitalize(),
                help_text=tool.description.split(". ")[0].rstrip(".") + ".",
            )
        return [tool.name for tool in tools]

    @property
    def tool_fields(self) -> list[BoundField]:
        return [self[f"tool_{name}"] for name in self._tool_names]

    def values(self) -> dict[str, Any]:
        """For chat.services.conversation_configure."""
        data = self.cleaned_data
        words = {name: data[f"tool_{name}"] for name in self._tool_names}
        plain = {name: data[name] for name in SETTINGS if name != "tools"}
        return plain | {"tools": {name: word for name, word in words.items() if word}}


class ImportForm(forms.Form):
    """A file that the export wrote."""

    file = forms.FileField(
        label="JSON file",
        help_text="As exported from Cortex.",
        widget=forms.FileInput(attrs={"class": "input", "accept": "application/json,.json"}),
    )

    def clean_file(self) -> bytes:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_IMPORT:
            raise forms.ValidationError("The file is larger than 32 MB.")
        return bytes(file.read())


def _model_choices(current: str) -> list[tuple[str, str]]:
    names = list(LanguageModel.objects.values_list("name", flat=True))
    if current and current not in names:
        names.append(current)
    return [("", "Default"), *((name, name) for name in names)]
