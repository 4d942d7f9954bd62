"""Compares the engines that can run a model on this machine, for `manage.py bench-model`.

The model is loaded on each in turn, as the registry would load it, and asked as a chat would ask.
"""

from __future__ import annotations

import copy
import dataclasses
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory

from django.conf import settings

from common.errors import CortexError
from inference.engines import NAMES
from inference.engines.base import Engine, Progress, ignore_change
from inference.errors import GenerationFailed
from inference.library import sources
from inference.library.engines import AUTO, engine_check, engines_of
from inference.loaded.drawing import sampling_of
from inference.loaded.make import engine_config, engine_make
from inference.loaded.slots import gigabytes, speed_note, too_large
from inference.models import LanguageModel
from inference.types import GenerationRequest, PromptMessage, Sampling, Usage

Say = Callable[[str], None]

ROUNDS = 3  # of each measurement; the median counts
STREAMS = 8  # answers at once
SENTENCE = "Once there was a fox who lived in a wood by the sea. "
SENTENCES = 36  # about 500 tokens
STORY = "Write a long story about a lighthouse keeper and the sea."
ANSWER = 200  # tokens of the answer by which engines are compared
ALIKE = 1.05  # a ratio below this is no difference


@dataclass(frozen=True, slots=True)
class Measured:
    """What one engine reached. Speeds are tokens a second: of one answer from its first token on,
    and of STREAMS answers together, their prompts included."""

    engine: str
    notes: tuple[str, ...]
    load_seconds: float
    prompt_tokens: int
    first_token_seconds: float
    speed: float
    speed_together: float
    memory_bytes: int

    @property
    def name(self) -> str:
        return NAMES[self.engine]

    @property
    def answer_seconds(self) -> float:
        """What a person waits for an answer of ANSWER tokens to the long prompt."""
        return self.first_token_seconds + ANSWER / self.speed


@dataclass(frozen=True, slots=True)
class Comparison:
    """The engines that were measured, in the order in which they were, and why others were not."""

    model: LanguageModel
    measured: tuple[Measured, ...]
    failed: dict[str, str]


# --- Measuring -----------------------------------------------------------------------------------


def compare(row: LanguageModel, wanted: Sequence[str], tokens: int, say: Say) -> Comparison:
    """Measure the model on each of the wanted engines, or on all that can run it, with answers of
    so many tokens. Raises CortexErrors of the model: it is fetched first, if it is not here."""
    engine_check(row, AUTO)
    if row.state == LanguageModel.State.LOADED:
        say(f"A server seems to have {row.name} loaded: what it does meanwhile counts, too.")
    sources.fetch(row, _progress(say))
    for engine in wanted:
        engine_check(row, engine)
    measured: list[Measured] = []
    failed: dict[str, str] = {}
    for engine in dict.fromkeys(wanted) or [engine.value for engine in engines_of(row)]:
        try:
            result = _measure(row, engine, tokens, partial(_say_of, engine, say))
        except CortexError as error:
            failed[engine] = str(error)
        else:
            measured.append(result)
            speed_note(row.name, engine, result.speed)
    return Comparison(row, tuple(measured), failed)


def _say_of(engine: str, say: Say, text: str) -> None:
    say(f"{NAMES[engine]}: {text}")


def _measure(row: LanguageModel, engine: str, tokens: int, say: Say) -> Measured:
    with _loaded(row, engine, say) as (loaded, load_seconds):
        say("warming up")
        answers = partial(_answers_of, loaded, sampling_of(row))
        answers(STORY, 1, 2)
        firsts, speeds, together = [], [], []
        for number in range(1, ROUNDS + 1):
            say(f"a prompt of 500 tokens, {number} of {ROUNDS}")
            firsts += answers(SENTENCE * SENTENCES, 1, 2)
        for number in range(1, ROUNDS + 1):
            say(f"one answer, {number} of {ROUNDS}")
            speeds += answers(STORY, 1, tokens)
        for number in range(1, ROUNDS + 1):
            say(f"{STREAMS} answers at once, {number} of {ROUNDS}")
            began = time.monotonic()
            usages = answers(STORY, STREAMS, tokens)
            written = sum(usage.completion_tokens for usage in usages)
            together.append(written / (time.monotonic() - began))
        return Measured(
            engine=engine,
            notes=loaded.describe().runtime_notes,
            load_seconds=load_seconds,
            prompt_tokens=firsts[0].prompt_tokens,
            first_token_seconds=statistics.median(usage.first_token_seconds for usage in firsts),
            speed=_speed(speeds),
            speed_together=statistics.median(together),
            memory_bytes=loaded.memory_bytes(),
        )


def _speed(usages: Sequence[Usage]) -> float:
    known = [usage.tokens_per_second for usage in usages if usage.tokens_per_second]
    if not known:
        raise GenerationFailed("The model ends its answers at once: there is no speed to measure.")
    return statistics.median(known)


def _answers_of(
    engine: Engine, sampling: Sampling, text: str, count: int, tokens: int
) -> list[Usage]:
    """Ask so many times at once, each time for something that was not asked before: what is known
    of a prompt need not be read."""
    streams = [
        engine.stream(
            GenerationRequest(
                messages=(PromptMessage("user", f"{uuid.uuid4().hex[:8]}. {text}"),),
                sampling=sampling,
                max_tokens=tokens,
            )
        )
        for _ in range(count)
    ]
    lasts = [list(stream)[-1] for stream in streams]
    return [last.usage or Usage() for last in lasts]


# --- Loading -------------------------------------------------------------------------------------


@contextmanager
def _loaded(row: LanguageModel, engine: str, say: Say) -> Iterator[tuple[Engine, float]]:
    """Give the model on that engine, and the seconds that it took to load. Its process ends with
    the block; what it read and wrote is not kept for the chats."""
    row = copy.copy(row)  # it is never saved
    row.engine, row.engine_is_chosen = engine, True
    with TemporaryDirectory(prefix="cortex-bench-") as prompts:
        made, seconds, converted = _load(row, prompts, say)
        if converted:  # which only the first load does
            made.unload()
            made, seconds, _ = _load(row, prompts, say)
        try:
            yield made, seconds
        finally:
            made.unload()


def _load(row: LanguageModel, prompts: str, say: Say) -> tuple[Engine, float, bool]:
    stages: set[str] = set()
    tell = _progress(say)

    def progress(stage: str, fraction: float) -> None:
        stages.add(stage)
        tell(stage, fraction)

    located = sources.fetch(row, progress)
    limit = settings.MODEL_MEMORY_LIMIT
    if limit and located.weight_bytes > limit:
        raise too_large(row.name, located.weight_bytes, limit)
    config = engine_config(row, located)
    options = {**config.options, "prompt_cache_dir": prompts}
    engine = engine_make(dataclasses.replace(config, options=options), ignore_change)
    began = time.monotonic()
    try:
        engine.load(progress)
    except BaseException:
        engine.unload()
        raise
    return engine, time.monotonic() - began, "convert" in stages


def _progress(say: Say) -> Progress:
    """Tell how far a stage is, in tenths."""
    told: set[tuple[str, int]] = set()

    def progress(stage: str, fraction: float) -> None:
        step = (stage, int(fraction * 10))
        if step not in told:
            told.add(step)
            say(f"{stage} {fraction:.0%}")

    return progress


# --- Telling -------------------------------------------------------------------------------------


def report(found: Comparison) -> str:
    """Tell what was measured, and which engine to take."""
    lines = [f"{NAMES[engine]} was not measured: {why}" for engine, why in found.failed.items()]
    for each in found.measured:
        lines += [f"{each.name}: {note}" for note in each.notes]
    if found.measured:
        lines = [*_table(found.measured), "", *lines, *_advice(found)]
    return "\n".join(lines)


def _table(measured: Sequence[Measured]) -> list[str]:
    """Line the figures up; of two engines with the ratio of the first to the second."""
    prompt = f"First token of a prompt of {measured[0].prompt_tokens} tokens"
    figures: list[tuple[str, list[float], Callable[[float], str]]] = [
        ("Loading", [each.load_seconds for each in measured], _seconds),
        (prompt, [each.first_token_seconds for each in measured], _seconds),
        ("Tokens/s of one answer", [each.speed for each in measured], _number),
        (
            f"Tokens/s of {STREAMS} answers at once",
            [each.speed_together for each in measured],
            _number,
        ),
        ("Memory", [float(each.memory_bytes) for each in measured], _memory),
    ]
    rows = [["", *(each.name for each in measured)]]
    rows += [[title, *map(words, values)] for title, values, words in figures]
    if len(measured) == 2:
        ratios = [_ratio(*values) for _, values, _ in figures]
        head = " / ".join(each.name for each in measured)
        rows = [[*row, last] for row, last in zip(rows, [head, *ratios], strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in rows]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for number, (text, width) in enumerate(zip(row, widths, strict=True)):
        yield text.rjust(width) if number else text.ljust(width)


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _number(value: float) -> str:
    return f"{value:.1f}"


def _memory(value: float) -> str:
    return gigabytes(int(value))


def _ratio(first: float, second: float) -> str:
    return f"{first / second:.2f}" if second else "-"


def _advice(found: Comparison) -> list[str]:
    best, *others = sorted(found.measured, key=lambda each: each.answer_seconds)
    if not others:
        return [f"{best.name} is the only engine that was measured: there is nothing to compare."]
    other = others[0]
    waits = f"An answer of {ANSWER} tokens to that prompt takes {best.answer_seconds:.1f} s on "
    waits += f"{best.name} and {other.answer_seconds:.1f} s on {other.name}"
    if other.answer_seconds < best.answer_seconds * ALIKE:
        return [f"{waits}: they are alike, and nothing needs to be changed."]
    lines = [f"{waits}: take {best.name}."]
    if other.speed_together > best.speed_together * ALIKE:
        lines.append(f"For many answers at once, as in batch work, {other.name} is the faster one.")
    return [*lines, _how(found.model, best)]


def _how(row: LanguageModel, best: Measured) -> str:
    """Say how the engine is chosen, if it does not run the model already."""
    if row.engine == best.engine:
        return f"{row.name} runs on {best.name} already."
    return (
        f"Choose it on the models page, with `serve --model {row.name} --engine {best.engine}`, or "
        f'with POST /api/models/{row.name}/engine and {{"engine": "{best.engine}"}}.'
    )
