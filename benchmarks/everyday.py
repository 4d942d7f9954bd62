"""How many of sixty everyday requests the embedded model answers, through the product's own door.

    python -m benchmarks.everyday [--at-once 8] [--show] [--sweep] [--model NAME]

A server is started as `make run` starts it, with every setting as it comes, and asked over
POST /api/chat/completions. An answer counts when it holds what everyday.jsonl expects and ends by
itself: not at the token limit, and not by the guard against repetition. With `--sweep` the same is
asked with other sampling values and system prompts: what the model's defaults are chosen by.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.common import report
from tests.server import ServerFactory

REQUESTS = Path(__file__).with_name("everyday.jsonl")
SYSTEM = "system"  # in a variant: the system prompt
DEFAULTS: dict[str, object] = {}
VARIANTS: tuple[dict[str, object], ...] = (
    DEFAULTS,
    {"frequency_penalty": 0.5},
    {"temperature": 0},
    {"temperature": 0, "frequency_penalty": 0.2},
    {"frequency_penalty": 0},
    {"temperature": 0, "frequency_penalty": 0, "repetition_penalty": 1.1},
    {"temperature": 0, "frequency_penalty": 0, "repetition_penalty": 1.2},
    {"temperature": 0.3, "frequency_penalty": 0, "repetition_penalty": 1.1},
    {SYSTEM: "You are a helpful assistant."},
)
COLUMNS = ["values", "right", "and ended by itself", "ended by the guard", "at the limit",
           "seconds, median", "longest"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """One answer."""

    asked: str
    text: str
    is_right: bool
    ended: str  # "by itself", "repetition" or "length"
    seconds: float


def answer(url: str, one: Mapping[str, str], values: Mapping[str, object]) -> Result:
    """Ask the server one thing."""
    began = time.monotonic()
    messages = [{"role": "user", "content": one["ask"]}]
    if system := values.get(SYSTEM):
        messages.insert(0, {"role": "system", "content": str(system)})
    body = {key: value for key, value in values.items() if key != SYSTEM}
    body["messages"] = messages
    reply = requests.post(f"{url}/api/chat/completions", json=body, timeout=600).json()
    seconds = time.monotonic() - began
    text, usage = reply["message"]["content"], reply["usage"]
    ended = usage["stopped_by"] or {"stop": "by itself"}.get(reply["finish_reason"], "length")
    is_right = re.search(one["expect"], text, re.IGNORECASE | re.DOTALL) is not None
    return Result(one["ask"], text, is_right, ended, seconds)


def row(values: Mapping[str, object], results: Sequence[Result]) -> list[str]:
    """One line of the table."""
    named = ", ".join(f"{key} {value!r}" for key, value in values.items() if key != "model")
    good = sum(one.is_right and one.ended == "by itself" for one in results)
    seconds = [one.seconds for one in results]
    return [
        named or "the defaults",
        f"{sum(one.is_right for one in results)} of {len(results)}",
        str(good),
        str(sum(one.ended == "repetition" for one in results)),
        str(sum(one.ended == "length" for one in results)),
        f"{statistics.median(seconds):.1f}",
        f"{max(seconds):.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--model", default="", help="another one than the default model")
    parser.add_argument("--show", action="store_true", help="print the answers too")
    parser.add_argument("--sweep", action="store_true", help="other values too")
    arguments = parser.parse_args()
    asked = [json.loads(line) for line in REQUESTS.read_text(encoding="utf-8").splitlines()]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        factory = ServerFactory(Path(folder))
        url = factory.start().url
        try:
            for variant in VARIANTS if arguments.sweep else (DEFAULTS,):
                values = {**variant, **({"model": arguments.model} if arguments.model else {})}
                answer(url, asked[0], values)  # the model is loaded
                with ThreadPoolExecutor(arguments.at_once) as pool:
                    results = list(
                        pool.map(lambda one, values=values: answer(url, one, values), asked)
                    )
                rows.append(row(values, results))
                print(" | ".join(rows[-1]), flush=True)
                if arguments.show:
                    for one in results:
                        sign = "+" if one.is_right else "-"
                        print(f"{sign} {one.ended:10} {one.asked}\n    {one.text!r}")
        finally:
            factory.close()
    report("Sixty everyday requests to the embedded model", COLUMNS, rows,
           f"{arguments.at_once} at once.")  # fmt: skip


if __name__ == "__main__":
    main()
