"""From requests to what llama.cpp's server is asked: templates, sizes, sampling, grammars."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from llguidance import LLMatcher, LLTokenizer

from common.errors import CortexError
from inference.engines.base import EngineConfig
from inference.grammar.lark import after_thinking, after_tokens, lark_text
from inference.grammar.make import CallSyntax, grammar_make
from inference.library import embedded
from inference.library.gguf import GGUFModel, model_read
from inference.llamacpp_worker.requests import sampling_body
from inference.llamacpp_worker.sizes import sizes_for
from inference.llamacpp_worker.slots import SlotTable
from inference.llamacpp_worker.template import ChatTemplate
from inference.types import Constraint, PromptMessage, Sampling, ToolSpec
from inference.worker.families import MARKS, family_of, format_load
from inference.worker.tokens import common, tokens_of
from tests.inference.worker.templates import FAILING, REFUSING

CONTEXT = 8192
USER = (PromptMessage("user", "Hi"),)


def test_a_template_is_rendered_as_transformers_does() -> None:
    template = ChatTemplate(embedded.CHAT_TEMPLATE)
    assert template.render(USER, ()) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    begun = (*USER, PromptMessage("assistant", "Hello the"))
    assert template.render(begun, ()).endswith("<|im_start|>assistant\nHello the")


def test_a_model_without_a_template_gets_the_raw_prompt() -> None:
    assert ChatTemplate("").render(USER, ()) == "Hi"


@pytest.mark.parametrize(("source", "error", "words"), FAILING)
def test_a_template_that_fails_is_an_error_with_its_words(
    source: str, error: type[CortexError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.worker.prompt.TEMPLATE_SECONDS", 0.5)
    with pytest.raises(error, match=words):
        ChatTemplate(source).render(USER, ())


@pytest.mark.parametrize(("source", "messages", "expected"), REFUSING)
def test_a_template_that_refuses_a_conversation_gets_it_in_another_form(
    source: str, messages: tuple[PromptMessage, ...], expected: str
) -> None:
    assert ChatTemplate(source).render(messages, ()) == expected


def test_templates_get_what_they_are_written_for() -> None:
    source = (
        "{% generation %}{{ bos_token }}{{ tools | tojson }}{{ strftime_now('%Y') | length }}"
        "{{ enable_thinking }}{% endgeneration %}{% for m in messages %}{% break %}{% endfor %}"
    )
    tool = ToolSpec("f", "Does.", {"type": "object"})
    text = ChatTemplate(source, bos="<s>", thinks=True).render(USER, (tool,))
    assert text.startswith("<s>[{")
    assert text.endswith("4True")


def test_every_value_is_set_for_llama_cpp_has_defaults_of_its_own() -> None:
    neutral = sampling_body(Sampling(temperature=0.7, top_p=1.0), CONTEXT)
    assert neutral["samplers"] == ["temperature"]
    assert {neutral[key] for key in ("min_p", "presence_penalty", "frequency_penalty")} == {0}
    full = Sampling(temperature=1, top_p=0.5, top_k=7, min_p=0.1, repetition_penalty=1.1)
    assert sampling_body(full, CONTEXT)["samplers"] == [
        "penalties",
        "top_k",
        "top_p",
        "min_p",
        "temperature",
    ]
    assert sampling_body(Sampling(temperature=0), CONTEXT)["samplers"] == ["temperature"]
    far = sampling_body(Sampling(presence_penalty=1), CONTEXT)
    assert far["repeat_last_n"] == CONTEXT


def test_seeds_fold_into_32_bits_and_never_mean_a_random_one() -> None:
    seeds = [0, 1, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
    folded = [sampling_body(Sampling(seed=seed), CONTEXT)["seed"] for seed in seeds]
    assert all(0 <= seed < 2**32 - 1 for seed in folded)
    assert folded[:2] == [0, 1]


def model(**fields: object) -> GGUFModel:
    plain = model_read(embedded.gguf_file() or Path())
    return replace(plain, **fields)  # type: ignore[arg-type]


def test_sizes_follow_the_file_and_the_memory() -> None:
    config = EngineConfig(model="m", max_batch=4, options={"memory_limit": 16 << 30})
    assert model().cache_bytes == 30 * 3 * 128 * 2
    assert sizes_for(model(), config).cells == 8704
    large = model(size_bytes=4 << 30, cache_bytes=1 << 17, context_length=131_072)
    assert sizes_for(large, config).cells == 16_384
    asked = replace(config, options=config.options | {"parameters": {"num_ctx": 32_768}})
    assert sizes_for(large, asked).cells == 32_768
    tight = replace(config, options={"memory_limit": 5 << 30})
    assert sizes_for(large, tight).cells == 4096
    assert sizes_for(model(cache_bytes=0, context_length=0), config).cells >= 1024


FRUIT = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


@pytest.mark.parametrize(
    ("constraint", "text"),
    [
        (Constraint("json_schema", FRUIT), '{"name": "fig"}'),
        (Constraint("choice", ["red", "blue"]), "blue"),
        (Constraint("regex", "[0-9]{3}"), "123"),
        (Constraint("lark", 'start: "a" rest\nrest: "b" | "c"'), "ac"),
    ],
)
def test_a_grammar_as_one_lark_text_matches_the_same(constraint: Constraint, text: str) -> None:
    grammar = grammar_make(constraint)
    assert grammar is not None
    lark = lark_text(grammar)
    assert lark.startswith("%llguidance {}")
    assert LLMatcher.validate_grammar(LLMatcher.grammar_from_lark(lark)) == ""
    thinking = after_thinking(lark, 5, 6)
    assert LLMatcher.validate_grammar(LLMatcher.grammar_from_lark(thinking)) == ""
    assert json.dumps(text)


def test_an_option_that_llama_cpp_does_not_know_yet_goes_wherever_it_stands() -> None:
    schema = {"type": "string", "x-guidance": {"json_allowed_escapes": "n", "lenient": False}}
    text = f'start: "a%json" each\neach: %json {json.dumps(schema)} "b"\n'
    part = [{"lark_grammar": "start: @x"}, {"name": "x", "lark_grammar": text}]
    for grammar in ([{"lark_grammar": text}], part):
        lark = lark_text(json.dumps({"grammars": grammar}))
        assert "json_allowed_escapes" not in lark
        assert '"lenient": false' in lark
        assert lark.count('"a%json"') == 1
        assert lark.count('"b"') == 1


@pytest.mark.parametrize(
    ("constraint", "text", "fits"),
    [
        (None, "hi there\n", True),
        (None, "ho", False),
        (Constraint("choice", ["yes", "no"]), "hiyes", True),
        (Constraint("choice", ["yes", "no"]), "hi there", False),
    ],
)
def test_an_answer_that_begins_with_tokens_of_the_prompt(
    constraint: Constraint | None, text: str, fits: bool
) -> None:
    grammar = grammar_make(constraint)
    lark = after_tokens(list(b"hi"), grammar and lark_text(grammar))
    matcher = LLMatcher(LLTokenizer("byte"), LLMatcher.grammar_from_lark(lark))
    assert not matcher.is_error(), matcher.get_error()
    tokens = list(text.encode())
    taken = matcher.try_consume_tokens(tokens) == len(tokens)
    assert (taken and matcher.is_accepting()) is fits


def test_calls_as_one_lark_text() -> None:
    tools = (ToolSpec("eat", "Eats.", FRUIT), ToolSpec("buy", "Buys.", FRUIT))
    for calls in ("offered", "forced"):
        syntax = CallSyntax("<tool_call>", "</tool_call>")
        grammar = grammar_make(None, tools=tools, calls=calls, syntax=syntax)  # type: ignore[arg-type]
        assert grammar is not None
        lark = lark_text(grammar)
        assert "@" not in lark.replace('"@', "")
        assert LLMatcher.validate_grammar(LLMatcher.grammar_from_lark(lark)) == ""


@pytest.mark.parametrize("family", sorted({family for family, _ in MARKS}))
def test_every_family_has_a_reader(family: str) -> None:
    marks = next(marks for name, marks in MARKS if name == family)
    assert family_of(" ".join(marks)) == family
    assert format_load(family).start


def test_a_template_without_tools_is_of_no_family() -> None:
    assert family_of(embedded.CHAT_TEMPLATE) == ""


def test_a_conversation_gets_its_slot_again_and_a_new_one_an_empty_one() -> None:
    table = SlotTable(None, 3, None)  # type: ignore[arg-type]
    first = table.take(tokens_of([1, 2, 3, 4]))
    assert first is not None
    table.give_back(first, tokens_of([1, 2, 3, 4, 5, 6]))
    second = table.take(tokens_of([9, 9, 9]))
    assert second is not None
    assert second is not first
    again = table.take(tokens_of([1, 2, 3, 4, 5, 6, 7]))
    assert again is first
    third = table.take(tokens_of([1, 2]))
    assert third is not None
    assert table.take(tokens_of([1])) is None
    assert common(tokens_of([1, 2, 3]), tokens_of([1, 2, 4])) == 2
