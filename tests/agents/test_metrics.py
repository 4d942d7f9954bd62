"""Runs are counted when they end, by kind and state."""

from __future__ import annotations

from agents.loops.contract import LoopEvent
from common.metrics import METRICS
from tests.agents.conftest import text


def ended(state: str) -> float:
    labels = {"kind": "test", "state": state}
    return METRICS.get_sample_value("cortex_runs_total", labels) or 0.0


def test_each_end_counts_once(runs) -> None:
    def broken(run):
        yield text("a")
        raise ValueError("no")

    def good(run):
        yield text("a")
        yield LoopEvent("done", {"finish_reason": "stop"})

    before = ended("completed"), ended("failed")
    for loop in (good, good, broken):
        run = runs.start(loop)
        runs.until(run)
    assert (ended("completed") - before[0], ended("failed") - before[1]) == (2, 1)
