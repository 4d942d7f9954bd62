"""From tokens to text: whole characters, stop strings, thinking, tool calls; and prompts."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.tokenizer_utils import BPEStreamingDetokenizer, TokenizerWrapper
from mlx_lm.tool_parsers import json_tools
from transformers import AutoTokenizer

from common.errors import CortexError
from inference.grammar.make import grammar_make
from inference.mlx_worker.dialect import dialect_of
from inference.mlx_worker.grammar import Grammars
from inference.mlx_worker.prompt import prompt_make
from inference.mlx_worker.text import TokenAssembler
from inference.types import Constraint, PromptMessage, ToolSpec, WrittenCall
from inference.worker import prompt
from inference.worker.conversation import messages_in_text
from inference.worker.dialect import ToolFormat
from inference.worker.text import Piece
from inference.worker.tools import plan_make
from tests.inference.mlx_worker.fixtures import ask, continue_
from tests.inference.worker.templates import FAILING, REFUSING

pytestmark = pytest.mark.model

FORMAT = ToolFormat("<tool_call>", "</tool_call>", json_tools.parse_tool_call)
TOOL = ToolSpec("f", "A function.", {"type": "object", "properties": {"x": {"type": "integer"}}})


@pytest.fixture(scope="module")
def tokenizer(model_folder: Path) -> TokenizerWrapper:
    return TokenizerWrapper(AutoTokenizer.from_pretrained(model_folder), BPEStreamingDetokenizer)


@pytest.fixture(scope="module")
def thinker(model_folder: Path) -> TokenizerWrapper:
    """The tokenizer of a model that thinks and has a tool format of its own."""
    plain = AutoTokenizer.from_pretrained(model_folder)
    plain.add_tokens(["<think>", "</think>"])
    return TokenizerWrapper(
        plain,
        BPEStreamingDetokenizer,
        tool_call_start=FORMAT.start,
        tool_call_end=FORMAT.end,
        tool_parser=FORMAT.parse,
    )


def assembler_make(tokenizer: TokenizerWrapper, **options: Any) -> TokenAssembler:
    return TokenAssembler(tokenizer, dialect_of(tokenizer, Grammars(tokenizer)), **options)


def assemble(
    assembler: TokenAssembler, tokens: Sequence[int], *, cut: bool = False
) -> tuple[Piece, list[Piece]]:
    """Feed all tokens, or up to a stop string: everything together, and one by one."""
    pieces = []
    for token in tokens:
        pieces.append(assembler.add(token))
        if pieces[-1].stopped:
            break
    else:
        pieces.append(assembler.finish(cut=cut))
    return sum(pieces, Piece()), pieces


def encode(tokenizer: TokenizerWrapper, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False)


@pytest.mark.parametrize("text", ["naïve café", "日本語のテキスト", "🌲🌳👩‍👩‍👧", "a\n\n b\t c  d"])
def test_no_piece_breaks_a_character(tokenizer: TokenizerWrapper, text: str) -> None:
    whole, pieces = assemble(assembler_make(tokenizer), encode(tokenizer, text))
    assert whole.text == text
    assert all("\ufffd" not in piece.text for piece in pieces)
    assert len(pieces) > 2


def test_the_space_before_a_continuation_is_kept(tokenizer: TokenizerWrapper) -> None:
    tokens = encode(tokenizer, " Paris")
    assert assemble(assembler_make(tokenizer), tokens)[0].text == "Paris"
    continuation = assembler_make(tokenizer, is_continuation=True)
    assert assemble(continuation, tokens)[0].text == " Paris"


@pytest.mark.parametrize("stop", ["END", "two three", "\n\n", "ee fo", "."])
def test_nothing_of_a_stop_string_leaks(tokenizer: TokenizerWrapper, stop: str) -> None:
    text = "one two three four\n\nfive. END six"
    whole, pieces = assemble(assembler_make(tokenizer, stop=(stop,)), encode(tokenizer, text))
    assert whole.stopped
    assert whole.text == text.split(stop)[0]
    shown = ""
    for piece in pieces:
        shown += piece.text
        assert text.split(stop)[0].startswith(shown)


def test_what_only_began_like_a_stop_string_comes_out(tokenizer: TokenizerWrapper) -> None:
    assembler = assembler_make(tokenizer, stop=("three fish", "STOP"))
    whole, _ = assemble(assembler, encode(tokenizer, "one two three f"))
    assert whole.text == "one two three f"
    assert not whole.stopped


def test_thinking_is_kept_apart_and_stop_strings_leave_it_alone(
    thinker: TokenizerWrapper,
) -> None:
    text = "<think>STOP, let me see</think>It is four. STOP more"
    whole, _ = assemble(assembler_make(thinker, stop=("STOP",)), encode(thinker, text))
    assert whole.thinking == "STOP, let me see"
    assert whole.text == "It is four. "
    opened = assembler_make(thinker, starts_thinking=True)
    whole, _ = assemble(opened, encode(thinker, "let me see</think>Four."))
    assert (whole.thinking, whole.text) == ("let me see", "Four.")


def test_calls_are_read_and_given_whole(tokenizer: TokenizerWrapper) -> None:
    text = 'So: <tool_call>{"name": "f", "arguments": {"x": 1}}</tool_call> done'
    assembler = assembler_make(tokenizer, tool_format=FORMAT)
    whole, pieces = assemble(assembler, encode(tokenizer, text))
    assert whole.text == "So:  done"
    assert [(call.name, json.loads(call.arguments)) for call in whole.tool_calls] == [
        ("f", {"x": 1})
    ]
    assert assembler.calls_given == 1
    assert all("{" not in piece.text for piece in pieces)


def test_calls_of_the_same_number_get_ids_of_their_own(tokenizer: TokenizerWrapper) -> None:
    numbered = replace(FORMAT, parse=lambda text, tools: {"id": "f:0", "name": "f"})
    assembler = assembler_make(tokenizer, tool_format=numbered)
    whole, _ = assemble(assembler, encode(tokenizer, "<tool_call>1</tool_call>" * 2))
    first, second = (call.id for call in whole.tool_calls)
    assert first == "f:0" != second


@pytest.mark.parametrize("body", ["{broken", '["no", "call"]', '{"arguments": {}}'])
def test_a_call_that_cannot_be_read_stays_text(tokenizer: TokenizerWrapper, body: str) -> None:
    text = f"<tool_call>{body}</tool_call>!"
    assembler = assembler_make(tokenizer, tool_format=FORMAT)
    whole, _ = assemble(assembler, encode(tokenizer, text))
    assert whole.text == text
    assert assembler.calls_given == 0


def test_a_call_cut_short_is_given_raw(tokenizer: TokenizerWrapper) -> None:
    text = '<tool_call>{"name": "f", "argu'
    assembler = assembler_make(tokenizer, tool_format=FORMAT)
    whole, _ = assemble(assembler, encode(tokenizer, text), cut=True)
    assert whole.text == text


def test_a_thinking_model_is_held_to_its_grammar_after_its_thinking(
    thinker: TokenizerWrapper,
) -> None:
    grammar = grammar_make(Constraint("choice", ["yes", "no"]))
    assert grammar is not None
    processor = Grammars(thinker).processor(grammar, is_thinking=True)
    tokens = encode(thinker, "hm</think>")
    logits = mx.zeros((1, 49408))
    allowed = []
    for end in range(len(tokens) + 1):
        masked = processor(mx.array([0, *tokens[:end]]), logits)
        allowed.append(int(np.isfinite(np.array(masked)).sum()))
    assert all(count == 49408 for count in allowed[:-1])
    assert 0 < allowed[-1] < 20


def test_thinking_may_be_opened_before_the_grammar_begins(thinker: TokenizerWrapper) -> None:
    grammar = grammar_make(Constraint("choice", ["yes", "no"]))
    assert grammar is not None
    processor = Grammars(thinker).processor(grammar, is_thinking=False)
    logits = mx.zeros((1, 49408))
    first = np.isfinite(np.array(processor(mx.array([0]), logits)))[0]
    assert first[thinker.think_start_id]
    thinking = processor(mx.array([0, thinker.think_start_id]), logits)
    assert np.isfinite(np.array(thinking)).all()


def test_a_native_tool_format_is_shown_by_the_template_and_masked(
    thinker: TokenizerWrapper,
) -> None:
    request = ask("Hi", tools=(TOOL,))
    plan = plan_make(request, dialect_of(thinker, Grammars(thinker)))
    assert plan.messages == request.messages
    assert plan.tools == (TOOL,)
    assert plan.format is not None
    assert plan.grammar is not None


def test_calls_and_results_are_written_out_for_a_template_without_tools() -> None:
    call = WrittenCall("1", "f", '{"x": 1}')
    messages = messages_in_text(
        (
            PromptMessage("user", "Hi"),
            PromptMessage("assistant", "", tool_calls=(call, call)),
            PromptMessage("tool", "one", tool_call_id="1"),
            PromptMessage("tool", "two", tool_call_id="2"),
        )
    )
    assert [message.role for message in messages] == ["user", "assistant", "user"]
    assert messages[1].content.count('<tool_call>{"name": "f", "arguments": {"x": 1}}') == 2
    assert "one" in messages[2].content
    assert "two" in messages[2].content


def with_template(model_folder: Path, template: str | None) -> TokenizerWrapper:
    plain = AutoTokenizer.from_pretrained(model_folder)
    plain.chat_template = template
    return TokenizerWrapper(plain, BPEStreamingDetokenizer)


@pytest.mark.parametrize("template", [None, ""])
def test_a_model_without_a_template_gets_the_raw_prompt(
    model_folder: Path, template: str | None
) -> None:
    wrapper = with_template(model_folder, template)
    prompt = prompt_make(wrapper, ask("What is it?"))
    assert wrapper.decode(prompt.tokens) == "What is it?"


@pytest.mark.parametrize(("template", "error", "words"), FAILING)
def test_a_template_that_fails_is_an_error_with_its_words(
    model_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    template: str,
    error: type[CortexError],
    words: str,
) -> None:
    monkeypatch.setattr("inference.worker.prompt.TEMPLATE_SECONDS", 0.5)
    wrapper = with_template(model_folder, template)
    with pytest.raises(error, match=words):
        prompt_make(wrapper, ask("What is it?"))
    assert signal.getsignal(signal.SIGALRM) is not None


@pytest.mark.parametrize(("template", "messages", "expected"), REFUSING)
def test_a_template_that_refuses_a_conversation_gets_it_in_another_form(
    model_folder: Path, template: str, messages: tuple[PromptMessage, ...], expected: str
) -> None:
    wrapper = with_template(model_folder, template)
    request = replace(ask(""), messages=messages)
    prompt = prompt_make(wrapper, request)
    assert wrapper.decode(prompt.tokens) == expected
    assert prompt.is_continuation is (messages[-1].role == "assistant")


def test_a_template_may_give_text_or_tokens(tokenizer: TokenizerWrapper) -> None:
    as_tokens = prompt_make(tokenizer, ask("Hi"))
    text = tokenizer.decode(as_tokens.tokens)

    class GivesText(TokenizerWrapper):
        def apply_chat_template(self, *_: object, **__: object) -> str:
            return text

    as_text = prompt_make(GivesText(tokenizer._tokenizer, BPEStreamingDetokenizer), ask("Hi"))
    assert as_text == as_tokens


def test_a_conversation_without_a_template_becomes_a_transcript(
    tokenizer: TokenizerWrapper,
) -> None:
    turns = (PromptMessage("system", "Be brief."), PromptMessage("user", "Hi"))
    assert prompt.raw_prompt(turns) == "system: Be brief.\nuser: Hi\nassistant:"
    assert prompt_make(tokenizer, continue_("Hi")).is_continuation
    continued = replace(ask(""), messages=(*turns, PromptMessage("assistant", "Hello")))
    assert prompt_make(tokenizer, continued).is_continuation
