"""How long a tool takes: the sandbox beside a plain interpreter, the calculator, twenty at once.

    python -m benchmarks.tools [URL of a running Cortex]

Without a URL it starts a server of its own for the last table.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import django

from benchmarks.common import cortex, ratio, report, spread, take_turns

ROUNDS = 15
PAGE_ROUNDS = 5
AT_ONCE = 20
PAGES = 40  # a round and side, so that the 95th percentile is one of them
BUSY = "print(sum(i * i for i in range(2_000_000)))"
SETTLE = 1.0  # seconds for a spare child to be up


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cortex_site.settings")
    django.setup()
    starts()
    with contextlib.ExitStack() as stack:
        url = sys.argv[1] if len(sys.argv) > 1 else stack.enter_context(cortex())
        pages(url.rstrip("/"))


def starts() -> None:
    """print(1) in the sandbox and in plain interpreters; an expression in a calculator's worker."""
    from tooling.builtin.calculator import CalculatorTool
    from tooling.sandbox import programs
    from tooling.sandbox.pool import Pool

    cold = Pool(replace(programs.TERMS, spare=0))
    calculator = CalculatorTool()
    calculator.execute("1+1")

    def warm() -> float:
        programs.pool().warm()
        time.sleep(SETTLE)
        return milliseconds(lambda: programs.run("print(1)"))

    values = take_turns(
        ROUNDS,
        {
            "sandbox, warm": warm,
            "sandbox, cold": lambda: milliseconds(
                lambda: programs.run_in(cold, "print(1)", timeout=10)
            ),
            "python -c": lambda: milliseconds(lambda: interpreter("-c")),
            "python -I -S -c": lambda: milliseconds(lambda: interpreter("-I", "-S", "-c")),
            "calculator, warm": lambda: milliseconds(
                lambda: calculator.execute("2**8 + sqrt(16)*pi")
            ),
        },
    )
    cold.close()
    goals = {"sandbox, warm": "60", "sandbox, cold": "150", "calculator, warm": "50"}
    rows = [
        [name, spread(times), ratio(values, name, "python -c"), goals.get(name, "")]
        for name, times in values.items()
    ]
    report(
        "Tools: from the call to the result",
        ["", "ms", "times python -c", "goal, ms"],
        rows,
        f"print(1) in each interpreter, an expression in the calculator. {load()}",
    )


def pages(url: str) -> None:
    """The conversation page while twenty programs run, and while none does."""
    values = take_turns(
        PAGE_ROUNDS,
        {
            "page, nothing running": lambda: p95(lambda: page(url)),
            f"page, {AT_ONCE} programs running": lambda: during_programs(url),
        },
    )
    report(
        f"Tools: pages beside {AT_ONCE} programs at once",
        ["", "95th percentile, ms", "times idle"],
        [
            [name, spread(times), ratio(values, name, "page, nothing running")]
            for name, times in values.items()
        ],
        f"{PAGES} pages a round, one after another; goal 100 ms. {load()}",
    )


def during_programs(url: str) -> float:
    """Keeps twenty calls of python_repl in flight for as long as the pages take."""
    over = threading.Event()

    def keep_running(_: int) -> None:
        while not over.is_set():
            call(url, "python_repl", {"code": BUSY})

    with ThreadPoolExecutor(AT_ONCE) as threads:
        running = [threads.submit(keep_running, n) for n in range(AT_ONCE)]
        time.sleep(SETTLE)
        value = p95(lambda: page(url))
        over.set()
        for one in running:
            one.result()
    return value


def p95(measured: Callable[[], None]) -> float:
    return statistics.quantiles([milliseconds(measured) for _ in range(PAGES)], n=20)[-1]


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def interpreter(*options: str) -> None:
    subprocess.run([sys.executable, *options, "print(1)"], check=True, stdout=subprocess.DEVNULL)


def page(url: str) -> None:
    with urllib.request.urlopen(f"{url}/", timeout=60) as response:
        response.read()


def call(url: str, tool: str, parameters: dict[str, str]) -> None:
    body = json.dumps({"tool_name": tool, "parameters": parameters}).encode()
    request = urllib.request.Request(
        f"{url}/api/tools/execute", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        answer = json.load(response)
    if not answer["success"]:
        raise SystemExit(f"{tool} failed: {answer['error']}")


def load() -> str:
    return f"Load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."


if __name__ == "__main__":
    main()
