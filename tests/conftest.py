"""Fixtures that all tests share, and what a failure and a skip must say."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cortex_site.access import owner_get
from inference.library import catalogue
from inference.mlx_worker.blas import blas_load
from tests.postgresql import own_database
from tests.scripted import ScriptedEngine, scripted_model
from tests.server import CortexServer, ServerFactory

# Whichever test module imports MLX first: without this it would compute ten times slower.
blas_load()

LOG_TAIL = 12_000  # characters of a server's log that a failure shows
REAL = ("model", "live", "browser", "services")  # markers of tests that CI must not skip


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a database of its own, which the catalogue is not synced into yet."""
    monkeypatch.setattr(catalogue, "_synced", None)


@pytest.fixture
def owner(transactional_db: None) -> User:
    """The person whose machine it is."""
    return owner_get()


@pytest.fixture
def other_user(transactional_db: None) -> User:
    """Somebody else, who may see nothing of the owner's."""
    return User.objects.create_user("other")


@pytest.fixture
def owner_client(owner: User) -> Client:
    """Requests over loopback, as the owner's browser sends them."""
    return Client(SERVER_NAME="localhost", HTTP_ACCEPT="text/html")


@pytest.fixture
def other_client(other_user: User) -> Client:
    """Requests of somebody who is signed in and is not the owner."""
    client = Client(HTTP_ACCEPT="text/html")
    client.force_login(other_user)
    return client


@pytest.fixture
def scripted(db: None) -> Iterator[ScriptedEngine]:
    """The engine of the default model: it says what the test told it to."""
    with scripted_model() as engine:
        yield engine


@pytest.fixture(scope="session")
def cortex_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CortexServer]:
    """A running server with the embedded model, shared by the tests of this process.

    Its answers are the likeliest ones, and end: a small model may ramble for minutes on a CPU.
    """
    factory = ServerFactory(tmp_path_factory.mktemp("cortex"))
    yield factory.start(env={"DEFAULT_TEMPERATURE": "0", "DEFAULT_MAX_TOKENS": "256"})
    factory.close()


@pytest.fixture
def server_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFactory]:
    """Servers for one test: `start(env={...}, args=[...])`."""
    factory = ServerFactory(tmp_path_factory.mktemp("servers"))
    yield factory
    factory.close()


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL database of this test's own."""
    with own_database() as url:
        yield url


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """The system's Chromium; nothing is downloaded."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine: install the package `chromium`")
    return {"executable_path": chromium, "args": ["--no-sandbox"] if os.geteuid() == 0 else []}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright's event loop stays in the process that used it, and the
    ORM refuses to work there."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        _show_logs(item, report)
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        _refuse_skip(item, report)
    return report


def _show_logs(item: pytest.Item, report: pytest.TestReport) -> None:
    for value in getattr(item, "funcargs", {}).values():
        if isinstance(value, CortexServer | ServerFactory):
            report.sections.append(("Server log", value.log()[-LOG_TAIL:]))


def _refuse_skip(item: pytest.Item, report: pytest.TestReport) -> None:
    """On CI a part that is not there is a mistake of the machine, not a choice."""
    if any(item.get_closest_marker(name) for name in REAL):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI must not skip this: {reason}"
