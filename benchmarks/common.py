"""What the benchmarks share: servers to measure, rounds that take turns, tables of ratios.

Both sides of a comparison run in the same call and take turns (A B B A ...), since an absolute time
on a shared machine says little; what is quoted is the median of the rounds' ratios with the lowest
and the highest. The first round warms up and is not counted.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import importlib.metadata
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("RESULTS.md")
EMBEDDED = "smollm2-135m-instruct"
MODEL_FOLDER = (
    Path(os.environ.get("MODEL_CACHE_DIR", "~/.cache/mlx-models")).expanduser() / EMBEDDED
)
PACKAGES = ("mlx", "mlx-lm", "xllamacpp", "llguidance", "django", "daphne")


@dataclass(frozen=True, slots=True)
class Answer:
    """One streamed answer: seconds from sending the request, and tokens as the server counts."""

    first: float
    last: float
    tokens: int
    prompt_tokens: int = 0
    cached_tokens: int = 0
    text: str = ""

    @property
    def rate(self) -> float:
        """Tokens a second of the whole request, prefill included."""
        return self.tokens / self.last

    @property
    def decode_rate(self) -> float:
        """Tokens a second after the first."""
        return (self.tokens - 1) / (self.last - self.first)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(command: Sequence[str], port: int, ready: str, env: Mapping[str, str]) -> Iterator[str]:
    """A server process for as long as the block runs; gives its base URL."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **env}, stdout=log, stderr=log
        )
        try:
            _wait(process, port, ready)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, path: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"a server to measure ended with status {process.returncode}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        time.sleep(0.2)
    raise SystemExit(f"a server to measure did not answer within {seconds:.0f} s")


@contextlib.contextmanager
def cortex(
    env: Mapping[str, str] | None = None, folder: Path = ROOT, engine: str = ""
) -> Iterator[str]:
    """Cortex with the embedded model, on data of its own unless `env` names a DATA_DIR; from
    another checkout, if `folder` is one, in the environment that it has or else in this one; on
    the engine that it would take unless one is named."""
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        settings = {"DATA_DIR": data, "LOG_LEVEL": "WARNING", **(env or {})}
        manage = str(folder / "manage.py")
        own = folder / ".venv/bin/python"
        python = str(own) if own.exists() else sys.executable
        command = [python, manage, "serve", "--port", str(port)]
        command += ["--engine", engine] if engine else []
        with server(command, port, "/api/health", settings) as url:
            yield url


def pid_of(url: str) -> int:
    """The process of the Cortex at that address."""
    port = str(urlsplit(url).port)
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "serve" in words and port in words:
            return int(process.pid)
    raise SystemExit("the server's process was not found")


def worker_megabytes(url: str) -> float:
    """Resident memory of the models' processes of the Cortex at that address."""
    total = 0
    for process in psutil.Process(pid_of(url)).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # a tool's, which ended meanwhile
            if "inference.worker" in process.cmdline():
                total += process.memory_info().rss
    return total / 1024**2


@contextlib.contextmanager
def mlx_lm_server(folder: Path, *, stock: bool = False) -> Iterator[str]:
    """mlx_lm.server: on Cortex's BLAS and number format, or as it is installed."""
    port = free_port()
    module = "mlx_lm.server" if stock else "tests.inference.engines.reference_server"
    command = [sys.executable, "-m", module, "--model", str(folder), "--port", str(port)]
    with server(command, port, "/v1/models", {"HF_HUB_OFFLINE": "1"}) as url:
        yield url


@contextlib.contextmanager
def llama_server(file: Path) -> Iterator[str]:
    """llama.cpp's own server on a GGUF file."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peers.llama_server", str(file), str(port)]
    with server(command, port, "/health", {}) as url:
        yield url


def post_json(url: str, body: Mapping[str, object]) -> dict:
    """One request with a JSON body, and its JSON answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=1800)
    connection.request("POST", parts.path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    data = response.read()
    connection.close()
    if response.status != 200:
        raise SystemExit(f"{url} answered {response.status}: {data[:500]!r}")
    return json.loads(data)


def stream_openai(url: str, body: Mapping[str, object]) -> Answer:
    """One streamed chat completion from any OpenAI-compatible server."""
    usage: dict[str, object] = {}
    texts: list[str] = []
    marks: list[float] = []
    payload = {**body, "stream": True, "stream_options": {"include_usage": True}}
    started = time.perf_counter()
    for event in _events(f"{url}/v1/chat/completions", payload):
        usage = event.get("usage") or usage
        delta = event["choices"][0].get("delta", {}) if event.get("choices") else {}
        if delta.get("content") or delta.get("reasoning") or delta.get("tool_calls"):
            marks.append(time.perf_counter() - started)
            texts.append(delta.get("content") or "")
    details = usage.get("prompt_tokens_details") or {}
    return Answer(
        first=marks[0],
        last=marks[-1],
        tokens=int(usage["completion_tokens"]),
        prompt_tokens=int(usage["prompt_tokens"]),
        cached_tokens=int(details.get("cached_tokens") or 0),
        text="".join(texts),
    )


def _events(url: str, body: Mapping[str, object]) -> Iterator[dict]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=1800)
    connection.request("POST", parts.path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        raise SystemExit(f"{url} answered {response.status}: {response.read()[:500]!r}")
    for line in response:
        if line.startswith(b"data: ") and line.strip() != b"data: [DONE]":
            yield json.loads(line[6:])
    connection.close()


def at_once(count: int, work: Callable[[int], Answer]) -> list[Answer]:
    """`count` calls of `work` that start together."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def aggregate_rate(work: Callable[[], list[Answer]]) -> float:
    """Tokens a second of all streams together, from the first request to the last token."""
    started = time.perf_counter()
    answers = work()
    return sum(answer.tokens for answer in answers) / (time.perf_counter() - started)


def take_turns(rounds: int, sides: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Each side once a round, after a round that is not counted. The order turns with each round:
    what runs second finds the machine otherwise than what runs first."""
    values: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in sides if number % 2 else reversed(sides):
            value = sides[name]()
            if number:
                values[name].append(value)
    return values


def spread(values: Sequence[float]) -> str:
    """Median (lowest to highest)."""
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def ratio(values: Mapping[str, Sequence[float]], over: str, under: str) -> str:
    """The rounds' ratios of one side to another."""
    return spread([a / b for a, b in zip(values[over], values[under], strict=True)])


def machine() -> str:
    """The machine and the versions, in a line."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}, {versions}"


def report(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    note: str = "",
    *,
    keep: bool = True,
) -> None:
    """Print a table, and append it to RESULTS.md where it is to be kept."""
    lines = [
        f"## {title}",
        "",
        f"{datetime.date.today().isoformat()}; {machine()}",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    if note:
        lines += ["", note]
    text = "\n".join(lines) + "\n"
    print(text)
    if keep:
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write("\n" + text)
