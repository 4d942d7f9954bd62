"""One request on its way through llama.cpp's server: its state, its clock and its counts."""

from __future__ import annotations

import http
import time
from collections.abc import Iterator

from common.errors import CortexError, InvalidRequest
from common.types import JSON
from inference.errors import ContextOverflow, GenerationFailed
from inference.llamacpp_worker.requests import Ask
from inference.llamacpp_worker.server import CompletionStream, ServerRefused
from inference.llamacpp_worker.slots import Slot, SlotTable
from inference.types import Delta, FinishReason, GenerationRequest, TokenLogprob, Usage
from inference.worker.text import Piece
from inference.worker.tokens import Tokens, tokens_of

USUAL_TOKENS = 256  # of an answer that may be as long as it likes


class Answer:
    """A request from submission to its last delta."""

    def __init__(self, request: GenerationRequest, ask: Ask) -> None:
        self.request, self.ask = request, ask
        self.stream: CompletionStream | None = None
        self.ended = False
        self.interrupted = False
        self.checked = False  # whether its grammar is followed
        self.tokens: list[int] = []
        self.read_part = 0.0  # of the prompt, from 0 to 1
        self._told = list(ask.echo.first)  # of the prompt
        self._slot: Slot | None = None
        self._cached_tokens = 0
        self._submitted = time.monotonic()
        self._admitted = 0.0
        self._first_token = 0.0

    @property
    def computed(self) -> list[int]:
        """The prompt and what has been written so far."""
        return [*self.ask.prompt.tokens, *self.tokens]

    @property
    def length(self) -> int:
        """How many tokens that is."""
        return len(self.ask.prompt.tokens) + len(self.tokens)

    @property
    def left(self) -> int:
        """How many tokens it may still write."""
        return self.ask.max_tokens + len(self.ask.echo.forced) - len(self.tokens)

    @property
    def is_bound(self) -> bool:
        """Whether a grammar holds the answer: then it cannot be taken up in its middle."""
        return "grammar" in self.ask.body

    @property
    def reserved(self) -> int:
        """Tokens of context that are kept for it: all it may write when it cannot be interrupted,
        else what answers mostly take."""
        return self.length + (self.left if self.is_bound else min(self.left, USUAL_TOKENS))

    def body(self, slot: Slot) -> JSON:
        """What the server is asked; after an interruption to go on from there."""
        where = {"prompt": self.computed, "n_predict": self.left, "id_slot": slot.index}
        return self.ask.body | where

    def admit(self, stream: CompletionStream, slot: Slot) -> None:
        """Its turn has come."""
        self.stream, self._slot = stream, slot
        self._admitted = self._admitted or time.monotonic()

    def interrupt(self) -> None:
        """Have it wait for room; what it has written stays."""
        if self.stream is not None:
            self.interrupted = True
            self.stream.hang_up()

    def wait_again(self) -> None:
        """The server has let go of it after an interruption."""
        self.interrupted, self.stream = False, None

    @property
    def _kept(self) -> Tokens:
        """What its slot has computed: the last token was given out, and not computed any more."""
        return tokens_of([*self.ask.prompt.tokens, *self.tokens[:-1]])

    def leave(self, slots: SlotTable) -> None:
        """It has ended, and the server will be done with it in a moment."""
        if self._slot is not None:
            slots.leave(self._slot, self._kept)

    def give_back(self, slots: SlotTable) -> None:
        """The server is done with it."""
        if self._slot is not None:
            slots.give_back(self._slot, self._kept)
            self._slot = None

    @property
    def is_echoing(self) -> bool:
        """Whether the prompt is still being written."""
        return bool(self.ask.echo.forced) and len(self._told) <= len(self.ask.echo.forced)

    def read(self, event: JSON) -> Iterator[Delta | CortexError]:
        """What an event of the server adds."""
        if "prompt_progress" in event:
            if not self.tokens:
                self._note_progress(event["prompt_progress"])
            return
        if tokens := event.get("tokens"):
            self._first_token = self._first_token or time.monotonic()
            self.tokens += tokens
        if self.is_echoing:
            yield from self._read_echo(event)
            return
        piece = self.ask.assembler.feed(event.get("content", ""))
        logprobs = self._logprobs(event)
        if piece.stopped:
            yield self._last(piece, "stop", logprobs)
        elif "stop_type" in event:
            cut = event["stop_type"] == "limit"
            piece = piece + self.ask.assembler.end(cut=cut)
            yield self._last(piece, "length" if cut else "stop", logprobs)
        elif piece != Piece() or logprobs:
            yield _delta(piece, logprobs)

    def _note_progress(self, progress: JSON) -> None:
        self._cached_tokens = progress["cache"]
        if fresh := progress["total"] - progress["cache"]:
            self.read_part = (progress["processed"] - progress["cache"]) / fresh

    def _read_echo(self, event: JSON) -> Iterator[Delta | CortexError]:
        """A token of the prompt, and how likely it was. Of those that are no whole character yet
        the server says nothing."""
        forced = self.ask.echo.forced
        for token, told in zip(event.get("tokens", ()), self._logprobs(event), strict=False):
            while forced[len(self._told) - 1] != token:
                self._told.append(TokenLogprob("", None))
                if not self.is_echoing:
                    break
            else:
                self._told.append(told)
        if not self.is_echoing:
            yield Delta(prompt_logprobs=tuple(self._told))
        elif "stop_type" in event:
            self.ended = True
            yield InvalidRequest(
                "echo: the prompt holds a token that ends answers, and llama.cpp cannot tell how "
                "likely such a prompt is.",
                field="prompt",
            )

    def cancelled(self) -> Delta:
        """The end that somebody asked for."""
        return self._last(self.ask.assembler.end(cut=True), "cancelled", ())

    def unwritten(self) -> Delta:
        """The end of one that was to have no tokens."""
        return self._last(Piece(), "length", ())

    def _last(
        self, piece: Piece, reason: FinishReason, logprobs: tuple[TokenLogprob, ...]
    ) -> Delta:
        self.ended = True
        if reason == "stop" and self.ask.assembler.calls_given:
            reason = "tool_calls"
        return _delta(piece, logprobs, finish_reason=reason, usage=self._usage())

    def _usage(self) -> Usage:
        now = time.monotonic()
        admitted = self._admitted or now
        first_token = self._first_token or now
        return Usage(
            prompt_tokens=len(self.ask.prompt.tokens) + len(self.ask.echo.forced),
            cached_tokens=self._cached_tokens,
            completion_tokens=max(0, len(self.tokens) - len(self.ask.echo.forced)),
            queue_seconds=admitted - self._submitted,
            prefill_seconds=first_token - admitted,
            first_token_seconds=first_token - self._submitted,
            decode_seconds=now - first_token,
        )

    def _logprobs(self, event: JSON) -> tuple[TokenLogprob, ...]:
        top = self.request.top_logprobs
        if top is None:
            return ()
        return tuple(
            TokenLogprob(
                token=entry["token"],
                logprob=entry["logprob"],
                top=tuple(
                    (other["token"], other["logprob"]) for other in entry["top_logprobs"][:top]
                ),
            )
            for entry in event.get("completion_probabilities", ())
        )

    def failure(self, error: Exception) -> CortexError:
        """What an error of the server means to the one who asked."""
        self.ended = True
        if isinstance(error, CortexError):
            return error
        if not isinstance(error, ServerRefused):
            return GenerationFailed(f"llama.cpp broke off: {error}")
        if error.kind == "exceed_context_size_error":
            return ContextOverflow(str(error), prompt_tokens=len(self.ask.prompt.tokens))
        if error.status == http.HTTPStatus.BAD_REQUEST:
            field = "constraint" if "grammar" in str(error).lower() else None
            return InvalidRequest(f"llama.cpp refused the request: {error}", field=field)
        return GenerationFailed(f"llama.cpp failed: {error}")


def _delta(
    piece: Piece,
    logprobs: tuple[TokenLogprob, ...],
    *,
    finish_reason: FinishReason | None = None,
    usage: Usage | None = None,
) -> Delta:
    return Delta(
        text=piece.text,
        thinking=piece.thinking,
        tool_calls=piece.tool_calls,
        logprobs=logprobs,
        finish_reason=finish_reason,
        usage=usage,
    )
