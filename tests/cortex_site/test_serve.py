"""`manage.py serve`: what it refuses, how it starts, how it ends, and that it comes back."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from pathlib import Path

import psutil
import pytest
import requests

from tests.prompts import LONG
from tests.server import CortexServer, ServerDied, ServerFactory
from tests.waiting import eventually

pytestmark = pytest.mark.live

ENDLESS = {
    "messages": [{"role": "user", "content": LONG}],
    "repetition_guard": False,
    "max_tokens": 4000,
    "temperature": 0,
}


def refusal(factory: ServerFactory, env: dict[str, str], *args: str) -> str:
    """The log of a server that does not start."""
    with pytest.raises(ServerDied) as died:
        factory.start(env, args)
    log = str(died.value)
    assert "Traceback" not in log
    assert factory.servers[-1].process.returncode == 1
    return log


def children(pid: int) -> list[int]:
    """The processes below `pid`, its children's children too."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def open_stream(server: CortexServer) -> requests.Response:
    """An answer that has begun and will not end by itself for a long while."""
    url = f"{server.url}/api/chat/completions/stream"
    response = requests.post(url, json=ENDLESS, stream=True, timeout=120)
    lines = response.iter_lines()
    while b'"token"' not in next(lines):
        pass
    return response


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "example.org"])
def test_it_listens_to_this_machine_only(server_factory: ServerFactory, host: str) -> None:
    log = refusal(server_factory, {"HOST": host})
    assert f"HOST={host} would open Cortex to the network" in log
    assert "cortex.E001" in log


def test_the_option_is_checked_like_the_variable(server_factory: ServerFactory) -> None:
    assert "cortex.E001" in refusal(server_factory, {}, "--host", "0.0.0.0")


def test_a_port_in_use_is_said(server_factory: ServerFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        log = refusal(server_factory, {"PORT": str(port)})
    assert f"Cannot listen on 127.0.0.1 port {port}" in log
    assert "another port" in log


@pytest.mark.parametrize("port", ["x", "70000", "-1"])
def test_a_bad_port_is_said(server_factory: ServerFactory, port: str) -> None:
    assert f"PORT='{port}' is not valid" in refusal(server_factory, {"PORT": port})


def test_a_bad_env_line_is_said(server_factory: ServerFactory, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("LOG_LEVEL=INFO\nthis is no setting\n")
    log = refusal(server_factory, {"ENV_FILE": str(tmp_path / "env")})
    assert "line 2" in log


def test_a_misspelt_variable_is_a_warning(server_factory: ServerFactory, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("DEFAULT_MODLE=x\n")
    server = server_factory.start({"ENV_FILE": str(tmp_path / "env")})
    assert "line 1: DEFAULT_MODLE is not a setting" in server.log()
    assert "Did you mean DEFAULT_MODEL?" in server.log()


@pytest.mark.parametrize("key", ["", "a-key-of-their-own"])
def test_a_data_folder_that_cannot_be_written(
    server_factory: ServerFactory, tmp_path: Path, key: str
) -> None:
    (tmp_path / "file").write_text("")
    env = {"DATA_DIR": str(tmp_path / "file" / "data"), "SECRET_KEY": key}
    log = refusal(server_factory, env)
    assert "DATA_DIR=" in log


def test_a_database_out_of_reach(server_factory: ServerFactory) -> None:
    url = "postgres://me:hunter2@127.0.0.1:9/cortex"
    log = refusal(server_factory, {"DATABASE_URL": url})
    assert "The database cannot be reached" in log
    assert "hunter2" not in log


def test_a_database_that_is_none(server_factory: ServerFactory, tmp_path: Path) -> None:
    (tmp_path / "text.sqlite3").write_text("This is no database, and it is long enough. " * 99)
    log = refusal(server_factory, {"DATABASE_URL": f"sqlite:///{tmp_path}/text.sqlite3"})
    assert "not a database" in log


def test_redis_out_of_reach(server_factory: ServerFactory) -> None:
    assert "cortex.E004" in refusal(server_factory, {"REDIS_URL": "redis://127.0.0.1:9/0"})


@pytest.mark.parametrize("model", ["no-such-model-anywhere", "../etc"])
def test_a_model_that_is_not_there(server_factory: ServerFactory, model: str) -> None:
    assert f"--model {model}" in refusal(server_factory, {}, "--model", model)


def test_a_folder_without_a_model(server_factory: ServerFactory, tmp_path: Path) -> None:
    assert f"--model {tmp_path}" in refusal(server_factory, {}, "--model", str(tmp_path))


def test_an_engine_that_cannot_run_the_model(server_factory: ServerFactory) -> None:
    args = ("--model", "mlx-community/Llama-3.2-3B-Instruct-4bit", "--engine", "llamacpp")
    log = refusal(server_factory, {}, *args)
    assert "--engine llamacpp: mlx-community/Llama-3.2-3B-Instruct-4bit does not run on" in log
    assert "only on 'mlx'" in log


def test_a_second_server_on_the_same_data_says_so_and_ends(server_factory: ServerFactory) -> None:
    first = server_factory.start()
    log = refusal(server_factory, {"DATA_DIR": str(first.data)})
    assert f"Cortex runs already on {first.data} (process {first.pid})" in log
    assert requests.get(f"{first.url}/api", timeout=30).ok
    first.kill()
    assert server_factory.start({"DATA_DIR": str(first.data)}), "a dead server holds nothing"


def test_so_does_one_on_the_same_database(server_factory: ServerFactory, tmp_path: Path) -> None:
    env = {"DATABASE_URL": f"sqlite:///{tmp_path}/shared.sqlite3"}
    server_factory.start(env)
    assert f"Cortex runs already on {tmp_path}/shared.sqlite3" in refusal(server_factory, env)


def test_what_an_earlier_version_left_open_is_made_private(
    server_factory: ServerFactory, tmp_path: Path
) -> None:
    server = server_factory.make({"DATABASE_URL": f"sqlite:///{tmp_path}/elsewhere.sqlite3"})
    (server.data / "prompt-cache" / "old").mkdir(parents=True)
    (server.data / "prompt-cache" / "old" / "file").write_text("what was said")
    (server.data / "any.log").write_text("")
    (server.data / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "outside").write_text("")
    (tmp_path / "elsewhere.sqlite3").write_bytes(b"")
    for path in (*server.data.rglob("*"), server.data, tmp_path / "elsewhere.sqlite3"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    server.start()
    requests.get(f"{server.url}/agents/", timeout=30)
    files = [server.data, *server.data.rglob("*"), *tmp_path.glob("elsewhere.sqlite3*")]
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in files if not path.is_symlink()}
    assert set(modes.values()) == {"0o600", "0o700"}, modes
    assert {"file", "any.log", "secret_key", "elsewhere.sqlite3"} <= set(modes)
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o644, "a link leads out of the folder"


# --- Listens --------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_it_listens_on_every_name_of_this_machine(server_factory: ServerFactory, host: str) -> None:
    server = server_factory.start({"HOST": host})
    assert requests.get(f"{server.url}/api", timeout=30).json()["name"] == "Cortex"


def test_the_engine_of_the_default_model_can_be_chosen(server_factory: ServerFactory) -> None:
    chosen = {}
    for engine in ("mlx", "auto"):
        env = {"DEFAULT_MODEL": "smollm2-135m-instruct"}
        server = server_factory.start(env, ("--engine", engine))
        url = f"{server.url}/api/models/smollm2-135m-instruct"
        chosen[engine] = requests.get(url, timeout=30).json()
    assert (chosen["mlx"]["engine"], chosen["mlx"]["engine_is_chosen"]) == ("mlx", True)
    assert chosen["auto"]["engine_is_chosen"] is False


@pytest.mark.model
def test_it_is_ready_when_the_model_is_up_and_not_before(server_factory: ServerFactory) -> None:
    server = server_factory.start()
    while (answer := requests.get(f"{server.url}/api/ready", timeout=30)).status_code == 503:
        assert answer.headers["Retry-After"] == "2"
    assert (answer.status_code, answer.json()["model"]["state"]) == (200, "loaded")


def test_the_calculator_is_made_ready_before_anybody_asks(server_factory: ServerFactory) -> None:
    server = server_factory.start()

    def is_there() -> bool:
        below = psutil.Process(server.pid).children(recursive=True)
        return any("tooling.calculator.program" in child.cmdline() for child in below)

    eventually(is_there, seconds=60)


# --- Ends ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly(server_factory: ServerFactory, number: int) -> None:
    server = server_factory.start()
    assert requests.get(f"{server.url}/api/health", timeout=30).ok
    assert server.stop(number) == 0
    assert "Traceback" not in server.log()


@pytest.mark.model
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_a_stream_open_and_leaves_no_child(
    server_factory: ServerFactory, number: int
) -> None:
    server = server_factory.start()
    with open_stream(server):
        below = children(server.pid)
        assert below
        assert server.stop(number) == 0
    eventually(lambda: not any(map(is_alive, below)), seconds=60)
    assert "Traceback" not in server.log()


@pytest.mark.model
def test_ctrl_c_reaches_the_whole_group_and_leaves_no_trace(server_factory: ServerFactory) -> None:
    """A terminal signals the model processes too; they leave that to the server."""
    server = server_factory.start()
    with open_stream(server):
        os.killpg(server.pid, signal.SIGINT)
        assert server.process.wait(20) == 0
    assert "Traceback" not in server.log()
    assert "KeyboardInterrupt" not in server.log()


@pytest.mark.model
def test_it_ends_while_a_plain_request_waits_for_the_model(server_factory: ServerFactory) -> None:
    server = server_factory.start()
    url = f"{server.url}/api/chat/completions"

    def ask() -> None:
        with contextlib.suppress(requests.ConnectionError):
            requests.post(url, json=ENDLESS, timeout=120)

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(server.active_requests, seconds=60)
    assert server.stop() == 0
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_tools_processes_end_with_it(server_factory: ServerFactory, number: int) -> None:
    server = server_factory.start()
    for call in (
        {"tool_name": "calculator", "parameters": {"expression": "6 * 7"}},
        {"tool_name": "python_repl", "parameters": {"code": "print(42)"}},
    ):
        answer = requests.post(f"{server.url}/api/tools/execute", json=call, timeout=120).json()
        assert "42" in answer["result"], answer
    below = children(server.pid)
    os.kill(server.pid, number)
    server.process.wait(20)
    eventually(lambda: not any(map(is_alive, below)), seconds=60)


def test_a_second_interrupt_ends_it_at_once(server_factory: ServerFactory) -> None:
    server = server_factory.start()
    os.kill(server.pid, signal.SIGINT)
    os.kill(server.pid, signal.SIGINT)
    assert server.process.wait(20) in (0, 130)


@pytest.mark.model
def test_kill_9_leaves_no_child_and_the_server_comes_back(server_factory: ServerFactory) -> None:
    server = server_factory.start()
    with open_stream(server):
        below = children(server.pid)
        server.kill()
    eventually(lambda: not any(map(is_alive, below)), seconds=60)
    url, key = server.url, (server.data / "secret_key").read_text()
    server.restart()
    assert server.url == url
    assert (server.data / "secret_key").read_text() == key
    answer = requests.post(
        f"{server.url}/api/chat/completions",
        json={"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 5},
        timeout=120,
    )
    assert answer.status_code == 200
