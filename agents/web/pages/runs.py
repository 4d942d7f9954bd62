"""What pages do with runs. The answer comes over the run's WebSocket, so these say little."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.views.decorators.http import require_POST

from agents import services
from common.errors import InvalidRequest
from common.problems import refusals_as_json
from common.web.pages import PageRequest
from common.web.parsers import JSONField
from common.web.users import user_of


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(choices=[("allow", "Allow"), ("deny", "Deny")])
    arguments = JSONField(required=False)

    def clean_arguments(self) -> object:
        arguments = self.cleaned_data["arguments"]
        if arguments is not None and not isinstance(arguments, dict):
            raise forms.ValidationError("Enter a JSON object.")
        return arguments


@require_POST
@refusals_as_json
def run_cancel(request: PageRequest, run_id: UUID) -> HttpResponse:
    """POST /runs/<id>/cancel"""
    services.run_cancel(run=services.run_get(run_id=run_id, user=user_of(request)))
    return HttpResponse(status=204)


@require_POST
@refusals_as_json
def tool_call_decide(request: PageRequest, run_id: UUID, call_id: str) -> HttpResponse:
    """POST /runs/<id>/tool-calls/<call>; fields: decision, and arguments as JSON text."""
    form = DecisionForm(request.POST)
    if not form.is_valid():
        name, problems = next(iter(form.errors.items()))
        raise InvalidRequest(f"{name}: {problems[0]}", field=name)
    run = services.run_get(run_id=run_id, user=user_of(request))
    services.tool_call_decide(run=run, call_id=call_id, **form.cleaned_data)
    return HttpResponse(status=204)
