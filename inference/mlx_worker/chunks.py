"""How many prompt tokens may be computed between two decode steps."""

from __future__ import annotations

from typing import Any

DEFAULT_STALL_MS = 500
SMALLEST, LARGEST, FIRST = 32, 2048, 128  # tokens of all prompts together; of one; before any step


class ChunkSize:
    """Sizes prefill chunks by measured speed, so that no running stream waits longer than
    `stall_ms` for somebody else's long prompt. With nobody to wait, chunks are four times that."""

    def __init__(self, stall_ms: float | None = None) -> None:
        self._stall = (stall_ms or DEFAULT_STALL_MS) / 1000
        self._tokens_per_second = FIRST / self._stall
        self._is_guess = True
        self._done: dict[int, int] = {}

    def size(self, prompts: int, *, is_alone: bool) -> int:
        """Tokens of each of `prompts` prompts for the next step: all of them together take no
        longer than the bound, however many they are."""
        budget = self._tokens_per_second * self._stall * (4 if is_alone else 1)
        return int(min(max(max(budget, SMALLEST) / max(prompts, 1), 1), LARGEST))

    def observe(self, responses: list[Any], seconds: float) -> None:
        """Learn from a step: mlx-lm's prompt responses, and how long it took."""
        tokens = 0
        for response in responses:
            done, total = response.progress
            tokens += done - self._done.pop(response.uid, 0)
            if done < total and not response.end_of_prompt:
                self._done[response.uid] = done
        if tokens >= SMALLEST:
            measured = tokens / max(seconds, 1e-6)
            weight = 1.0 if self._is_guess else 0.3
            self._tokens_per_second += weight * (measured - self._tokens_per_second)
            self._is_guess = False
