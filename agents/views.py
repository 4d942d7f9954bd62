"""What pages do with runs. The answer comes over the run's WebSocket, so these say little."""

from __future__ import annotations

from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from agents import services
from inference.errors import InferenceError


class DecisionForm(forms.Form):
    decision = forms.ChoiceField(choices=[("allow", "Allow"), ("deny", "Deny")])
    arguments = forms.JSONField(required=False)

    def clean_arguments(self) -> object:
        arguments = self.cleaned_data["arguments"]
        if arguments is not None and not isinstance(arguments, dict):
            raise forms.ValidationError("Enter a JSON object.")
        return arguments


@require_POST
def run_cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """POST /runs/<id>/cancel"""
    try:
        services.run_cancel(run=services.run_get(run_id=run_id, user=request.user))
    except InferenceError as error:
        return _refusal(error)
    return HttpResponse(status=204)


@require_POST
def tool_call_decide(request: HttpRequest, run_id: UUID, call_id: str) -> HttpResponse:
    """POST /runs/<id>/tool-calls/<call>; fields: decision, and arguments as JSON text."""
    form = DecisionForm(request.POST)
    if not form.is_valid():
        name, problems = next(iter(form.errors.items()))
        return HttpResponse(f"{name}: {problems[0]}", status=400, content_type="text/plain")
    try:
        run = services.run_get(run_id=run_id, user=request.user)
        services.tool_call_decide(run=run, call_id=call_id, **form.cleaned_data)
    except InferenceError as error:
        return _refusal(error)
    return HttpResponse(status=204)


def _refusal(error: InferenceError) -> HttpResponse:
    return HttpResponse(str(error), status=error.status, content_type="text/plain; charset=utf-8")
