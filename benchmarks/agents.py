"""The same three-step agent runs through Cortex and through a plain loop over mlx_lm.server.

    python -m benchmarks.agents [--rounds 5]

Both sides show the model the same prompts on the same weights and call the same tools. Only goals
that both work on in three steps are timed: two with a tool, then the answer. The plain loop is what
one writes without a grammar: generate up to "Observation:", parse, call, go on.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.common import (
    EMBEDDED,
    MODEL_FOLDER,
    cortex,
    mlx_lm_server,
    post_json,
    ratio,
    report,
    spread,
    take_turns,
)

STEPS = 3
LIMIT = 5  # steps, for a goal that goes another way
GOALS = (
    "What is 45 + 38, and what is 12 times 31? Use the calculator for each.",
    "What is 17 times 23, and what is 640 - 55? Use the calculator for each.",
    "Find 144 / 12 and then 256 - 99 with the calculator.",
    "Find 19 * 6 and then 75 + 81 with the calculator.",
    "What is 8 * 15, and what is 99 minus 27? Use the calculator for each.",
    "What is 63 + 12, and what is 4 times 25? Use the calculator for each.",
)
TOOLS = ("calculator", "python_repl")
STEP_TOKENS = 256  # the plain loop's limit for a step; Cortex's is higher


def set_up() -> None:
    """Django on a database of its own, for what the plain loop takes of Cortex."""
    os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="cortex-agents-")
    os.environ["DJANGO_SETTINGS_MODULE"] = "cortex_site.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def plain_run(goal: str, cortex_url: str, peer_url: str) -> int:
    """One run of the plain loop; gives its number of steps."""
    from agents.react.observations import Observation, observe
    from agents.react.parser import FINISH, StepUnreadable, step_parse
    from agents.react.steps import StepRecord, Task, transcript
    from tooling.base import ToolResult
    from tooling.services import tool_specs

    task = Task(goal=goal, tools=tuple(tool_specs(TOOLS)))
    steps: list[StepRecord] = []
    for number in range(1, LIMIT + 1):
        messages = [{"role": m.role, "content": m.content} for m in transcript(task, steps)]
        body = {
            "model": str(MODEL_FOLDER),
            "messages": messages,
            "max_tokens": STEP_TOKENS,
            "temperature": 0,
            "stop": ["Observation:"],
        }
        answer = post_json(f"{peer_url}/v1/chat/completions", body)
        text = answer["choices"][0]["message"]["content"]
        try:
            parsed = step_parse(text, task.tools)
        except StepUnreadable as error:
            observed = Observation(f"Error: {error}", success=False)
        else:
            if parsed.action == FINISH:
                return number
            call = {"tool_name": parsed.action, "parameters": parsed.action_input}
            result = post_json(f"{cortex_url}/api/tools/execute", call)
            observed = observe(
                ToolResult(result["success"], result["result"], error=result["error"] or "")
            )
        steps.append(StepRecord(step_number=number, text=text, observed=observed))
    return LIMIT + 1


def cortex_run(goal: str, url: str) -> int:
    """One run of Cortex's agent; gives its number of steps."""
    body = {"goal": goal, "model": EMBEDDED, "tools": TOOLS, "max_iterations": LIMIT}
    return len(post_json(f"{url}/api/agents/execute", body)["steps"])


def wall_clock(run: Callable[[str], int], goals: Sequence[str], at_once: int) -> float:
    """Seconds for all goals."""
    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, goals))
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    set_up()
    with cortex() as cortex_url, mlx_lm_server(MODEL_FOLDER) as peer_url:
        ours: Callable[[str], int] = lambda goal: cortex_run(goal, cortex_url)  # noqa: E731
        plain: Callable[[str], int] = lambda goal: plain_run(goal, cortex_url, peer_url)  # noqa: E731
        goals = [goal for goal in GOALS if ours(goal) == plain(goal) == STEPS]
        if not goals:
            raise SystemExit(f"None of the goals took {STEPS} steps on both sides.")
        rows = []
        for name, at_once in (("one after another", 1), (f"{len(goals)} at once", len(goals))):
            sides = {
                "cortex": lambda count=at_once: wall_clock(ours, goals, count),
                "plain": lambda count=at_once: wall_clock(plain, goals, count),
            }
            values = take_turns(arguments.rounds, sides)
            both = [spread(values["cortex"]), spread(values["plain"])]
            rows.append([name, *both, ratio(values, "cortex", "plain"), "0.5"])
    report(
        f"Agents: wall clock of {len(goals)} runs of three steps, in seconds",
        ["", "Cortex", "plain loop over mlx_lm.server", "ratio", "goal at most"],
        rows,
        f"{len(GOALS)} goals were tried; these took three steps on both sides.",
    )


if __name__ == "__main__":
    main()
