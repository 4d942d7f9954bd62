"""How many of sixty everyday requests the embedded model answers, through the product's own door.

    python -m benchmarks.everyday [--at-once 4] [--show]

A server is started as `make run` starts it, with every setting as it comes, and asked over
POST /api/chat/completions. An answer counts when it holds what everyday.jsonl expects and ends by
itself: not at the token limit, and not by the guard against repetition.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.common import machine
from tests.server import ServerFactory

REQUESTS = Path(__file__).with_name("everyday.jsonl")


@dataclass(frozen=True, slots=True)
class Result:
    """One answer."""

    asked: str
    text: str
    is_right: bool
    ended: str  # "by itself", "repetition" or "length"
    seconds: float
    tokens: int


def answer(url: str, one: dict[str, str]) -> Result:
    """Ask the server one thing."""
    began = time.monotonic()
    body = {"messages": [{"role": "user", "content": one["ask"]}]}
    reply = requests.post(f"{url}/api/chat/completions", json=body, timeout=600).json()
    seconds = time.monotonic() - began
    text, usage = reply["message"]["content"], reply["usage"]
    ended = usage["stopped_by"] or {"stop": "by itself"}.get(reply["finish_reason"], "length")
    is_right = re.search(one["expect"], text, re.IGNORECASE | re.DOTALL) is not None
    return Result(one["ask"], text, is_right, ended, seconds, usage["completion_tokens"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--show", action="store_true", help="print the answers too")
    arguments = parser.parse_args()
    asked = [json.loads(line) for line in REQUESTS.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        factory = ServerFactory(Path(folder))
        server = factory.start()
        try:
            answer(server.url, asked[0])  # the model is loaded
            with ThreadPoolExecutor(arguments.at_once) as pool:
                results = list(pool.map(lambda one: answer(server.url, one), asked))
        finally:
            factory.close()
    if arguments.show:
        for one in results:
            print(f"{'+' if one.is_right else '-'} {one.ended:10} {one.asked}\n    {one.text!r}")
    good = [one for one in results if one.is_right and one.ended == "by itself"]
    print(machine())
    print(f"right: {sum(one.is_right for one in results)} of {len(results)}")
    for how in ("by itself", "repetition", "length"):
        print(f"ended {how}: {sum(one.ended == how for one in results)}")
    print(f"right and ended by itself: {len(good)}")
    print(f"seconds, median: {statistics.median(one.seconds for one in results):.1f}")
    print(f"seconds, longest: {max(one.seconds for one in results):.1f}")


if __name__ == "__main__":
    main()
