"""From a request to what llama.cpp's server is asked."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from common.errors import InvalidRequest
from common.types import JSON
from inference.engines.base import EngineConfig
from inference.grammar.lark import after_thinking, after_tokens, lark_text
from inference.llamacpp_worker.template import ChatTemplate
from inference.llamacpp_worker.vocabulary import Vocabulary
from inference.types import GenerationRequest, Sampling, TokenLogprob
from inference.validation import values_check
from inference.worker.dialect import Dialect
from inference.worker.infill import raw_text
from inference.worker.prompt import Prompt
from inference.worker.requests import (
    max_tokens_of,
    reading_options,
    tokens_check,
    with_defaults,
)
from inference.worker.text import TextAssembler
from inference.worker.tools import ToolPlan, plan_make

CANDIDATES = 1024  # a nucleus is looked for among so many likeliest tokens: sorting all costs more
REPETITION_WINDOW = 256  # tokens, as on MLX
MOST_ECHOED = 1000  # tokens of a prompt whose likelihoods are told: each is a part of a grammar
RESPONSE_FIELDS = ["stop", "stop_type", "timings"]


@dataclass(frozen=True, slots=True)
class Echo:
    """What is told of a prompt's tokens. llama.cpp tells how likely those are that it writes; so a
    grammar has it write all but the first of them."""

    first: tuple[TokenLogprob, ...] = ()
    forced: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """A request made ready: the body for the server (without prompt and length, which change when
    the answer is interrupted), the prompt, who reads the answer, and what is told of the prompt."""

    body: JSON
    prompt: Prompt
    text: str
    max_tokens: int
    assembler: TextAssembler
    echo: Echo = Echo()


class RequestMaker:
    """Makes requests ready for one model."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        template: ChatTemplate,
        dialect: Dialect,
        config: EngineConfig,
        context_length: int,
    ) -> None:
        self._vocabulary, self._template, self._dialect = vocabulary, template, dialect
        self._config, self._context_length = config, context_length
        marks = [*(dialect.thinking or ()), *dialect.structural]
        if dialect.calls:
            marks += [dialect.calls.start, dialect.calls.end]
        self._shown = [mark for mark in marks if vocabulary.special(mark) is not None]

    def make(self, request: GenerationRequest) -> Ask:
        """Raises InvalidRequest or ContextOverflow."""
        values_check(request)
        tokens_check(request, self._vocabulary.size)
        request = with_defaults(request, self._config)
        plan = plan_make(request, self._dialect)
        text, prompt = self._prompt(request, plan)
        max_tokens = max_tokens_of(request, prompt, self._config, self._context_length)
        assembler = TextAssembler(self._dialect, **reading_options(request, plan, prompt))
        body: JSON = {
            "stream": True,
            "return_progress": True,
            "return_tokens": True,
            "preserved_tokens": self._shown,
            "response_fields": RESPONSE_FIELDS,
            **sampling_body(request.sampling, self._context_length),
        }
        grammar = None if plan.grammar is None else self._grammar(plan.grammar, prompt)
        echo = Echo()
        if request.prompt_logprobs:
            echo = self._echo(prompt.tokens)
            prompt = replace(prompt, tokens=prompt.tokens[:1])
        if echo.forced:
            grammar = after_tokens(echo.forced, grammar)
        if grammar is not None:
            body["grammar"] = grammar
        if request.logit_bias:
            body["logit_bias"] = [list(pair) for pair in request.logit_bias]
        if request.top_logprobs is not None:
            body["n_probs"] = max(1, request.top_logprobs)
        return Ask(body, prompt, text, max_tokens, assembler, echo)

    def _echo(self, tokens: list[int]) -> Echo:
        first, *forced = tokens
        if len(forced) > MOST_ECHOED:
            raise InvalidRequest(
                f"echo: the likelihoods of at most {MOST_ECHOED} tokens of a prompt are told; it "
                f"has {len(tokens)}.",
                field="echo",
            )
        return Echo((TokenLogprob(self._vocabulary.text([first]), None),), tuple(forced))

    def _prompt(self, request: GenerationRequest, plan: ToolPlan) -> tuple[str, Prompt]:
        if request.prompt_tokens:
            tokens = list(request.prompt_tokens)
            text = self._vocabulary.text(tokens) if request.echo_prompt else ""
            return text, Prompt(tokens, starts_thinking=self._is_thinking(tokens))
        if request.prompt is not None:
            text = raw_text(request, lambda mark: self._vocabulary.special(mark) is not None)
        else:
            text = self._template.render(plan.messages, plan.tools)
        tokens = self._vocabulary.tokens(text)
        if not tokens:
            raise InvalidRequest("the prompt is empty", field="prompt")
        return text, Prompt(tokens, starts_thinking=self._is_thinking(tokens))

    def _is_thinking(self, tokens: list[int]) -> bool:
        """Whether the prompt ends inside a block of thinking that the template opened."""
        if self._dialect.thinking is None:
            return False
        opens, closes = (self._vocabulary.special(mark) for mark in self._dialect.thinking)
        for token in reversed(tokens):
            if token in (opens, closes):
                return token == opens
        return False

    def _grammar(self, grammar: str, prompt: Prompt) -> str:
        """Thinking is free: the grammar holds from its end on."""
        lark = lark_text(grammar)
        if self._dialect.thinking is None:
            return lark
        opens, closes = (self._vocabulary.special(mark) for mark in self._dialect.thinking)
        assert closes is not None
        return after_thinking(lark, None if prompt.starts_thinking else opens, closes)


def sampling_body(sampling: Sampling, context_length: int) -> JSON:
    """The sampling values under llama.cpp's names, each of them set: its own defaults differ.

    All penalties look back over the same tokens there, those of the prompt among them.
    """
    looks_back = sampling.presence_penalty or sampling.frequency_penalty
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k or CANDIDATES,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repetition_penalty,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repeat_last_n": context_length if looks_back else REPETITION_WINDOW,
        "seed": _seed(sampling.seed),
        "samplers": _samplers(sampling),
    }


def _samplers(sampling: Sampling) -> list[str]:
    """Those that have something to do: each one more costs time at every token."""
    chain = []
    if (
        sampling.repetition_penalty != 1.0
        or sampling.presence_penalty
        or sampling.frequency_penalty
    ):
        chain.append("penalties")
    if sampling.temperature > 0:
        is_narrow = sampling.top_p < 1 or sampling.min_p > 0
        chain += ["top_k"] if sampling.top_k or is_narrow else []
        chain += ["top_p", "min_p"] if is_narrow else []
    return [*chain, "temperature"]


def _seed(seed: int | None) -> int:
    """Seeds have 32 bits there, and the highest one means a random one."""
    if seed is None:
        return secrets.randbits(31)
    return ((seed >> 32) ^ seed) % (2**32 - 1)
