"""What a request must be like, whatever road it comes by; and how a model is found."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import InvalidRequest
from cortex_site import configuration
from inference import services
from inference.errors import ModelLoadFailed, ModelNotFound
from inference.library import embedded
from inference.loaded.registry import REGISTRY
from inference.models import LanguageModel
from inference.types import Constraint, GenerationRequest, PromptMessage, Sampling, ToolSpec
from tests.inference.library.weights import safetensors
from tests.scripted import MODEL, ScriptedEngine

GOOD = GenerationRequest(messages=(PromptMessage("user", "Hello"),))
TOOL = ToolSpec("t", "", {"type": "object"})


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (replace(GOOD, messages=()), "messages"),
        (replace(GOOD, prompt="Hello"), "prompt"),
        (replace(GOOD, messages=(PromptMessage("robot", "Hello"),)), "messages.0.role"),  # type: ignore
        (replace(GOOD, sampling=Sampling(temperature=-0.1)), "temperature"),
        (replace(GOOD, sampling=Sampling(temperature=2.1)), "temperature"),
        (replace(GOOD, sampling=Sampling(temperature=float("nan"))), "temperature"),
        (replace(GOOD, sampling=Sampling(temperature=float("inf"))), "temperature"),
        (replace(GOOD, sampling=Sampling(top_p=0)), "top_p"),
        (replace(GOOD, sampling=Sampling(top_p=1.1)), "top_p"),
        (replace(GOOD, sampling=Sampling(min_p=-1)), "min_p"),
        (replace(GOOD, sampling=Sampling(top_k=-1)), "top_k"),
        (replace(GOOD, sampling=Sampling(seed=-1)), "seed"),
        (replace(GOOD, sampling=Sampling(seed=2**64)), "seed"),
        (replace(GOOD, sampling=Sampling(presence_penalty=2.5)), "presence_penalty"),
        (replace(GOOD, sampling=Sampling(frequency_penalty=-2.5)), "frequency_penalty"),
        (replace(GOOD, sampling=Sampling(repetition_penalty=0)), "repetition_penalty"),
        (replace(GOOD, max_tokens=0), "max_tokens"),
        (replace(GOOD, stop=("",)), "stop"),
        (replace(GOOD, stop=("x",) * 17), "stop"),
        (replace(GOOD, top_logprobs=21), "top_logprobs"),
        (replace(GOOD, tools=(TOOL, TOOL)), "tools"),
        (replace(GOOD, tool_choice="required"), "tool_choice"),
        (replace(GOOD, tools=(TOOL,), tool_choice="u"), "tool_choice"),
    ],
)
def test_what_cannot_be_served_is_refused_by_field(
    scripted: ScriptedEngine, request_: GenerationRequest, field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        services.generate(request_)
    assert caught.value.details["field"] == field
    assert field in str(caught.value)
    assert not scripted.requests


BAD_SCHEMA = {"type": "object", "properties": {"a": {"type": "number", "multipleOf": 0.01}}}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (
            replace(GOOD, constraint=Constraint("json_schema", BAD_SCHEMA)),
            "constraint.value.properties.a.multipleOf",
        ),
        (
            replace(GOOD, tools=(ToolSpec("t", "", BAD_SCHEMA),), tool_choice="required"),
            "tools.0.parameters.properties.a.multipleOf",
        ),
        (replace(GOOD, constraint=Constraint("lark", "\n" * 1001)), "constraint.value"),
        (replace(GOOD, constraint=Constraint("choice", [])), "constraint.value"),
    ],
)
def test_a_bad_form_is_refused_before_a_model_is_loaded(
    db: None, request_: GenerationRequest, field: str
) -> None:
    LanguageModel.objects.create(name="not-loaded", source="folder", path="/nowhere")
    with pytest.raises(InvalidRequest) as caught:
        services.generate(replace(request_, model="not-loaded"))
    assert caught.value.details["field"] == field
    assert REGISTRY.slot("not-loaded") is None, "no load has begun"


def test_max_tokens_has_a_default(scripted: ScriptedEngine, settings: object) -> None:
    settings.DEFAULT_MAX_TOKENS = 77  # type: ignore[attr-defined]
    scripted.reply("a"), scripted.reply("b")
    services.complete(GOOD)
    services.complete(replace(GOOD, max_tokens=128000))
    assert [request.max_tokens for request in scripted.requests] == [77, 128000]


def test_the_default_is_found_in_order(scripted: ScriptedEngine, settings: object) -> None:
    other = LanguageModel.objects.create(name="other", source="remote")
    third = LanguageModel.objects.create(name="third", source="remote")
    settings.DEFAULT_MODEL = "third"  # type: ignore[attr-defined]
    assert services.model_default().name == MODEL, "the admin's choice wins over DEFAULT_MODEL"
    settings.SERVED_MODEL = "other"  # type: ignore[attr-defined]
    assert services.model_default() == other
    settings.SERVED_MODEL = ""  # type: ignore[attr-defined]
    LanguageModel.objects.update(is_default=False)
    assert services.model_default() == third


def test_two_underscores_may_stand_for_the_slash(db: None) -> None:
    row = LanguageModel.objects.create(name="a/b__c")
    assert services.model_resolve("a/b__c") == row
    assert services.model_resolve("a__b__c") == row


@pytest.mark.parametrize("name", ["/etc/passwd", "a/../b", "..", "a/b/c", "a b", "x" * 300, "\0"])
def test_paths_are_no_ids(db: None, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        services.model_resolve(name)
    assert caught.value.details["field"] == "model"


def test_an_unknown_id_is_not_found(db: None) -> None:
    with pytest.raises(ModelNotFound, match="gpt-4"):
        services.model_resolve("gpt-4")


def test_the_configured_embedded_model_is_the_one_there_is() -> None:
    assert embedded.MODEL == configuration.EMBEDDED_MODEL


def test_a_folder_is_served_under_its_name(db: None, tmp_path: Path) -> None:
    folder = tmp_path / "My model!"
    folder.mkdir()
    with pytest.raises(ModelLoadFailed, match=r"config\.json"):
        services.model_serve_path(folder)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ModelLoadFailed, match="safetensors"):
        services.model_serve_path(folder)
    (folder / "model.safetensors").write_bytes(safetensors(b"x"))
    with pytest.raises(ModelLoadFailed, match=r"tokenizer\.json is missing"):
        services.model_serve_path(folder)
    (folder / "tokenizer.json").write_text("{}")
    row = services.model_serve_path(folder)
    assert (row.name, row.source, row.path) == ("My-model", "folder", str(folder))
    assert services.model_serve_path(folder) == row
    twin = tmp_path / "elsewhere" / "My-model"
    twin.mkdir(parents=True)
    (twin / "config.json").write_text('{"model_type": "llama"}')
    (twin / "model.safetensors").write_bytes(safetensors(b"x"))
    (twin / "tokenizer.json").write_text("{}")
    assert services.model_serve_path(twin).name != row.name
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "evil.py"}}')
    with pytest.raises(ModelLoadFailed, match="own code"):
        services.model_serve_path(folder)


def test_folders_in_the_model_cache_are_offered(db: None, tmp_path: Path, settings: object) -> None:
    settings.MODEL_CACHE_DIR = tmp_path  # type: ignore[attr-defined]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    (tmp_path / "mine" / "model.safetensors").write_bytes(b"12345")
    (tmp_path / "not-a-model").mkdir()
    rows = {row.name: row for row in services.model_list()}
    assert rows["mine"].size_bytes == 5
    assert "not-a-model" not in rows
    services.model_delete(name="mine")
    assert not (tmp_path / "mine").exists()


def test_a_model_of_the_hub_can_be_served_without_asking_anyone(db: None) -> None:
    assert services.model_serve(name="someone/new").source == "huggingface"
    with pytest.raises(ModelNotFound):
        services.model_serve(name="typo")
    with pytest.raises(InvalidRequest):
        services.model_serve(name="a/../b")


def test_a_forgotten_generation_lets_go_of_its_model(scripted: ScriptedEngine) -> None:
    scripted.reply("one two three")
    generation = services.generate(GOOD)
    next(generation)
    del generation
    gc.collect()
    slot = REGISTRY.slot(MODEL)
    assert slot is not None
    assert slot.active == 0
    assert len(scripted.cancelled) == 1
