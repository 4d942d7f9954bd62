"""Rows that tell what goes on in memory, which never depends on the database being well."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from django.db import Error as DatabaseError
from django.db import connections
from django.db.models import Model

from common.disk import disk_full_seen

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
LOCKS = 16


class RowMirror:
    """Writes fields of the rows of one model, by the value of `field`.

    A write that fails raises nothing. It is logged, and made again, together with what came for its
    row since, until it succeeds. A row that was deleted meanwhile is no matter.
    """

    def __init__(self, model: type[Model], field: str) -> None:
        self._model, self._field = model, field
        self._locks = [threading.Lock() for _ in range(LOCKS)]  # of a row: its writes are in order
        self._guard = threading.Lock()
        self._owed: dict[Any, dict[str, Any]] = {}
        self._retrying = False

    def write(self, key: Any, **fields: Any) -> bool:
        """Write now; False when that has to be made up for later."""
        with self._locks[hash(key) % LOCKS]:
            known = self._owed.get(key, {})
            try:
                rows = self._model._default_manager.filter(**{self._field: key})
                rows.update(**{**known, **fields})
            except DatabaseError as error:
                self._owe(key, {**known, **fields}, error)
                return False
            if known:
                del self._owed[key]
                logger.info("The row of %s is up to date again", key)
            return True

    def _owe(self, key: Any, fields: dict[str, Any], error: DatabaseError) -> None:
        if not disk_full_seen(error, f"the row of {key}") and key not in self._owed:
            logger.warning("The row of %s is not up to date, it will be later: %s", key, error)
        with self._guard:
            self._owed[key] = fields
            if not self._retrying:
                self._retrying = True
                threading.Thread(target=self._retry, name="mirror", daemon=True).start()

    def _retry(self) -> None:
        while self._goes_on():
            time.sleep(RETRY_SECONDS)
            for key in list(self._owed):
                self.write(key)
            connections.close_all()  # a broken one must not stay

    def _goes_on(self) -> bool:
        with self._guard:
            self._retrying = bool(self._owed)
            return self._retrying
