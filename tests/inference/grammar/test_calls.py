"""Calls in every model family's own format: what the grammar lets pass, mlx-lm's parser reads, and
the arguments fit the tool's schema."""

from __future__ import annotations

import importlib
import itertools
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from mlx_lm.tokenizer_utils import BPEStreamingDetokenizer, TokenizerWrapper
from tokenizers import AddedToken
from transformers import AutoTokenizer

from inference.grammar.calls.formats import FORMATS
from inference.mlx_worker.dialect import dialect_of
from inference.mlx_worker.grammar import Grammars
from inference.mlx_worker.text import TokenAssembler
from inference.types import ToolSpec, WrittenCall
from inference.worker.tools import ToolPlan, plan_make
from tests.inference.grammar.call_fixtures import FLAT, NESTED, PATTERN, RandomWriter
from tests.inference.mlx_worker.fixtures import ask

pytestmark = pytest.mark.model

DRAWS = 6
SPECIAL = (  # of some families' tokenizers; the other markers are ordinary text
    "<start_function_call>",
    "<end_function_call>",
    "<escape>",
    "<|tool_call>",
    "<tool_call|>",
    '<|"|>',
    "<arg_key>",
    "</arg_key>",
    "<|tool_calls_section_begin|>",
    "<|tool_calls_section_end|>",
    "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
    "<|open|>",
    "<|close|>",
    "<|sep|>",
    "<minimax:tool_call>",
    "</minimax:tool_call>",
    "[TOOL_CALLS]",
    "[ARGS]",
    "<|tool_call_start|>",
    "<|tool_call_end|>",
)
CANNOT_NEST = ("function_gemma", "gemma4")
CANNOT_MATCH_PATTERNS = (*CANNOT_NEST, "minicpm5", "minimax_m2", "qwen3_coder")


@pytest.fixture(scope="module")
def plain(model_folder: Path) -> Any:
    """The embedded model's tokenizer, with the special tokens of all families."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    tokenizer.add_tokens([AddedToken(text, special=True) for text in SPECIAL])
    return tokenizer


@pytest.fixture(scope="module")
def grammars(plain: Any) -> Grammars:
    return Grammars(TokenizerWrapper(plain, BPEStreamingDetokenizer))


@pytest.fixture(scope="module")
def writer(plain: Any, grammars: Grammars) -> RandomWriter:
    return RandomWriter(grammars.native, plain.eos_token_id)


@pytest.fixture(params=[*FORMATS, "json_tools"])
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tokenizer(plain: Any, family: str) -> TokenizerWrapper:
    parser = importlib.import_module(f"mlx_lm.tool_parsers.{family}")
    return TokenizerWrapper(
        plain,
        BPEStreamingDetokenizer,
        tool_call_start=parser.tool_call_start,
        tool_call_end=parser.tool_call_end,
        tool_parser=parser.parse_tool_call,
    )


def read(tokenizer: TokenizerWrapper, plan: ToolPlan, text: str) -> tuple[str, list[WrittenCall]]:
    """The text as a client gets it: what is said, and what is called."""
    assembler = TokenAssembler(
        tokenizer, dialect_of(tokenizer, Grammars(tokenizer)), tool_format=plan.format
    )
    tokens = tokenizer.encode(text, add_special_tokens=False)
    pieces = [*map(assembler.add, tokens), assembler.finish(cut=False)]
    calls = [call for piece in pieces for call in piece.tool_calls]
    return "".join(piece.text for piece in pieces), calls


def assert_valid(call: WrittenCall, tools: tuple[ToolSpec, ...]) -> None:
    tool = next(tool for tool in tools if tool.name == call.name)
    jsonschema.validate(json.loads(call.arguments), tool.parameters)


@pytest.mark.parametrize("choice", ["required", "auto"])
def test_whatever_is_drawn_is_a_valid_call(
    family: str, tokenizer: TokenizerWrapper, grammars: Grammars, writer: RandomWriter, choice: str
) -> None:
    tool_sets = [FLAT] if family in CANNOT_NEST else [FLAT, (NESTED,)]
    complete = 0
    for seed, tools in itertools.product(range(DRAWS), tool_sets):
        parallel = seed % 2 == 0
        request = ask("Hi", tools=tools, tool_choice=choice, parallel_tool_calls=parallel)
        plan = plan_make(request, dialect_of(tokenizer, grammars))
        assert plan.grammar is not None
        assert plan.format is not None
        assert not plan.answer_is_call
        opening = "" if choice == "required" else f"Let me see. {plan.format.start}"
        text, is_complete = writer.draw(plan.grammar, np.random.default_rng(seed), opening=opening)
        if not is_complete:
            continue
        complete += 1
        said, calls = read(tokenizer, plan, text)
        assert calls, text
        assert parallel or len(calls) == 1, text
        assert len({call.id for call in calls}) == len(calls)
        assert plan.format.start not in said
        for call in calls:
            assert_valid(call, tools)
    assert complete >= 2


def test_a_schema_beyond_the_format_is_never_half_kept(
    family: str, tokenizer: TokenizerWrapper, grammars: Grammars
) -> None:
    """An offered call is as free as without a grammar; a forced one is bare JSON."""
    for tool, unable in ((NESTED, CANNOT_NEST), (PATTERN, CANNOT_MATCH_PATTERNS)):
        offered = plan_make(ask("Hi", tools=(tool,)), dialect_of(tokenizer, grammars))
        forced = plan_make(
            ask("Hi", tools=(tool,), tool_choice="required"), dialect_of(tokenizer, grammars)
        )
        assert (offered.grammar is None) == (family in unable)
        assert forced.grammar is not None
        assert forced.answer_is_call == (family in unable)


def test_a_free_answer_stays_free(
    tokenizer: TokenizerWrapper, grammars: Grammars, writer: RandomWriter
) -> None:
    plan = plan_make(ask("Hi", tools=FLAT), dialect_of(tokenizer, grammars))
    assert plan.grammar is not None
    text = "It is four. <b>No</b> tool [is] {needed}, I think."
    drawn, _ = writer.draw(plan.grammar, np.random.default_rng(0), limit=0, opening=text)
    assert read(tokenizer, plan, drawn) == (text, [])
