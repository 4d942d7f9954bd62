"""What is read of the models when a scraper comes, rather than counted as it happens."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inference.loaded.registry import REGISTRY
from inference.models import LanguageModel


class ModelGauges(Collector):
    """The models of this process: their states, memory and queues."""

    def describe(self) -> Iterator[Metric]:
        return iter(_families().values())

    def collect(self) -> Iterator[Metric]:
        families = _families()
        for name, state in LanguageModel.objects.values_list("name", "state"):
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
