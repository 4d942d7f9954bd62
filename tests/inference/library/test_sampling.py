"""How a model's makers draw its answers: where it is read, and what it holds against."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from inference import services
from inference.library import embedded
from inference.library.gguf import model_read
from inference.library.places.found import folder_found
from inference.library.sampling import GENERATION, OLLAMA, sampling_of_folder, sampling_read
from inference.models import LanguageModel
from inference.types import LIMITS, GenerationRequest, PromptMessage, Sampling
from tests.inference.library.gguf_files import MODEL, gguf, ollama_write
from tests.scripted import ScriptedEngine

VALUES = {"temperature": 0.6, "top_p": 0.8, "top_k": 20, "repetition_penalty": 1.1}


def test_an_mlx_folder(tmp_path: Path) -> None:
    (tmp_path / "generation_config.json").write_text(json.dumps({"do_sample": True, **VALUES}))
    assert sampling_of_folder(tmp_path) == VALUES


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", json.dumps(VALUES), json.dumps({"do_sample": True})]
)
def test_an_mlx_folder_that_says_nothing(tmp_path: Path, content: str) -> None:
    """Without `do_sample` the values are left-overs: transformers would not use them either."""
    (tmp_path / "generation_config.json").write_text(content)
    assert sampling_of_folder(tmp_path) == {}


def test_no_file_and_a_pipe(tmp_path: Path) -> None:
    assert sampling_of_folder(tmp_path) == {}
    os.mkfifo(tmp_path / "generation_config.json")
    assert sampling_of_folder(tmp_path) == {}


def test_a_gguf_file(tmp_path: Path) -> None:
    told = {"general.sampling.temp": 0.5, "general.sampling.top_k": 40}
    (tmp_path / "a.gguf").write_bytes(gguf(MODEL | told))
    assert model_read(tmp_path / "a.gguf").sampling == {"temperature": 0.5, "top_k": 40}
    (found,) = folder_found(tmp_path, "a", LanguageModel.Source.FOLDER)
    assert found.sampling == {"temperature": 0.5, "top_k": 40}


@pytest.mark.parametrize("value", [-1, 3, "0.5", None, True, [], {}, float("nan"), float("inf")])
def test_a_value_that_cannot_be_is_left_out(value: Any) -> None:
    assert sampling_read({"temperature": value, "top_p": 0.5}, GENERATION) == {"top_p": 0.5}


@given(st.dictionaries(st.sampled_from(sorted(OLLAMA)), st.floats() | st.integers() | st.text()))
def test_what_is_read_is_always_allowed(told: dict[str, Any]) -> None:
    read = sampling_read(told, OLLAMA)
    assert all(LIMITS[name].allows(value) for name, value in read.items())
    assert isinstance(Sampling(**read), Sampling)  # type: ignore[arg-type]


# --- What holds ----------------------------------------------------------------------------------


@pytest.fixture
def row(db: None) -> LanguageModel:
    return LanguageModel.objects.create(name="own", source="folder", sampling=VALUES)


def test_the_makers_word_holds(row: LanguageModel) -> None:
    sampling = services.sampling_default("own")
    assert (sampling.temperature, sampling.top_k, sampling.repetition_penalty) == (0.6, 20, 1.1)
    assert sampling.min_p == Sampling().min_p


@override_settings(DEFAULT_TEMPERATURE=0.1, DEFAULT_TOP_P=None, REPETITION_GUARD=False)
def test_a_setting_comes_before_it(row: LanguageModel) -> None:
    sampling = services.sampling_default("own")
    assert (sampling.temperature, sampling.top_p, sampling.repetition_guard) == (0.1, 0.8, False)


def test_an_unknown_model_has_what_all_have(db: None) -> None:
    assert services.sampling_default("someone/unknown") == Sampling()


def test_the_embedded_model_has_its_own(db: None) -> None:
    sampling = services.sampling_default(embedded.MODEL)
    assert sampling.temperature == embedded.SAMPLING["temperature"]


def test_ollamas_parameters_hold(tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    params = json.dumps({"temperature": 0.4, "repeat_penalty": 1.2, "num_ctx": 2048}).encode()
    ollama_write(tmp_path, "library/tuned:1b", gguf(), params=params)
    services.model_refresh()
    sampling = services.sampling_default("tuned:1b")
    assert (sampling.temperature, sampling.repetition_penalty) == (0.4, 1.2)


def test_a_request_has_what_it_leaves_unsaid_of_the_makers(scripted: ScriptedEngine) -> None:
    LanguageModel.objects.update(sampling=VALUES)
    scripted.reply("Hello.")
    scripted.reply("Hello.")
    sampling, unsaid = services.sampling_make({"top_k": 3})
    request = GenerationRequest((PromptMessage("user", "Hi"),), sampling=sampling, unsaid=unsaid)
    services.complete(request)
    sent = scripted.requests[-1]
    assert (sent.sampling.temperature, sent.sampling.top_k, sent.unsaid) == (0.6, 3, ())
    services.complete(GenerationRequest((PromptMessage("user", "Hi"),), sampling=Sampling()))
    assert scripted.requests[-1].sampling == Sampling()
