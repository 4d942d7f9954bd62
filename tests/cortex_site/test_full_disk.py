"""A disk without room: words on every road, nothing half stored, reading goes on, and it heals."""

from __future__ import annotations

import errno
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory

from agents.models import Run
from chat.models import Conversation, Message
from common import disk
from cortex_site.errors import server_error
from tests.scripted import ScriptedEngine
from tests.server import CortexServer, ServerDied, ServerFactory
from tests.waiting import eventually

LONG = "How long is this? " * 20_000  # more than the free pages of any database
BROWSER = {"Accept": "text/html,*/*;q=0.8"}
NO_LIMIT = 2**32 - 2  # SQLite's own


@pytest.fixture(autouse=True)
def not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_noted_at", float("-inf"))


@contextmanager
def no_room() -> Iterator[None]:
    """Let the database grow no further."""
    if connection.vendor != "sqlite":
        pytest.skip("SQLite alone can be told how large it may become")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # pages that earlier tests have freed would be room
        cursor.execute("PRAGMA page_count")
        (pages,) = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA max_page_count = {NO_LIMIT}")


def agent_ask(client: Client) -> tuple[int, dict[str, object]]:
    """Start a run that takes more room than there is."""
    body = {"goal": "x", "context": {"text": LONG}}
    response = client.post("/api/agents/execute", body, content_type="application/json")
    return response.status_code, response.json()


@pytest.mark.django_db(transaction=True)
def test_a_question_is_refused_in_words_and_kept_in_its_field(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    scripted.reply("Hello.")
    assert owner_client.get("/").status_code == 200
    with no_room():
        refused = owner_client.post("/chat/", {"text": LONG})
        page = refused.content.decode()
        assert refused.status_code == 507
        assert "The disk is full: this was not stored" in page
        assert LONG.strip() in page
        assert owner_client.get("/").status_code == 200
        assert not Conversation.objects.exists()
        assert not Run.objects.exists()
    assert owner_client.post("/chat/", {"text": LONG}).status_code == 302
    eventually(lambda: Run.objects.get(kind="reply").state == "completed")
    assert Message.objects.filter(role="user").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_page_in_place_gets_words_for_its_script(
    owner_client: Client, scripted: ScriptedEngine, owner: User
) -> None:
    chat = Conversation.objects.create(owner=owner)
    with no_room():
        refused = owner_client.post(
            f"/chat/{chat.id}/messages/", {"text": LONG}, HTTP_HX_REQUEST="true"
        )
    assert refused.status_code == 507
    assert refused.json()["error"]["code"] == "disk_full"
    assert not chat.messages.exists()


@pytest.mark.django_db(transaction=True)
def test_the_api_says_507_and_the_log_says_it_once(
    owner_client: Client, scripted: ScriptedEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with no_room():
        for _ in range(5):
            status, body = agent_ask(owner_client)
            assert (status, body["error"]["code"]) == (507, "disk_full")
        assert owner_client.get("/agents/").status_code == 200
    told = [record for record in caplog.records if "disk is full" in record.getMessage()]
    assert len(told) == 1
    assert not [record for record in caplog.records if record.exc_info]
    assert not Run.objects.exists()


def test_what_no_view_has_answered_is_told_in_the_same_way() -> None:
    request = RequestFactory().get("/admin/login/", HTTP_ACCEPT="text/html")
    try:
        raise OSError(errno.ENOSPC, "No space left on device")  # as a session's middleware would
    except OSError:
        response = server_error(request)
    assert response.status_code == 507
    assert "The disk is full" in response.content.decode()


# --- A real disk ---------------------------------------------------------------------------------


class SmallDisk:
    """A folder of a few megabytes, which a test can fill."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            size = 2**20
            while size:
                try:
                    file.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def free(self) -> None:
        self._filler.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid():
        pytest.skip("a small file system is mounted, which root alone may do, on Linux")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True
    )
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def execute(server: CortexServer, label: int) -> int:
    code = f"print({label})  # " + "x" * 15_000
    call = {"tool_name": "python_repl", "parameters": {"code": code}}
    return requests.post(f"{server.url}/api/tools/execute", json=call, timeout=60).status_code


def goal(server: CortexServer, label: int) -> int:
    """Queue a run; the answer is read no further than its status."""
    body = {"goal": f"{label} " + "x" * 15_000, "model": ""}
    url = f"{server.url}/api/agents/execute/stream"
    with requests.post(url, json=body, stream=True, timeout=60) as response:
        if response.status_code == 200:
            run = response.headers["X-Run-Id"]
            requests.post(f"{server.url}/api/agents/runs/{run}/cancel", timeout=60)
        return response.status_code


@pytest.mark.live
def test_a_server_on_a_full_disk_reads_on_and_heals(
    server_factory: ServerFactory, small_disk: SmallDisk
) -> None:
    server = server_factory.start({"DATA_DIR": str(small_disk.folder)})
    assert execute(server, 0) == 200
    small_disk.fill()
    accepted, tries = 1, 0
    while (status := execute(server, tries)) == 200:  # what the write-ahead log has room for
        accepted, tries = accepted + 1, tries + 1
        assert tries < 1000, "the disk is not full"
    assert status == 507
    assert {goal(server, n) for n in range(3)} == {507}
    for path in ("/", "/tools/", "/agents/", "/api/agents/runs", "/api/health", "/admin/"):
        answer = requests.get(f"{server.url}{path}", headers=BROWSER, timeout=60)
        assert answer.status_code == 200, path
    log = server.log()
    assert log.count("The disk is full") == 1
    assert "Traceback" not in log
    small_disk.free()
    assert eventually(lambda: execute(server, -1) == 200)
    listed = requests.get(f"{server.url}/tools/", headers=BROWSER, timeout=60)
    assert listed.status_code == 200
    assert server.stop() == 0
    assert "Traceback" not in server.log()


@pytest.mark.live
def test_a_server_that_cannot_start_on_a_full_disk_says_why(
    server_factory: ServerFactory, small_disk: SmallDisk
) -> None:
    server = server_factory.make({"DATA_DIR": str(small_disk.folder), "SECRET_KEY": "theirs"})
    small_disk.fill()
    with pytest.raises(ServerDied, match=r"(?i)the disk is full") as died:
        server.start()
    assert "Traceback" not in str(died.value)
    small_disk.free()
    assert server.start()


@pytest.mark.live
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="no limits of other processes here")
def test_a_server_at_its_limit_says_507_and_heals(server_factory: ServerFactory) -> None:
    """What a quota does, as far as one need not be root for it: no file may grow."""
    server = server_factory.start()
    assert execute(server, 0) == 200
    largest = max(file.stat().st_size for file in server.data.glob("cortex.sqlite3*"))
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    tries = 0
    while (status := execute(server, tries)) == 200:
        tries += 1
        assert tries < 1000, "there is no limit"
    assert status == 507
    assert requests.get(f"{server.url}/api/agents/runs", timeout=60).status_code == 200
    everything = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, everything)
    assert execute(server, -1) == 200
    assert len(re.findall("The disk is full", server.log())) == 1
    assert "Traceback" not in server.log()
