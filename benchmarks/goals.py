"""How many of eighty checkable goals the embedded model reaches as an agent.

    python -m benchmarks.goals [--at-once 16] [--limit 40] [--tools calculator,python_repl]

Each goal is worked on twice: with the step grammar, and with free text that is parsed and repaired.
A goal is reached when the run finishes of itself with the expected answer. Both have the same
budget, so that a model that rambles does not take the whole day.

The prompts were improved by what goals.jsonl showed. goals_unseen.jsonl was written before that
and was not run meanwhile: it tells how far what was learned carries.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

GOALS = Path(__file__).with_name("goals.jsonl")
UNSEEN = Path(__file__).with_name("goals_unseen.jsonl")
BUDGET = {"max_iterations": 5, "step_tokens": 120, "max_tokens": 360}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one goal."""

    kind: str
    goal: str
    answer: str
    finish_reason: str
    reached: bool
    steps: int
    readable: int  # steps that parsed at once or after one repair
    seconds: float


def is_reached(answer: str, expected: list[str]) -> bool:
    """A number must be the last one that the answer names; words may stand anywhere in it, and
    their case counts where capitals are expected."""
    text = answer.replace(",", "")
    numbers = re.findall(r"-?\d+(?:\.\d+)?", text)
    return any(
        bool(numbers) and float(numbers[-1]) == float(one)
        if re.fullmatch(r"-?\d+(\.\d+)?", one)
        else re.search(
            rf"(?<!\w){re.escape(one)}(?!\w)", text, re.NOFLAG if one.isupper() else re.IGNORECASE
        )
        is not None
        for one in expected
    )


def work(entry: dict, *, grammar: bool, tools: Sequence[str]) -> Result:
    """One goal through the product's own loop and tools."""
    from agents.react.loop import react_loop
    from agents.react.steps import FAILED, Task
    from cortex_site.access import owner_get
    from inference.services import generate
    from tooling.base import ToolResult
    from tooling.errors import ToolError
    from tooling.services import tool_execute, tool_specs

    owner = owner_get()

    def execute(name: str, arguments: dict, step: int) -> ToolResult:
        try:
            return tool_execute(name=name, arguments=arguments, caller=owner)
        except ToolError as error:
            return ToolResult(False, error=str(error))

    specs = tuple(tool_specs(tools, caller=owner))
    task = Task(goal=entry["goal"], tools=specs, grammar=grammar, **BUDGET)
    started = time.perf_counter()
    answer, finish_reason, steps = "", "", {}
    for event in react_loop(task, generate=generate, execute=execute):
        if event.kind == "step":
            steps[event.data["step_number"]] = event.data
        elif event.kind == "text":
            answer = event.data["text"]
        elif event.kind == "done":
            finish_reason = event.data["finish_reason"]
    return Result(
        kind=entry["kind"],
        goal=entry["goal"],
        answer=answer,
        finish_reason=finish_reason,
        reached=finish_reason == "stop" and is_reached(answer, entry["answers"]),
        steps=len(steps),
        readable=sum(step["status"] != FAILED for step in steps.values()),
        seconds=time.perf_counter() - started,
    )


def set_up() -> None:
    """Django on a database of its own."""
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="cortex-goals-")
    os.environ["DEFAULT_MODEL"] = "smollm2-135m-instruct"
    os.environ["DJANGO_SETTINGS_MODULE"] = "cortex_site.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--limit", type=int, default=0, help="only so many goals of each set")
    parser.add_argument("--tools", default="calculator,python_repl", help="separated by commas")
    parser.add_argument("--verbose", action="store_true", help="each answer")
    arguments = parser.parse_args()
    set_up()
    from benchmarks.common import report
    from inference import services

    services.model_load(name="")
    tools = arguments.tools.split(",")
    for path, title in ((GOALS, "goals"), (UNSEEN, "goals not seen before")):
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        entries = entries[: arguments.limit or None]
        rows = []
        for name, grammar in (("step grammar", True), ("free text, parsed", False)):
            reach = partial(work, grammar=grammar, tools=tools)
            results = work_all(entries, reach, arguments.at_once)
            rows.append(_row(name, results))
            print(" | ".join(rows[-1]), flush=True)
            for result in results if arguments.verbose else ():
                sign = "+" if result.reached else "-"
                print(sign, result.goal, "->", repr(result.answer[:80]), flush=True)
        report(
            f"Agent: {title} reached, of {len(entries)}, by the embedded model",
            ["", "reached", "by kind", "finished of itself", "readable steps", "steps a run"],
            rows,
            f"Tools: {', '.join(tools)}; temperature 0; at most {BUDGET['max_iterations']} steps, "
            f"{BUDGET['step_tokens']} tokens a step and {BUDGET['max_tokens']} a run.",
        )
    services.shutdown()


def work_all(entries: list[dict], reach: Callable[[dict], Result], at_once: int) -> list[Result]:
    """The first goal alone: it leaves what all share in the prompt cache."""
    results = [reach(entries[0])]
    with ThreadPoolExecutor(at_once) as pool:
        results += pool.map(reach, entries[1:])
    return results


def _row(name: str, results: list[Result]) -> list[str]:
    kinds = sorted({result.kind for result in results})
    by_kind = ", ".join(
        f"{kind} {sum(r.reached for r in results if r.kind == kind)}"
        f"/{sum(r.kind == kind for r in results)}"
        for kind in kinds
    )
    steps = sum(result.steps for result in results)
    readable = sum(result.readable for result in results)
    return [
        name,
        f"{sum(r.reached for r in results)} of {len(results)}",
        by_kind,
        str(sum(r.finish_reason == "stop" for r in results)),
        f"{100 * readable / max(steps, 1):.0f} %",
        f"{steps / len(results):.1f}",
    ]


if __name__ == "__main__":
    main()
