"""The tests of concurrency and of migrations once more, on PostgreSQL."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[3]
SERVER = os.environ.get("TEST_POSTGRESQL_URL", "postgres://postgres@127.0.0.1:5432")
REPEATED = {
    "log/test_events": [
        "eight_threads",
        "reader_beside_writers",
        "whose_lease_is_gone",
        "no_database",
    ],
    "log/test_follow": ["every_position", "reconnecting", "without_waiting_for_the_poll"],
    "work/test_runner": [
        "what_its_loop_said",
        "receiver_that_fails",
        "twice_at_once",
        "only_so_many",
    ],
    "work/test_recovery": ["kill_9", "two_processes", "last_moment", "only_one_takes_over"],
    "loops/test_decisions": ["allowed_it_goes_on", "eight_people", "same_word_again"],
    "test_migrations": ["become_values"],
}


@pytest.fixture
def database():
    """A name for a database that pytest-django makes; dropped afterwards."""
    name = f"cortex_{uuid.uuid4().hex[:12]}"
    try:
        connection = psycopg.connect(f"{SERVER}/postgres", autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {SERVER}: {error}")
    with connection:
        yield name
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "test_{name}" WITH (FORCE)')


@pytest.mark.services
def test_the_log_and_the_runner_hold_on_postgresql(database):
    files = [f"tests/agents/{name}.py" for name in REPEATED]
    words = " or ".join(word for words in REPEATED.values() for word in words)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST")
    }
    environment["DATABASE_URL"] = f"{SERVER}/{database}"
    # A database that is kept is not dropped while reader threads still hold connections to it.
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--reuse-db", "-x", "-k", words]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert f"{sum(map(len, REPEATED.values()))} passed" in done.stdout
    assert "skipped" not in done.stdout
