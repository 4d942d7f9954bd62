"""A loop for tests that need a run in another process, and kill it."""

import time

from agents.loops.contract import LoopEvent
from agents.loops.control import cancel_check


def endless_loop(run):
    cancelled, number = cancel_check(), 0
    while not cancelled() and number < run.params.get("pieces", 10_000):
        yield LoopEvent("text", {"text": f"{number} "})
        number += 1
        time.sleep(0.05)
