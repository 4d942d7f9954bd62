"""INTERACTIVE_STALL_MS: how long a running answer stands still for somebody else's prompt."""

from __future__ import annotations

from typing import Any

import pytest

from inference.mlx_worker.chunks import SMALLEST, ChunkSize
from inference.mlx_worker.model import LoadedModel
from tests.inference.mlx_worker.fixtures import ask, collect, continue_, engine_make, submit
from tests.prompts import LONG

pytestmark = pytest.mark.model


class Watched(ChunkSize):
    """Notes how many tokens each step computed for how many prompts, and what the bound allowed."""

    def __init__(self, stall_ms: float) -> None:
        super().__init__(stall_ms)
        self.steps: list[tuple[int, float]] = []  # tokens that were computed; that were allowed
        self._allowed = 0.0
        self._so_far: dict[int, int] = {}

    def size(self, prompts: int, *, is_alone: bool) -> int:
        size = super().size(prompts, is_alone=is_alone)
        allowed = max(self._tokens_per_second * self._stall, SMALLEST, prompts)
        self._allowed = float("inf") if is_alone else allowed
        return size

    def observe(self, responses: list[Any], seconds: float) -> None:
        tokens = 0
        for response in responses:
            done = response.progress[0] - response.end_of_prompt  # the last one is a decode step
            tokens += done - self._so_far.get(response.uid, 0)
            self._so_far[response.uid] = done
        self.steps.append((tokens, self._allowed))
        super().observe(responses, seconds)


def test_no_step_reads_more_of_the_prompts_than_the_bound_allows(loaded: LoadedModel) -> None:
    engine = engine_make(loaded)
    watched = engine._chunk = Watched(stall_ms=50)
    running = ask(LONG, max_tokens=400)
    answers = submit(engine, [running])
    collect(engine, answers)
    while not answers[running.id].text:
        collect(engine, answers)
    (sequence,) = engine._active.values()
    watched.steps.clear()

    prompts = [continue_(f"Number {n}. " + "word " * 300, max_tokens=1) for n in range(3)]
    answers |= submit(engine, prompts)
    gained = []  # tokens that the running answer got while prompts were read, step by step
    while not all(answers[prompt.id].finish_reason for prompt in prompts):
        before = sequence.completion_tokens
        collect(engine, answers)
        gained.append(sequence.completion_tokens - before)

    assert sum(tokens for tokens, _ in watched.steps) > 900
    assert all(tokens <= allowed for tokens, allowed in watched.steps), watched.steps
    assert len(watched.steps) > 3
    assert set(gained) == {1}
