"""What /metrics tells of tools; see `common.metrics`."""

from __future__ import annotations

from prometheus_client import Counter

from common.metrics import METRICS

CALLS = Counter(
    "cortex_tool_calls",
    "Calls of tools, by how they ended or the code of the error that refused them.",
    ["tool", "outcome"],
    registry=METRICS,
)
