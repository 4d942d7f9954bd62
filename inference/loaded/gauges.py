"""What is read of the models when a scraper comes, rather than counted as it happens."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from django.db import Error as DatabaseError
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inference.loaded.registry import REGISTRY
from inference.models import LanguageModel

logger = logging.getLogger(__name__)


class ModelGauges(Collector):
    """The models of this process: their states, memory and queues."""

    def describe(self) -> Iterator[Metric]:
        return iter(_families().values())

    def collect(self) -> Iterator[Metric]:
        families = _families()
        for name, state in _states():
            for each in LanguageModel.State.values:
                families["state"].add_metric([name, each], float(each == state))
        for slot in REGISTRY.loaded():
            if slot.engine is None:
                continue
            queued = slot.engine.queued()
            families["active"].add_metric([slot.name], max(slot.active - queued, 0))
            families["queued"].add_metric([slot.name], queued)
            families["memory"].add_metric([slot.name], slot.engine.memory_bytes())
        yield from families.values()


def _states() -> list[tuple[str, str]]:
    """The states as the rows have them; none while the database fails, when the other figures are
    needed most."""
    try:
        return list(LanguageModel.objects.values_list("name", "state"))
    except DatabaseError as error:
        logger.warning("The states of the models cannot be told: %s", error)
        return []


def _families() -> dict[str, GaugeMetricFamily]:
    return {
        "state": GaugeMetricFamily(
            "cortex_model_state", "1 for the state that a model is in.", labels=["model", "state"]
        ),
        "active": GaugeMetricFamily(
            "cortex_requests_active", "Requests that a model works on.", labels=["model"]
        ),
        "queued": GaugeMetricFamily(
            "cortex_requests_queued",
            "Requests that wait for a place in a model's batch.",
            labels=["model"],
        ),
        "memory": GaugeMetricFamily(
            "cortex_model_memory_bytes", "Memory that a loaded model takes.", labels=["model"]
        ),
    }
