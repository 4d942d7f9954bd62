"""A database that fails for a while: its disk is full, it is locked, or it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

WRITES = ("INSERT", "UPDATE", "DELETE")


@contextmanager
def database_fails(*, reads: bool = False, holds: str = "") -> Iterator[None]:
    """No thread of this process can write; with `reads` none can read either. `holds` is a word
    that a statement must hold, to be refused."""
    execute, executemany = CursorWrapper.execute, CursorWrapper.executemany

    def refuse(sql: str) -> None:
        word = sql.lstrip("( \n").partition(" ")[0].upper()
        if (word in WRITES or (reads and word == "SELECT")) and holds in sql:
            raise OperationalError("database or disk is full")

    def checked(self: CursorWrapper, sql: str, params: Any = None) -> Any:
        refuse(sql)
        return execute(self, sql, params)

    def checked_many(self: CursorWrapper, sql: str, param_list: Any) -> Any:
        refuse(sql)
        return executemany(self, sql, param_list)

    with (
        mock.patch.object(CursorWrapper, "execute", checked),
        mock.patch.object(CursorWrapper, "executemany", checked_many),
    ):
        yield
