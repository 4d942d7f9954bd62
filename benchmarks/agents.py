"""The same three-step agent runs through Cortex and through a plain loop over mlx_lm.server.

    python -m benchmarks.agents [--rounds 5]

Both sides show the model the same prompts on the same weights, call the same tools and take exactly
three steps: two with a tool, and one that has to conclude. The plain loop is what one writes
without a grammar: generate up to "Observation:", parse, call, go on.
"""

from __future__ import annotations

import argparse
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
from benchmarks.goals import set_up

STEPS = 3
GOALS = (
    "Work out 17 * 23, then add 100 to the result. Use the calculator for each part.",
    "What is 45 + 38, and what is 12 times 31? Use the calculator for each.",
    "Compute 2 ** 12 and then 3 ** 7 with the calculator.",
    "Find 144 / 12 and then 256 - 99 with the calculator.",
)
TOOLS = ("calculator", "python_repl")
STEP_TOKENS = 256  # the plain loop's limit for a step; Cortex's is higher


def plain_run(goal: str, cortex_url: str, peer_url: str) -> int:
    """One run of the plain loop; gives how many of its steps were readable."""
    from agents.parser import FINISH, StepUnreadable, step_parse
    from agents.steps import StepRecord, Task, transcript
    from tooling.services import tool_specs

    task = Task(goal=goal, tools=tuple(tool_specs(TOOLS)))
    steps: list[StepRecord] = []
    readable = 0
    for number in range(1, STEPS + 1):
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
            observation = f"Error: {error}"
        else:
            readable += 1
            observation = "(none)"
            if parsed.action != FINISH:
                call = {"tool_name": parsed.action, "parameters": parsed.action_input}
                result = post_json(f"{cortex_url}/api/tools/execute", call)
                observation = str(result["result"] if result["success"] else result["error"])
        steps.append(StepRecord(step_number=number, text=text, observation=observation))
    return readable


def cortex_run(goal: str, url: str) -> int:
    """One run of Cortex's agent; gives its number of steps."""
    body = {"goal": goal, "model": EMBEDDED, "tools": TOOLS, "max_iterations": STEPS - 1}
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
        goals = [goal for goal in GOALS if ours(goal) == STEPS]
        readable = sum(plain(goal) for goal in goals)
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
        f"Steps that could be read: Cortex {STEPS * len(goals)} of {STEPS * len(goals)}, the "
        f"plain loop {readable} of {STEPS * len(goals)}.",
    )


if __name__ == "__main__":
    main()
