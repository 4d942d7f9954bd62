"""/metrics for Prometheus. Whoever may come in anywhere may read it: see `cortex_site.access`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from inference.gauges import ModelGauges
from inference.metrics import METRICS

METRICS.register(ModelGauges())


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What this process has counted, and how its models are right now, as Prometheus reads it."""
    return HttpResponse(generate_latest(METRICS), content_type=CONTENT_TYPE_LATEST)
