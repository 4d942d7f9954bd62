"""The registry of what /metrics tells: each app counts where things happen, in this process only.

Labels are ids that this process knows and words of a fixed list, so that no client can make the
series grow. docs/metrics.md lists what there is.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, disable_created_metrics

# No "_created" beside every counter: scrapers see a restart without it.
disable_created_metrics()  # type: ignore[no-untyped-call]

METRICS = CollectorRegistry()
UNKNOWN = "unknown"  # the label of what has no model, or no tool, that there is
