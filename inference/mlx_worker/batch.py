"""The batch engine: every request of a model decodes in one continuous batch of mlx-lm.

It belongs to one thread, the worker's main thread. `submit` and `cancel` are called between
steps; `step` advances the batch by one token and at most one chunk of waiting prompts.

Where a grammar forces several tokens in a row, the sequence leaves the batch and enters it again
with these tokens as a prompt (jump-forward): they cost one chunk of prefill and no decode step.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any

import mlx.core as mx
from mlx_lm.generate import BatchGenerator
from mlx_lm.models.cache import make_prompt_cache

from common.errors import CortexError
from inference.engines.base import EngineConfig
from inference.errors import GenerationFailed, ModelLoadFailed
from inference.mlx_worker.cache.file import Layers
from inference.mlx_worker.cache.memory import miss_text, prompt_cache_make
from inference.mlx_worker.cache.read_ahead import ReadAhead
from inference.mlx_worker.chunks import ChunkSize
from inference.mlx_worker.dialect import dialect_of
from inference.mlx_worker.grammar import Grammars
from inference.mlx_worker.model import LoadedModel
from inference.mlx_worker.prompt_logprobs import prompt_logprobs
from inference.mlx_worker.requests import sequence_make
from inference.mlx_worker.sequence import Sequence, forced_logprobs, token_logprobs
from inference.types import Delta, FinishReason, GenerationRequest, TokenLogprob
from inference.worker.backend import Result
from inference.worker.text import Piece

logger = logging.getLogger(__name__)

LEAST_JUMP = 4  # shorter runs of forced tokens are decoded faster than they are moved
WHOLE_PROMPT = 1 << 20  # the generator splits prompts itself; the batch inside it never again


class BatchEngine:
    """Generates for many requests at once with one loaded model."""

    def __init__(self, loaded: LoadedModel, config: EngineConfig) -> None:
        self.loaded = loaded
        self.config = config
        options = config.options
        self.prompt_cache = prompt_cache_make(loaded, options, is_busy=lambda: bool(self._active))
        self._grammars = Grammars(loaded.tokenizer)
        self._dialect = dialect_of(loaded.tokenizer, self._grammars)
        self._chunk = ChunkSize(options.get("interactive_stall_ms"))
        self._read_ahead = ReadAhead(self.prompt_cache)
        self._queue: deque[Sequence] = deque()  # in the order in which the parent sent them
        self._active: dict[int, Sequence] = {}
        self._ready: list[Result] = []  # given out with the next step
        self._jumping: list[tuple[Sequence, list[int]]] = []  # within one step
        _check_batchable(loaded.model)
        self._end_tokens = frozenset(loaded.tokenizer.eos_token_ids)
        self._generator = self._generator_make()

    @property
    def active(self) -> int:
        return len(self._active)

    @property
    def queued(self) -> int:
        return len(self._queue) + len(self._read_ahead)

    @property
    def has_work(self) -> bool:
        return bool(self._active or self.queued or self._ready)

    def _generator_make(self) -> BatchGenerator:
        eos = [(token,) for token in self._end_tokens]
        return BatchGenerator(
            self.loaded.model,
            stop_tokens=eos,
            completion_batch_size=self.config.max_batch,
            prefill_batch_size=self.config.max_batch,
            prefill_step_size=WHOLE_PROMPT,
        )

    def prepare(self) -> None:
        """Build what the first grammar would have to wait for; may run on another thread."""
        try:
            _ = self._grammars.native
        except CortexError as error:
            logger.warning("%s", error)

    def close(self, timeout: float) -> None:
        """Before the process ends: what was computed goes to the disk, within `timeout` seconds."""
        for sequence in list(self._active.values()):
            self._drop(sequence)
        self.prompt_cache.close(timeout)

    def submit(self, request: GenerationRequest) -> None:
        """Queue a request. Raises InvalidRequest or ContextOverflow."""
        sequence = sequence_make(request, self.loaded, self.config, self._dialect, self._grammars)
        if request.echo_prompt or request.prompt_logprobs:
            self._ready.append((request.id, self._told(sequence)))
        if not sequence.max_tokens:
            self._ready.append(self._last(sequence, Piece(), "length"))
        elif not self._read_ahead.begin(sequence):
            self._queue.append(sequence)

    def _told(self, sequence: Sequence) -> Delta:
        """What the request wants to know of its prompt. The tokens tell what was sent, whatever
        made them."""
        request, tokens = sequence.request, sequence.prompt.tokens
        sent = self.loaded.tokenizer.decode(tokens) if request.echo_prompt else ""
        if not request.prompt_logprobs:
            return Delta(prompt=sent)
        with mx.stream(self._generator.stream):
            logprobs = prompt_logprobs(self.loaded, tokens, request.top_logprobs)
        return Delta(prompt=sent, prompt_logprobs=logprobs)

    def cancel(self, request_id: str) -> None:
        """End a request before the next step; unknown ids have ended already."""
        for sequence in [*self._read_ahead, *self._queue, *self._active.values()]:
            if sequence.request.id == request_id:
                break
        else:
            return
        if sequence.uid is None:
            if not self._read_ahead.remove(sequence):
                self._queue.remove(sequence)
            piece = Piece()
        else:
            self._drop(sequence)
            piece = sequence.assembler.finish(cut=True)
        self._ready.append(self._last(sequence, piece, "cancelled"))

    def step(self) -> list[Result]:
        """One decode step of everything that runs: what it brought, by request id."""
        results, self._ready = self._ready, []
        results += self._admit()
        if not self._active:
            return results
        try:
            for response in self._advance():
                sequence = self._active.get(response.uid)
                if sequence is not None:
                    results += self._respond(sequence, response)
            self._jump()
        except Exception as error:
            logger.exception("the batch failed")
            results += self._fail_all(error)
        return results

    def reading(self) -> dict[str, float]:
        """How much of each prompt has been read that is being read now."""
        return {
            sequence.request.id: sequence.read
            for sequence in self._active.values()
            if sequence.is_prefilling and not sequence.completion_tokens
        }

    def _admit(self) -> list[Result]:
        """Fill free places of the batch from the queue."""
        results: list[Result] = []
        for sequence in self._read_ahead.ready(is_idle=not self._active and not self._queue):
            self._queue.append(sequence)
        while self._queue and self.active < self.config.max_batch:
            sequence = self._queue.popleft()
            try:
                self._insert(sequence)
            except Exception as error:
                logger.exception("request %s could not be started", sequence.request.id)
                results.append((sequence.request.id, _typed(error)))
        return results

    def _insert(self, sequence: Sequence) -> None:
        sequence.opening = sequence.take_forced(self._end_tokens, least=1)
        tokens = [*sequence.prompt.tokens, *sequence.opening]
        with mx.stream(self._generator.stream):
            layers, length, miss = self.prompt_cache.fetch(tokens, sequence.request.owner)
        sequence.cache_miss = miss_text(miss, self.loaded.tokenizer)
        sequence.admitted = time.monotonic()
        sequence.cached_tokens = min(length, len(sequence.prompt.tokens))
        max_tokens = sequence.max_tokens - len(sequence.opening)
        self._enter(sequence, tokens[length:], max_tokens, layers, tokens[:length])

    def _enter(
        self,
        sequence: Sequence,
        tokens: list[int],
        max_tokens: int,
        layers: Layers | None,
        computed: list[int],
    ) -> None:
        """Into the batch, with `tokens` to compute after those that `layers` hold already."""
        (sequence.uid,) = self._generator.insert(
            [tokens],
            max_tokens=[max_tokens],
            caches=None if layers is None else [layers],
            all_tokens=[computed],
            samplers=[sequence.sampler],
            logits_processors=[sequence.guarded_processors()],
        )
        sequence.is_prefilling = True
        self._active[sequence.uid] = sequence

    def _jump(self) -> None:
        """Move the sequences past the tokens that their grammars force. All of a step leave
        together: each leaving copies what the others have computed."""
        jumping, self._jumping = self._jumping, []
        if not jumping:
            return
        uids = [sequence.uid for sequence, _ in jumping if sequence.uid is not None]
        with mx.stream(self._generator.stream):
            removed = self._generator.remove(uids, return_prompt_caches=True)
        for uid, (sequence, forced) in zip(uids, jumping, strict=True):
            del self._active[uid]
            layers, computed = removed[uid]
            left = sequence.max_tokens - sequence.completion_tokens
            self._enter(sequence, forced, left, layers, computed)

    def _advance(self) -> list[Any]:
        waiting = [sequence for sequence in self._active.values() if sequence.is_prefilling]
        self._generator.prefill_step_size = self._chunk.size(
            len(waiting), is_alone=len(waiting) == self.active
        )
        started = time.monotonic()
        prompts, responses = self._generator.next()
        if prompts:
            self._chunk.observe(prompts, time.monotonic() - started)
        for prompt in prompts:
            done, total = prompt.progress
            if (sequence := self._active.get(prompt.uid)) and total:
                sequence.read = done / total
        return list(responses)

    def _respond(self, sequence: Sequence, response: Any) -> list[Result]:
        """What one sequence's new token brings; an exception costs this request alone."""
        try:
            if sequence.failure is not None:
                raise sequence.failure
            delta = self._delta(sequence, response)
        except Exception as error:
            logger.exception("request %s failed", sequence.request.id)
            self._drop(sequence)
            return [(sequence.request.id, _typed(error))]
        return [(sequence.request.id, delta)] if delta != Delta() else []

    def _delta(self, sequence: Sequence, response: Any) -> Delta:
        sequence.is_prefilling = False
        ended = response.finish_reason == "stop"
        forced, sequence.opening = sequence.opening, []
        piece, logprobs = self._add_forced(sequence, forced)
        if not ended and not piece.stopped:
            piece = piece + sequence.assembler.add(response.token)
            logprobs += self._logprobs(sequence, response)
        sequence.count_tokens(1)
        if not piece.stopped and response.finish_reason is None:
            forced = sequence.take_forced(self._end_tokens, least=LEAST_JUMP)
            more, more_logprobs = self._add_forced(sequence, forced)
            piece, logprobs = piece + more, logprobs + more_logprobs
            if not piece.stopped:
                if forced:
                    self._jumping.append((sequence, forced))
                return _delta(piece, logprobs=logprobs)
        if response.finish_reason is None:
            self._drop(sequence)
        else:
            self._keep(sequence, response.all_tokens, response.prompt_cache)
            del self._active[response.uid]
        cut = not ended and not piece.stopped
        if not piece.stopped:
            piece = piece + sequence.assembler.finish(cut=cut)
        reason: FinishReason = "length" if cut else "stop"
        return self._last(sequence, piece, reason, logprobs=logprobs)[1]  # type: ignore[return-value]

    def _add_forced(
        self, sequence: Sequence, tokens: list[int]
    ) -> tuple[Piece, tuple[TokenLogprob, ...]]:
        """Tokens that no decode step brought, up to a stop string."""
        piece = Piece()
        logprobs: list[TokenLogprob] = []
        for token in tokens:
            sequence.count_tokens(1)
            piece = piece + sequence.assembler.add(token)
            if sequence.request.top_logprobs is not None:
                top = sequence.request.top_logprobs
                logprobs.append(forced_logprobs(self.loaded.tokenizer, token, top))
            if piece.stopped:
                break
        return piece, tuple(logprobs)

    def _logprobs(self, sequence: Sequence, response: Any) -> tuple[TokenLogprob, ...]:
        top = sequence.request.top_logprobs
        if top is None:
            return ()
        return (token_logprobs(self.loaded.tokenizer, response.token, response.logprobs, top),)

    def _last(self, sequence: Sequence, piece: Piece, reason: FinishReason, **extra: Any) -> Result:
        if reason == "stop" and sequence.assembler.calls_given:
            reason = "tool_calls"
        delta = _delta(piece, finish_reason=reason, usage=sequence.usage(), **extra)
        return sequence.request.id, delta

    def _drop(self, sequence: Sequence) -> None:
        """Take a running sequence out of the batch; what it computed stays in the prompt cache."""
        if sequence.uid is None or self._active.pop(sequence.uid, None) is None:
            return
        with mx.stream(self._generator.stream):
            try:
                removed = self._generator.remove([sequence.uid], return_prompt_caches=True)
            except Exception:
                logger.exception("what %s computed is lost", sequence.request.id)
                removed = self._generator.remove([sequence.uid])
        if sequence.uid in removed:
            layers, tokens = removed[sequence.uid]
            self._keep(sequence, tokens, layers)

    def _keep(self, sequence: Sequence, tokens: list[int], layers: Layers) -> None:
        """Into the prompt cache; an answer does not fail because that does."""
        try:
            with mx.stream(self._generator.stream):
                request = sequence.request
                self.prompt_cache.insert(
                    tokens, layers, owner=request.owner, priority=request.priority
                )
        except Exception:
            logger.exception("%d tokens could not be kept in the prompt cache", len(tokens))

    def _fail_all(self, error: Exception) -> list[Result]:
        """The batch itself broke: everything in it ends, and a fresh batch goes on."""
        failed: list[Result] = [
            (sequence.request.id, _typed(error)) for sequence in self._active.values()
        ]
        self._active.clear()
        self._jumping.clear()
        self._generator.close()
        self._generator = self._generator_make()
        return failed


def _delta(piece: Piece, **extra: Any) -> Delta:
    return Delta(text=piece.text, thinking=piece.thinking, tool_calls=piece.tool_calls, **extra)


def _typed(error: Exception) -> CortexError:
    if isinstance(error, CortexError):
        return error
    return GenerationFailed(f"generation failed: {error}")


def _check_batchable(model: Any) -> None:
    for layer in make_prompt_cache(model):
        if not hasattr(layer, "merge"):
            raise ModelLoadFailed(f"models with a {type(layer).__name__} cannot be batched")
