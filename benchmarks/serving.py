"""How much a server costs over mlx_lm itself: Cortex, raw mlx_lm and mlx_lm.server in turns.

    python -m benchmarks.serving [--rounds 5] [--tokens 64] [--streams 1 8 16]

All run on the embedded model's weights in the same number format and with the same BLAS, Cortex on
its engine `mlx`; its start and its first byte are measured on the engine that it takes by itself.
With `--stock`, `mlx_lm.server` as it is installed (float16 emulated, reference BLAS) is compared
too.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.common import (
    EMBEDDED,
    MODEL_FOLDER,
    ROOT,
    Answer,
    aggregate_rate,
    at_once,
    cortex,
    free_port,
    mlx_lm_server,
    pid_of,
    post_json,
    ratio,
    report,
    server,
    spread,
    stream_openai,
    take_turns,
)

PROMPT = "Write a long story about a lighthouse keeper and the sea."


class Raw:
    """mlx_lm in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.raw_mlx", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._read()

    def rate(self, streams: int, tokens: int) -> float:
        assert self.process.stdin is not None
        task = {"streams": streams, "tokens": tokens, "prompt": PROMPT}
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        return float(self._read()["rate"])

    def _read(self) -> dict:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("raw mlx_lm ended")
        return json.loads(line)

    def close(self) -> None:
        self.process.kill()


def body(tokens: int, model: str, prompt: str = PROMPT) -> dict[str, object]:
    return {
        "model": model,
        # A system prompt of its own: without one a server's template may make one up.
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": prompt},
        ],
        "max_tokens": tokens,
        # The same draw on both sides: the embedded model's own defaults hold a penalty, which looks
        # at each token of the vocabulary.
        "temperature": 0,
        "frequency_penalty": 0,
    }


def one_stream(url: str, model: str, tokens: int) -> Callable[[], float]:
    return lambda: stream_openai(url, body(tokens, model)).decode_rate


def many_streams(url: str, model: str, tokens: int, streams: int) -> Callable[[], float]:
    def work() -> list[Answer]:
        return at_once(streams, lambda _: stream_openai(url, body(tokens, model)))

    return lambda: aggregate_rate(work)


def rates(
    arguments: argparse.Namespace, cortex_url: str, peer_url: str, raw: Raw
) -> list[list[str]]:
    rows = []
    for streams in arguments.streams:
        tokens = arguments.tokens
        if streams == 1:
            sides: dict[str, Callable[[], float]] = {
                "cortex": one_stream(cortex_url, EMBEDDED, tokens),
                "peer": one_stream(peer_url, str(MODEL_FOLDER), tokens),
            }
        else:
            sides = {
                "cortex": many_streams(cortex_url, EMBEDDED, tokens, streams),
                "peer": many_streams(peer_url, str(MODEL_FOLDER), tokens, streams),
            }
        sides["raw"] = lambda count=streams: raw.rate(count, arguments.tokens)
        values = take_turns(arguments.rounds, sides)
        rows.append(
            [
                str(streams),
                spread(values["raw"]),
                spread(values["cortex"]),
                spread(values["peer"]),
                ratio(values, "cortex", "raw"),
                ratio(values, "cortex", "peer"),
            ]
        )
    return rows


def seeded(rounds: int, tokens: int, cortex_url: str, peer_url: str) -> list[list[str]]:
    """Eight streams that each draw with a seed of their own."""

    def streams(url: str, model: str) -> Callable[[], float]:
        def one(index: int) -> Answer:
            return stream_openai(url, body(tokens, model) | {"temperature": 0.8, "seed": index})

        return lambda: aggregate_rate(lambda: at_once(8, one))

    sides = {"cortex": streams(cortex_url, EMBEDDED), "peer": streams(peer_url, str(MODEL_FOLDER))}
    values = take_turns(rounds, sides)
    return [[spread(values["cortex"]), spread(values["peer"]), ratio(values, "cortex", "peer")]]


def first_byte(url: str, rounds: int) -> list[float]:
    """Milliseconds from the engine's first token to the client's first byte of it: the time that
    the client measures, less the one that the engine says it took."""
    delays = []
    for _ in range(rounds + 1):
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
        payload = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 4})
        started = time.perf_counter()
        connection.request(
            "POST", "/api/chat/completions/stream", payload, {"Content-Type": "application/json"}
        )
        first = None
        for line in connection.getresponse():
            if first is None and b'"token"' in line:
                first = time.perf_counter() - started
            if b'"done"' in line:
                usage = json.loads(line[6:])["usage"]
        delays.append(1000 * ((first or 0) - usage["first_token_seconds"]))
        connection.close()
    return delays[1:]


def resident(pid: int) -> float:
    """Megabytes of a process and its children."""
    parent = psutil.Process(pid)
    total = 0
    for process in (parent, *parent.children()):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended meanwhile
            total += process.memory_info().rss
    return total / 1024**2


def start_and_memory() -> list[list[str]]:
    """Seconds until /api/health answers, memory while idle, and what unloading gives back."""
    port = free_port()
    with tempfile.TemporaryDirectory() as data:
        env = {"DATA_DIR": data, "LOG_LEVEL": "WARNING"}
        command = [sys.executable, "manage.py", "serve", "--port", str(port)]
        started = time.perf_counter()
        with server(command, port, "/api/health", env) as url:
            seconds = time.perf_counter() - started
            pid = pid_of(url)
            post_json(f"{url}/api/models/{EMBEDDED}/load", {})
            loaded = resident(pid)
            post_json(f"{url}/api/models/{EMBEDDED}/unload", {})
            time.sleep(1)
            idle = resident(pid)
    return [
        ["start until /api/health answers", f"{seconds:.2f} s", "3 s"],
        ["web process without a model", f"{idle:.0f} MB", "250 MB"],
        ["with the embedded model loaded", f"{loaded:.0f} MB", ""],
        ["given back by unloading", f"{loaded - idle:.0f} MB", "all of the model's"],
    ]


def stock_ratio(cortex_url: str) -> list[list[str]]:
    """Against mlx_lm.server as installed; few tokens, for it makes one in several seconds."""
    with mlx_lm_server(MODEL_FOLDER, stock=True) as url:
        sides = {
            "cortex": one_stream(cortex_url, EMBEDDED, 32),
            "stock": one_stream(url, str(MODEL_FOLDER), 4),
        }
        values = take_turns(2, sides)
    return [[spread(values["cortex"]), spread(values["stock"]), ratio(values, "cortex", "stock")]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--stock", action="store_true")
    arguments = parser.parse_args()
    report("Start and memory", ["", "measured", "goal at most"], start_and_memory())
    with cortex() as url:
        delays = first_byte(url, 20)
    report(
        "First byte after the engine's first token",
        ["median", "highest", "goal at most"],
        [[f"{statistics.median(delays):.1f} ms", f"{max(delays):.1f} ms", "10 ms"]],
    )
    raw = Raw(MODEL_FOLDER)
    try:
        with cortex(engine="mlx") as cortex_url, mlx_lm_server(MODEL_FOLDER) as peer_url:
            rows = rates(arguments, cortex_url, peer_url, raw)
            report(
                "Serving: tokens a second",
                [
                    "streams",
                    "raw mlx_lm",
                    "Cortex",
                    "mlx_lm.server",
                    "Cortex / raw",
                    "Cortex / mlx_lm.server",
                ],
                rows,
                "One stream: decode rate after the first token. More: tokens of all streams over "
                "wall time, prefill included (both servers keep the prompt in their cache between "
                "rounds, raw mlx_lm computes it anew). Median of the rounds (lowest to highest).",
            )
            report(
                "Eight streams with eight seeds: tokens a second",
                ["Cortex", "mlx_lm.server", "ratio", "goal at least"],
                [[*row, "4"] for row in seeded(arguments.rounds, 32, cortex_url, peer_url)],
            )
            if arguments.stock:
                report(
                    "Against mlx_lm.server as installed: tokens a second",
                    ["Cortex", "stock mlx_lm.server", "ratio"],
                    stock_ratio(cortex_url),
                )
    finally:
        raw.close()


if __name__ == "__main__":
    main()
