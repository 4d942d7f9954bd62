"""What people fill in on the agents' pages."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.http import QueryDict

from agents.limits import MOST_ITERATIONS
from agents.models import Run
from agents.react.forks import StepEdit
from agents.react.goals import KIND, Goal
from agents.react.parser import FINISH
from agents.react.steps import StepRecord
from agents.services import run_list
from common.jsons import json_read
from common.types import JSON
from common.web.pages import Select
from inference.services import model_choices, model_default
from tooling.services import tool_specs

RECENT = 100  # runs that can be picked to be compared
EXAMPLES = (
    "What is 2 to the power of 10?",
    "Calculate the sum of squares from 1 to 5",
    "Generate a function to calculate Fibonacci numbers, then use it to find the 10th",
)
CODE = {"class": "textarea mono", "rows": 4, "spellcheck": "false"}


class Lines(forms.CharField):
    """Text whose lines end as they do everywhere but in a browser's form."""

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class JSONObjectField(Lines):
    """A JSON object."""

    def clean(self, value: Any) -> JSON:
        return json_object(super().clean(value) or "{}")


class ContextField(Lines):
    """A JSON object, or lines of "key: value"."""

    def clean(self, value: Any) -> JSON:
        text = super().clean(value).strip()
        return json_object(text) if text.startswith("{") else pairs(text)


def json_object(text: str) -> JSON:
    """Read a JSON object; raises ValidationError that says where the text goes wrong."""
    try:
        value = json_read(text)
    except ValueError as error:
        raise forms.ValidationError(f"This is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise forms.ValidationError('Enter a JSON object, such as {"expression": "2**10"}.')
    return value


def pairs(text: str) -> JSON:
    """Lines of "key: value". Raises ValidationError that names the line."""
    found: JSON = {}
    for number, line in enumerate(text.splitlines(), 1):
        key, colon, value = line.partition(":")
        if line.strip() and not (colon and key.strip()):
            raise forms.ValidationError(f'Line {number} is not of the form "key: value".')
        if colon:
            found[key.strip()] = value.strip()
    return found


def _number(label: str, most: int, help_text: str, *, least: int = 0) -> forms.IntegerField:
    attributes = {"class": "input", "placeholder": "No limit"}
    return forms.IntegerField(
        required=False,
        min_value=least,
        max_value=most,
        label=label,
        help_text=help_text,
        widget=forms.NumberInput(attrs=attributes),
    )


def _model_field() -> forms.ChoiceField:
    return forms.ChoiceField(required=False, widget=Select(attrs={"class": "select"}))


class GoalForm(forms.Form):
    """A goal and how far to go for it."""

    goal = Lines(
        max_length=20_000,
        error_messages={"required": "Say what is to be achieved."},
        widget=forms.Textarea(
            attrs={
                "class": "textarea",
                "rows": 3,
                "placeholder": EXAMPLES[0],
                "autofocus": True,
                "dir": "auto",
                "enterkeyhint": "enter",
                "data-draft": "goal",
            }
        ),
    )
    model = _model_field()
    tools = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    max_iterations = _number(
        "Steps at most", MOST_ITERATIONS, "Then it gives its best answer.", least=1
    )
    max_tool_calls = _number("Tool calls at most", 1000, "0 is no limit.")
    max_seconds = _number("Seconds at most", 86_400, "Time budget of the run.")
    max_tokens = _number("Tokens at most", 10_000_000, "Of what the model writes.")
    plan_first = forms.BooleanField(required=False, label="Make a plan before the first step")
    context = ContextField(
        required=False,
        max_length=100_000,
        help_text="What it should know as well: lines of key: value, or a JSON object.",
        widget=forms.Textarea(attrs=CODE),
    )

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        super().__init__(data, label_suffix="")
        names = [spec.name for spec in tool_specs(caller=user)]
        self.fields["tools"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]
        self.fields["tools"].initial = names
        self.fields["model"].choices = _models(f"{model_default().name} (default)")  # type: ignore[attr-defined]
        iterations = self.fields["max_iterations"].widget
        iterations.attrs["placeholder"] = str(settings.MAX_AGENT_ITERATIONS)

    @property
    def to_goal(self) -> Goal:
        """All tools chosen means all that are enabled, also later; an example chooses none."""
        given = dict(self.cleaned_data)
        given.pop("model")
        offered = [name for name, _ in self.fields["tools"].choices]  # type: ignore[attr-defined]
        chosen = given.pop("tools")
        tools = None if chosen == offered or "example" in self.data else chosen
        limits = ("max_iterations", "max_tool_calls", "max_seconds", "max_tokens")
        given |= {name: given[name] or 0 for name in limits}
        return Goal(**given, tools=tools)

    @property
    def opens_options(self) -> bool:
        """An error must not hide in what is folded away."""
        return self.is_bound and any(name not in ("goal", "model") for name in self.errors)


class ForkForm(forms.Form):
    """One step, to be changed; what is left as it was is no change."""

    thought = Lines(
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"class": "textarea", "rows": 2, "dir": "auto"}),
    )
    action = forms.ChoiceField(required=False, widget=forms.Select(attrs={"class": "select"}))
    action_input = JSONObjectField(
        required=False,
        max_length=100_000,
        label="Action input",
        help_text="A JSON object.",
        widget=forms.Textarea(attrs=CODE),
    )
    observation = Lines(
        required=False, max_length=100_000, strip=False, widget=forms.Textarea(attrs=CODE)
    )
    model = _model_field()

    def __init__(self, user: User, step: StepRecord, data: QueryDict | None = None) -> None:
        self.step = step
        initial = {
            "thought": step.thought,
            "action": step.action,
            "action_input": json.dumps(step.action_input or {}, indent=2, ensure_ascii=False),
            "observation": step.observation or "",
        }
        super().__init__(data, initial=initial, label_suffix="")
        names = [spec.name for spec in tool_specs(caller=user)]
        known = dict.fromkeys([*names, FINISH, step.action])
        self.fields["action"].choices = [(name, name or "(none)") for name in known]  # type: ignore[attr-defined]
        self.fields["model"].choices = _models("The same")  # type: ignore[attr-defined]

    @property
    def edit(self) -> StepEdit:
        """Only what differs from the step."""
        given = self.cleaned_data
        before = {
            "thought": self.step.thought.replace("\r\n", "\n").strip(),
            "action": self.step.action,
            "action_input": self.step.action_input or {},
            "observation": (self.step.observation or "").replace("\r\n", "\n"),
            "model": "",
        }
        return StepEdit(**{name: given[name] for name in before if given[name] != before[name]})


class CompareForm(forms.Form):
    """Two of the user's runs."""

    left = forms.ChoiceField(widget=forms.Select(attrs={"class": "select"}))
    right = forms.ChoiceField(widget=forms.Select(attrs={"class": "select"}))

    def __init__(self, user: User, data: QueryDict) -> None:
        named = [data[name] for name in ("left", "right") if data.get(name)]
        super().__init__(data if len(named) == 2 else None, initial=data.dict(), label_suffix="")
        runs = run_list(user=user, kind=KIND)
        shown = {str(run.id): run for run in runs[:RECENT]}
        choices = [(key, _title(run)) for key, run in shown.items()]
        choices += [(str(key), str(key)) for key in dict.fromkeys(named) if key not in shown]
        for name in ("left", "right"):
            self.fields[name].choices = [("", "Choose a run"), *choices]  # type: ignore[attr-defined]


def _title(run: Run) -> str:
    goal = str(run.params.get("goal", ""))
    fork = " (fork)" if run.parent_id else ""
    return f"{run.created_at:%d %b %H:%M:%S} · {goal[:60]}{fork} · {run.state}"


def _models(first: str) -> list[tuple[str, str]]:
    return [("", first), *model_choices()]
