"""SQLite under concurrent writers; PostgreSQL and Redis where they answer on 127.0.0.1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from websockets.sync.client import connect

from tests.server import ROOT, ServerFactory, environment

PROCESSES, INCREMENTS = 8, 60

INCREMENT = f"""
import django
django.setup()
from django.db import transaction
from inference.models import LanguageModel
for _ in range({INCREMENTS}):
    with transaction.atomic():
        row = LanguageModel.objects.get(name="counter")
        row.size_bytes += 1
        row.save()
"""
CREATE = """
import django
django.setup()
from django.core.management import call_command
from inference.models import LanguageModel
call_command("migrate", verbosity=0)
LanguageModel.objects.create(name="counter")
"""
READ = """
import django
django.setup()
from inference.models import LanguageModel
print(LanguageModel.objects.get(name="counter").size_bytes)
"""


def reachable(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        return True
    except OSError:
        return False


def python(code: str, env: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, text=True)


def result(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    return out


def count_together(env: dict[str, str]) -> int:
    """What stands in a row that several processes read, raise by one and write."""
    result(python(CREATE, env))
    for process in [python(INCREMENT, env) for _ in range(PROCESSES)]:
        result(process)
    return int(result(python(READ, env)))


def test_concurrent_writers_of_sqlite_are_never_locked_out(tmp_path: Path) -> None:
    assert count_together(environment(tmp_path, {})) == PROCESSES * INCREMENTS


@pytest.fixture
def redis_url() -> str:
    if not reachable(6379):
        pytest.skip("no Redis on 127.0.0.1:6379")
    return "redis://127.0.0.1:6379/9"


@pytest.mark.services
@pytest.mark.live
def test_it_runs_on_postgresql(server_factory: ServerFactory, postgres: str) -> None:
    server = server_factory.start({"DATABASE_URL": postgres})
    assert requests.get(f"{server.url}/api/health", timeout=30).json()["database"] == "ok"
    assert requests.get(f"{server.url}/api/models", timeout=60).status_code == 200
    page = requests.get(server.url, headers={"Accept": "text/html"}, timeout=60)
    assert page.status_code == 200
    assert not list(server.data.glob("*.sqlite3"))
    server.kill()
    assert server.restart().stop() == 0


@pytest.mark.services
@pytest.mark.live
def test_it_runs_with_redis(server_factory: ServerFactory, redis_url: str) -> None:
    server = server_factory.start({"REDIS_URL": redis_url})
    assert requests.get(f"{server.url}/api/health", timeout=30).status_code == 200
    with connect(f"{server.ws_url}/api/chat/ws") as websocket:
        websocket.send('{"type": "ping"}')
        assert "pong" in websocket.recv(timeout=30)


@pytest.mark.live
def test_a_database_that_goes_away_is_told(server_factory: ServerFactory) -> None:
    server = server_factory.start()
    for file in server.data.glob("cortex.sqlite3*"):
        os.unlink(file)
    response = requests.get(f"{server.url}/api/health", timeout=30)
    assert response.status_code == 503
    assert response.json()["database"] == "unreachable"
