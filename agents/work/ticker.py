"""A daemon thread that does a small thing again and again while it is wanted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import connections

from common.disk import disk_full_seen

logger = logging.getLogger(__name__)

FAILED_SECONDS = 1.0  # to the next call after one that failed


class Ticker:
    """Calls `tick` every `interval` seconds for as long as `wanted()`; `ensure` starts it."""

    def __init__(
        self, name: str, interval: float, tick: Callable[[], None], wanted: Callable[[], bool]
    ) -> None:
        self._name = name
        self._interval = interval
        self._tick = tick
        self._wanted = wanted
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ensure(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause, fails = threading.Event(), False
        while self._goes_on():
            try:
                self._tick()
                fails = False
            except Exception as error:
                if not disk_full_seen(error, self._name) and not fails:
                    logger.exception("%s failed; it goes on", self._name)  # once while it fails
                fails = True
                connections.close_all()  # a broken connection must not stay
            pause.wait(max(self._interval, FAILED_SECONDS) if fails else self._interval)

    def _goes_on(self) -> bool:
        if self._wanted():
            return True
        connections.close_all()
        with self._lock:  # whoever calls `ensure` after this starts a new thread
            if self._wanted():
                return True
            self._thread = None
        return False
