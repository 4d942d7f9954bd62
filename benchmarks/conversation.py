"""How long the tenth turn of a 2,000-token conversation waits for its first token.

    python -m benchmarks.conversation [--engine llamacpp|mlx] [--rounds 5]

Cortex and the server of the engine's makers (llama.cpp's own, mlx_lm.server) in turns, on the same
weights, each with what it kept of the nine turns before: in memory, and after both were restarted.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.common import (
    EMBEDDED,
    MODEL_FOLDER,
    Answer,
    cortex,
    llama_server,
    mlx_lm_server,
    ratio,
    report,
    spread,
    stream_openai,
)
from inference.library import embedded

TURNS = 10
PEERS = {"llamacpp": "llama.cpp's server", "mlx": "mlx_lm.server"}
GOALS = {"llamacpp": ("1.0", "0.15"), "mlx": ("0.7", "0.15")}
WORDS = (
    *("harbour", "lamp", "window", "river", "engine", "letter", "garden", "winter", "copper"),
    *("signal", "market", "forest", "bridge", "kitchen", "paper", "sailor", "mountain", "clock"),
)


@dataclass
class Side:
    """One server and its own copy of each conversation."""

    url: str
    model: str
    conversations: list[list[dict[str, str]]]
    prompt_tokens: int = 0  # of the latest turn

    def turn(self, number: int, text: str, *, kept: bool = True) -> Answer:
        """One more turn of a conversation; `kept` makes it part of it."""
        messages = [*self.conversations[number], {"role": "user", "content": text}]
        answer = ask(self.url, self.model, messages)
        self.prompt_tokens = answer.prompt_tokens
        if kept:
            reply = {"role": "assistant", "content": answer.text}
            self.conversations[number] = [*messages, reply]
        return answer


def ask(url: str, model: str, messages: list[dict[str, str]]) -> Answer:
    body = {"model": model, "messages": messages, "max_tokens": 24, "temperature": 0}
    return stream_openai(url, body)


def question(conversation: int, turn: int) -> str:
    """About 190 tokens, the same for both sides."""
    random_words = random.Random(100 * conversation + turn)
    notes = " ".join(random_words.choice(WORDS) for _ in range(150))
    return f"Notes {conversation}.{turn}: {notes}. What stands in the notes?"


def warm(side: Side) -> None:
    """The model is loaded before anything is measured."""
    ask(side.url, side.model, [{"role": "user", "content": "Hello!"}])


def servers(engine: str, sides: dict[str, Side], data: str) -> ExitStack:
    """Both servers, started and warm, until the stack is closed."""
    stack = ExitStack()
    sides["cortex"].url = stack.enter_context(cortex({"DATA_DIR": data}, engine=engine))
    peer = (
        llama_server(embedded.gguf_file()) if engine == "llamacpp" else mlx_lm_server(MODEL_FOLDER)
    )
    sides["peer"].url = stack.enter_context(peer)
    for side in sides.values():
        warm(side)
    return stack


def last_turn(sides: dict[str, Side], number: int) -> dict[str, float]:
    """Milliseconds to the first token of the tenth turn, by side."""
    text = question(number, TURNS)
    return {name: 1000 * side.turn(number, text, kept=False).first for name, side in sides.items()}


def row(name: str, rounds: list[dict[str, float]], goal: str) -> list[str]:
    values = {side: [one[side] for one in rounds] for side in ("cortex", "peer")}
    both = [spread(values["cortex"]), spread(values["peer"])]
    return [name, *both, ratio(values, "cortex", "peer"), goal]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", choices=PEERS, default="llamacpp")
    arguments = parser.parse_args()
    engine, peer = arguments.engine, PEERS[arguments.engine]
    count = arguments.rounds + 1  # the first conversation warms up and is not counted
    sides = {
        "cortex": Side("", EMBEDDED, [[] for _ in range(count)]),
        "peer": Side("", str(MODEL_FOLDER), [[] for _ in range(count)]),
    }
    restarted = []
    with tempfile.TemporaryDirectory() as data:
        with servers(engine, sides, data):
            for turn in range(1, TURNS):
                for number in range(count):
                    for side in sides.values():
                        side.turn(number, question(number, turn))
            kept = [last_turn(sides, number) for number in range(count)]
        for number in range(1, count):
            with servers(engine, sides, data):
                restarted.append(last_turn(sides, number))
    report(
        "Turn 10 of a 2,000-token conversation: milliseconds to the first token",
        [engine, "Cortex", peer, f"Cortex / {peer}", "goal at most"],
        [
            row("kept in memory", kept[1:], GOALS[engine][0]),
            row("after a restart", restarted, GOALS[engine][1]),
        ],
        f"Each round is a conversation of its own; its last prompt has "
        f"{sides['cortex'].prompt_tokens:,} tokens.",
    )


if __name__ == "__main__":
    main()
