"""/metrics for Prometheus. Whoever may come in anywhere may read it: see `cortex_site.access`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common.metrics import METRICS
from inference.loaded.gauges import ModelGauges

METRICS.register(ModelGauges())


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Tell what this process has counted, and how its models are right now, as Prometheus reads
    it."""
    return HttpResponse(generate_latest(METRICS), content_type=CONTENT_TYPE_LATEST)
