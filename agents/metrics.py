"""What /metrics tells of runs; see `common.metrics`."""

from __future__ import annotations

from prometheus_client import Counter

from common.metrics import METRICS

RUNS = Counter(
    "cortex_runs",
    "Runs that have ended, by the state that they ended in.",
    ["kind", "state"],
    registry=METRICS,
)
