"""Tests once more, on PostgreSQL: in a process of their own, with a database of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[1]
SERVER = os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1:5432")


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of a new database, which is dropped at the end."""
    name = f"cortex_{uuid.uuid4().hex[:12]}"
    try:
        connection = psycopg.connect(f"{SERVER}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {SERVER}: {error}")
    with connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield f"{SERVER}/{name}"
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def run_on_postgresql(files: Sequence[str], *options: str) -> str:
    """Run test files with pytest and give what it said; fails if a test did, or was skipped."""
    name = f"cortex_{uuid.uuid4().hex[:12]}"
    try:
        connection = psycopg.connect(f"{SERVER}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {SERVER}: {error}")
    try:
        return _run(f"{SERVER}/{name}", files, options)
    finally:
        with connection:
            connection.execute(f'DROP DATABASE IF EXISTS "test_{name}" WITH (FORCE)')


def _run(url: str, files: Sequence[str], options: Sequence[str]) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST")
    }
    environment["DATABASE_URL"] = url
    # A database that is kept is not dropped while reader threads still hold connections to it.
    fixed = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--reuse-db", "-x"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *fixed, *options, *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout
    return done.stdout
