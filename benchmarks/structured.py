"""What a schema costs: a tool call bound to its schema against as many tokens of free text.

    python -m benchmarks.structured [--engine mlx|llamacpp] [--rounds 5]

Tokens a second of the whole request; both prompts are in the prompt cache.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from benchmarks.common import EMBEDDED, cortex, post_json, ratio, report, spread, take_turns

TOOL = {
    "type": "function",
    "function": {
        "name": "book_table",
        "description": "Book a table in a restaurant",
        "parameters": {
            "type": "object",
            "properties": {
                "restaurant": {"type": "string", "maxLength": 40},
                "number_of_guests": {"type": "integer", "minimum": 1, "maximum": 12},
                "seating": {"type": "string", "enum": ["terrace", "window", "counter"]},
                "special_requests": {"type": "string", "maxLength": 60},
            },
            "required": ["restaurant", "number_of_guests", "seating", "special_requests"],
            "additionalProperties": False,
        },
    },
}
GOALS = {"mlx": "1.0", "llamacpp": "0.95"}
QUESTION = "Book a table for four at the Blue Anchor, by the window, with a cake for a birthday."


def rate(url: str, choice: str, tokens: int) -> tuple[float, int]:
    """Tokens a second, and how many tokens there were."""
    body = {
        "model": EMBEDDED,
        "messages": [{"role": "user", "content": QUESTION}],
        "tools": [TOOL],
        "tool_choice": choice,
        "max_tokens": tokens,
        "temperature": 0,
    }
    started = time.perf_counter()
    answer = post_json(f"{url}/v1/chat/completions", body)
    seconds = time.perf_counter() - started
    count = int(answer["usage"]["completion_tokens"])
    return count / seconds, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", choices=GOALS, default="mlx")
    arguments = parser.parse_args()
    with cortex(engine=arguments.engine) as url:
        _, tokens = rate(url, "required", 120)
        side: Callable[[str], Callable[[], float]]
        side = lambda choice: lambda: rate(url, choice, tokens)[0]  # noqa: E731
        values = take_turns(arguments.rounds, {"bound": side("required"), "free": side("none")})
    found = ratio(values, "bound", "free")
    report(
        f"Structured output on {arguments.engine}: tokens a second of a tool call",
        ["bound to the schema", "free text", "ratio", "goal at least"],
        [[spread(values["bound"]), spread(values["free"]), found, GOALS[arguments.engine]]],
        f"{tokens} tokens each; whole requests, prompts cached. Forced tokens cost no decode step, "
        "which pays for the mask.",
    )


if __name__ == "__main__":
    main()
