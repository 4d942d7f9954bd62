"""What a change costs or gains: this checkout beside another one, through their own doors.

    python -m benchmarks.versions FOLDER [--rounds 7] [--tokens 48]

Both servers run the embedded model at the product's defaults and take turns. Times are in
milliseconds, rates in tokens a second; a ratio above 1 means that this checkout is faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import (
    EMBEDDED,
    aggregate_rate,
    at_once,
    cortex,
    post_json,
    ratio,
    report,
    spread,
    stream_openai,
    take_turns,
)

PROMPT = "Write a long story about a lighthouse keeper and the sea."
PAGES = ("/", "/agents/", "/models/", "/api/models")
REPEATS = 15  # of what takes milliseconds; a round's value is their median
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 40}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def milliseconds(work: Callable[[], object]) -> float:
    """The median time of several calls."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def page(url: str, path: str) -> Callable[[], float]:
    request = urllib.request.Request(url + path, headers={"Accept": "text/html"})
    return lambda: milliseconds(lambda: urllib.request.urlopen(request).read())


def calculator(url: str) -> Callable[[], float]:
    call = {"tool_name": "calculator", "parameters": {"expression": "2**8 + sqrt(16)*pi"}}
    return lambda: milliseconds(lambda: post_json(f"{url}/api/tools/execute", call))


def answer(tokens: int, **fields: object) -> dict[str, object]:
    """The body of a chat completion."""
    messages = [{"role": "user", "content": PROMPT}]
    return {
        "model": EMBEDDED,
        "messages": messages,
        "max_tokens": tokens,
        "temperature": 0,
    } | fields


def streams(url: str, tokens: int, count: int) -> Callable[[], float]:
    body = answer(tokens)
    if count == 1:
        return lambda: stream_openai(url, body).decode_rate
    return lambda: aggregate_rate(lambda: at_once(count, lambda _: stream_openai(url, body)))


def structured(url: str, tokens: int) -> Callable[[], float]:
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
    return lambda: stream_openai(url, answer(tokens, response_format=form)).rate


def first_token(url: str) -> Callable[[], float]:
    return lambda: statistics.median(stream_openai(url, answer(1)).first * 1000 for _ in range(5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=48)
    arguments = parser.parse_args()
    rates: dict[str, Callable[[str], Callable[[], float]]] = {
        "1 stream, tokens/s": lambda url: streams(url, arguments.tokens, 1),
        "8 streams, tokens/s": lambda url: streams(url, arguments.tokens, 8),
        "JSON schema, tokens/s": lambda url: structured(url, arguments.tokens),
    }
    times: dict[str, Callable[[str], Callable[[], float]]] = {
        "first token of a known prompt, ms": first_token,
        "calculator over REST, ms": calculator,
        **{f"GET {path}, ms": lambda url, path=path: page(url, path) for path in PAGES},  # type: ignore[misc]
    }
    rows = []
    with cortex() as this, cortex(folder=arguments.folder.resolve()) as other:
        for url in (this, other):
            stream_openai(url, answer(1))  # the model is loaded
        for name, make in (rates | times).items():
            values = take_turns(arguments.rounds, {"this": make(this), "other": make(other)})
            over, under = ("this", "other") if name in rates else ("other", "this")
            cells = [spread(values["other"]), spread(values["this"]), ratio(values, over, under)]
            rows.append([name, *cells])
            print(" | ".join(rows[-1]), flush=True)
    report("This checkout beside another one", ["", "other", "this", "ratio"], rows)


if __name__ == "__main__":
    main()
