"""How many of eighty checkable goals the embedded model reaches as an agent, and how fast.

    python -m benchmarks.goals [--engine both] [--file both] [--limit 40] [--show]

A server is started as `make run` starts it, with every setting as it comes, and is given one goal
after another over POST /api/agents/execute: the goal alone, as a person would. A goal is reached
when the run finishes of itself with the expected answer.

The prompts were improved by what goals.jsonl showed. Nothing was changed because of
goals_unseen.jsonl: it tells how far what was learned carries.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import EMBEDDED, cortex, post_json, report, worker_megabytes

FILES = {"tuned": "goals.jsonl", "unseen": "goals_unseen.jsonl"}
ENGINES = ("llamacpp", "mlx")
LONG = 60.0  # seconds that nobody likes to wait
WEIGHED_AFTER = 50  # goals: what a prompt cache grows to shows by then
COLUMNS = (
    "engine",
    "goals",
    "reached",
    "by kind",
    "finished of itself",
    "steps a run",
    "median",
    "longest",
    "over 60 s",
    "model's process",
)
NUMBER = r"-?\d+(?:\.\d+)?"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one goal."""

    kind: str
    goal: str
    answer: str
    has_finished: bool  # of itself: no limit, no error
    is_right: bool
    steps: int
    seconds: float

    @property
    def is_reached(self) -> bool:
        return self.has_finished and self.is_right


def is_expected(answer: str, expected: list[str]) -> bool:
    """A number must be the last one that the answer names; words may stand anywhere in it, and
    their case counts where capitals are expected."""
    numbers = re.findall(NUMBER, answer.replace(",", ""))
    return any(
        bool(numbers) and float(numbers[-1]) == float(one)
        if re.fullmatch(NUMBER, one)
        else re.search(
            rf"(?<!\w){re.escape(one)}(?!\w)", answer, re.NOFLAG if one.isupper() else re.IGNORECASE
        )
        is not None
        for one in expected
    )


def work(url: str, entry: Mapping) -> Result:
    """One goal, from the request to the whole answer."""
    started = time.perf_counter()
    outcome = post_json(f"{url}/api/agents/execute", {"goal": entry["goal"]})
    answer = outcome["final_answer"] or ""
    return Result(
        kind=entry["kind"],
        goal=entry["goal"],
        answer=answer,
        has_finished=outcome["success"],
        is_right=is_expected(answer, entry["answers"]),
        steps=outcome["metadata"]["iterations"],
        seconds=time.perf_counter() - started,
    )


def goals_of(name: str, limit: int = 0) -> list[dict]:
    """The goals of a set, or the first of them."""
    lines = Path(__file__).with_name(FILES[name]).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[: limit or None]]


def measure(engine: str, names: list[str], arguments: argparse.Namespace) -> Iterator[list[str]]:
    """All sets on one engine: a row for each."""
    with cortex({"DEFAULT_MODEL": EMBEDDED}, engine=engine) as url:
        post_json(f"{url}/api/models/{EMBEDDED}/load", {})
        done, memory = 0, ""
        for name in names:
            results = []
            for entry in goals_of(name, arguments.limit):
                results.append(work(url, entry))
                done += 1
                if done <= WEIGHED_AFTER:
                    memory = f"{worker_megabytes(url):.0f} MB after {done}"
                if arguments.show:
                    _show(results[-1])
            yield [engine, name, *_figures(results), memory]


def _show(result: Result) -> None:
    sign = "+" if result.is_reached else "-"
    print(f"{sign} {result.seconds:5.1f} s  {result.goal} -> {result.answer[:80]!r}", flush=True)


def _figures(results: list[Result]) -> list[str]:
    kinds = sorted({result.kind for result in results})
    by_kind = [[result.is_reached for result in results if result.kind == kind] for kind in kinds]
    seconds = [result.seconds for result in results]
    return [
        f"{sum(result.is_reached for result in results)} of {len(results)}",
        ", ".join(
            f"{kind} {sum(reached)}/{len(reached)}"
            for kind, reached in zip(kinds, by_kind, strict=True)
        ),
        str(sum(result.has_finished for result in results)),
        f"{sum(result.steps for result in results) / len(results):.1f}",
        f"{statistics.median(seconds):.1f} s",
        f"{max(seconds):.1f} s",
        str(sum(one > LONG for one in seconds)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--file", choices=[*FILES, "both"], default="both")
    parser.add_argument("--limit", type=int, default=0, help="only so many goals of each set")
    parser.add_argument("--show", action="store_true", help="print each answer")
    arguments = parser.parse_args()
    engines = ENGINES if arguments.engine == "both" else [arguments.engine]
    names = list(FILES) if arguments.file == "both" else [arguments.file]
    rows = [row for engine in engines for row in measure(engine, names, arguments)]
    report(
        "Agent: goals reached by the embedded model",
        COLUMNS,
        rows,
        "One goal after another over POST /api/agents/execute, with every setting as it comes.",
        keep=not arguments.limit,
    )


if __name__ == "__main__":
    main()
