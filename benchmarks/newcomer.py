"""How long somebody waits from `make run` until the first word of an answer stands in the page.

    python -m benchmarks.newcomer [--rounds 5]

On a machine where Cortex has run before. Headless Chromium runs already; each round starts a
server, says "Hello" as soon as the page is there, and ends with the first text of the answer.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time

from playwright.sync_api import Browser, sync_playwright

from benchmarks.common import ROOT, free_port, report, spread

CHROMIUM = "/usr/bin/chromium"
LONGEST = 60_000  # milliseconds
GOAL = 4  # seconds


def listening(port: int) -> None:
    """Wait until somebody listens there."""
    end = time.monotonic() + LONGEST / 1000
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.01)
    raise SystemExit("Cortex does not listen")


def one_round(browser: Browser, data: str) -> tuple[float, float, float]:
    """Seconds until it listens, until the page is there, and until the answer has begun."""
    port = free_port()
    page = browser.new_page()
    started = time.perf_counter()
    process = subprocess.Popen(
        ["make", "run", f"ARGS=--port {port}"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": data},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    marks = []
    try:
        listening(port)
        marks.append(time.perf_counter() - started)
        page.goto(f"http://127.0.0.1:{port}/", wait_until="domcontentloaded")
        page.get_by_label("Message", exact=True).fill("Hello")
        marks.append(time.perf_counter() - started)
        page.keyboard.press("Enter")
        page.locator(".prose :text-matches('\\\\w')").first.wait_for(timeout=LONGEST)
        marks.append(time.perf_counter() - started)
        page.close()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    return marks[0], marks[1], marks[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with tempfile.TemporaryDirectory() as data:
            values = [one_round(browser, data) for _ in range(rounds + 1)][1:]
        browser.close()
    listens, there, answered = zip(*values, strict=True)
    report(
        "From `make run` to an answer, in seconds",
        ["until", "measured", "goal at most"],
        [
            ["it listens", spread(listens), ""],
            ["the page is there", spread(there), ""],
            ['the first word of the answer to "Hello"', spread(answered), str(GOAL)],
        ],
    )


if __name__ == "__main__":
    main()
