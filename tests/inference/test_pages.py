"""The page of models and the admin, through Django's test client."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client

from inference import services
from inference.library import facts
from inference.models import LanguageModel
from tests.inference.library.gguf_files import MODEL as GGUF
from tests.inference.library.gguf_files import gguf
from tests.scripted import MODEL, ScriptedEngine

LLAMA = "mlx-community/Llama-3.2-3B-Instruct-4bit"
LLAMA_GGUF = "bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M"
EMBEDDED = "smollm2-135m-instruct"
HTMX = {"HTTP_HX_REQUEST": "true"}


def change(client: Client, name: str, action: str, **headers: str) -> object:
    pk = LanguageModel.objects.get(name=name).pk
    return client.post(f"/models/{pk}/{action}", **headers)


@pytest.mark.parametrize(
    ("is_apple", "small", "size", "largest"),
    [(True, LLAMA, "1.7 GB", "48.0 GB"), (False, LLAMA_GGUF, "2.0 GB", "43.0 GB")],
)
def test_the_page_offers_what_is_for_this_machine(
    owner_client: Client,
    scripted: ScriptedEngine,
    settings: object,
    monkeypatch: pytest.MonkeyPatch,
    is_apple: bool,
    small: str,
    size: str,
    largest: str,
) -> None:
    monkeypatch.setattr(facts, "is_apple_silicon", lambda: is_apple)
    settings.MODEL_MEMORY_LIMIT = 5 * 2**30  # type: ignore[attr-defined]
    html = owner_client.get("/models/").content.decode()
    assert size in html
    assert f"Does not fit: it needs {largest}; models may use 5.0 GB here." in html
    assert "of 5.0 GB in use by models" in html
    others = facts.FOR_LLAMACPP if is_apple else facts.FOR_MLX
    assert not any(fact.name in html for fact in others)
    offered = facts.FOR_MLX if is_apple else facts.FOR_LLAMACPP
    buttons = {fact.name: button(html, f"Download {fact.name}") for fact in offered}
    assert [name for name, tag in buttons.items() if "disabled" not in tag] == [small]
    assert html.index(small) < min(html.index(name) for name in buttons if name != small)


def button(html: str, label: str) -> str:
    """The tag of the button with that label."""
    tags = re.findall(r"<button[^>]*>", html)
    return next(tag for tag in tags if f'aria-label="{label}"' in tag)


def test_models_are_grouped(
    owner_client: Client, scripted: ScriptedEngine, tmp_path: Path, settings: object
) -> None:
    settings.MODEL_CACHE_DIR = tmp_path  # type: ignore[attr-defined]
    (tmp_path / "mine.gguf").write_bytes(gguf())
    (tmp_path / "cut.gguf").write_bytes(gguf()[:-1])
    services.model_load(name=MODEL)
    html = owner_client.get("/models/").content.decode()
    places = [html.index(f">{title}</h2>") for title in ("Ready", "On this disk", "To download")]
    assert places == sorted(places)
    assert places[0] < html.index(f">{MODEL}</h3>") < places[1]
    for name in ("mine", "cut"):
        assert places[1] < html.index(f">{name}</h3>") < places[2]
    assert html.index(f">{LLAMA_GGUF}</h3>") > places[2]
    assert "MODEL_CACHE_DIR" in html
    assert "GGUF Q4_K_M" in html
    assert "cut.gguf is cut short" in html
    assert 'aria-label="Load mine"' in html
    assert 'aria-label="Load cut"' not in html


def row_html(html: str, name: str) -> str:
    """The row of a model."""
    return next(row for row in html.split("<li ")[1:] if f">{name}</h3>" in row)


def pressed(html: str, name: str) -> dict[str, str]:
    """The engines that a model's row offers, and whether each is chosen."""
    found = re.findall(
        r'name="engine" value="(\w+)"[^>]*aria-pressed="(\w+)"', row_html(html, name)
    )
    return dict(found)


def test_the_engine_is_shown_and_can_be_chosen(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    html = owner_client.get("/models/").content.decode()
    engines = services.model_info(services.model_resolve(EMBEDDED)).engines
    names = {"mlx": "MLX", "llamacpp": "llama.cpp"}
    assert f"Runs on {names[engines[0]]}<" in row_html(html, EMBEDDED)
    assert pressed(html, EMBEDDED) == {"auto": "true", "mlx": "false", "llamacpp": "false"}
    assert f'aria-label="Engine of {EMBEDDED}"' in html
    url = f"/models/{LanguageModel.objects.get(name=EMBEDDED).pk}/engine"
    for engine in engines:
        assert owner_client.post(url, {"engine": engine}).status_code == 302
        html = owner_client.get("/models/").content.decode()
        assert f"Runs on {names[engine]}<" in row_html(html, EMBEDDED)
        assert pressed(html, EMBEDDED)[engine] == "true"
    swapped = owner_client.post(url, {"engine": "auto"}, **HTMX)
    assert pressed(swapped.content.decode(), EMBEDDED)["auto"] == "true"
    assert owner_client.post(url, {}, **HTMX).status_code == 422
    assert owner_client.get(url).status_code == 405


def test_where_there_is_no_choice_none_is_offered(
    owner_client: Client, scripted: ScriptedEngine, tmp_path: Path, settings: object
) -> None:
    settings.MODEL_CACHE_DIR = tmp_path  # type: ignore[attr-defined]
    other = {**GGUF, "general.architecture": "qwen2"}
    (tmp_path / "one.gguf").write_bytes(gguf(other))
    html = owner_client.get("/models/").content.decode()
    assert "Runs on llama.cpp<" in row_html(html, "one")
    assert pressed(html, "one") == pressed(html, MODEL) == {}
    LanguageModel.objects.filter(name="one").update(engine="mlx", engine_is_chosen=True)
    html = owner_client.get("/models/").content.decode()
    assert pressed(html, "one") == {"auto": "false", "llamacpp": "false"}, "it can be taken back"


def test_how_fast_it_was_stands_beside_it(owner_client: Client, scripted: ScriptedEngine) -> None:
    row = services.model_resolve(EMBEDDED)
    other = "mlx" if row.engine == "llamacpp" else "llamacpp"
    LanguageModel.objects.filter(pk=row.pk).update(speeds={row.engine: 88.1, other: 12.3})
    html = row_html(owner_client.get("/models/").content.decode(), EMBEDDED)
    assert "<span>88.1 tokens/s</span>" in html
    assert f"12.3 tokens/s on {'MLX' if other == 'mlx' else 'llama.cpp'}" in html


def test_what_goes_wrong_with_a_model_stays_beside_it(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    owner_client.get("/models/")
    answer = change(owner_client, EMBEDDED, "delete", **HTMX)
    assert answer.status_code == 422
    for _ in range(2):
        assert "comes with Cortex and stays" in owner_client.get("/models/").content.decode()
    assert change(owner_client, EMBEDDED, "dismiss").status_code == 302
    assert "comes with Cortex and stays" not in owner_client.get("/models/").content.decode()


def test_while_nothing_changes_nothing_is_sent(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    html = owner_client.get("/models/").content.decode()
    version = re.search(r"version=(\w+)", html)
    assert version
    url = f"/models/?version={version[1]}"
    assert owner_client.get(url, **HTMX).status_code == 204
    services.model_load(name=MODEL)
    changed = owner_client.get(url, **HTMX)
    assert changed.status_code == 200
    assert "Unload" in changed.content.decode()


def test_a_moving_model_is_watched_closely_and_can_be_cancelled(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    owner_client.get("/models/")
    LanguageModel.objects.filter(name=LLAMA).update(state="downloading", progress=0.42)
    html = owner_client.get("/models/").content.decode()
    assert "every 1s" in html
    assert 'value="0.42"' in html
    assert f"Cancel {LLAMA}" in html
    LanguageModel.objects.filter(name=LLAMA).update(state="failed", last_error="No room <b>")
    html = owner_client.get("/models/").content.decode()
    assert "every 4s" in html
    assert "No room &lt;b&gt;" in html


def test_actions_work_with_and_without_scripts(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    assert change(owner_client, MODEL, "load").status_code == 302
    assert LanguageModel.objects.get(name=MODEL).state == "loaded"
    swapped = change(owner_client, MODEL, "unload", **HTMX)
    assert swapped.content.decode().lstrip().startswith('<div id="models"')
    assert LanguageModel.objects.get(name=MODEL).state == "unloaded"
    assert change(owner_client, MODEL, "explode").status_code == 404


def test_what_goes_wrong_is_shown_on_the_page(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    for name, text in [("../etc", "is not a model id"), ("nobody/knows", "cannot be reached")]:
        answer = owner_client.post("/models/add", {"name": name}, **HTMX)
        html = answer.content.decode()
        assert answer.status_code == 422
        assert re.search(rf'<p class="field__error" id="add-problem"[^>]*>.*{text}', html)
        assert 'id="models"' not in html, "the list, which is asked for anew, has no part in it"
        assert f'value="{name}"' in html, "what was typed is not lost"
        assert 'aria-describedby="add-problem add-help"' in html
        assert 'aria-invalid="true"' in html
        whole = owner_client.post("/models/add", {"name": name})
        assert (whole.status_code, f'value="{name}"' in whole.content.decode()) == (422, True)
    assert owner_client.post("/models/add", {"name": ""}).status_code == 422


def test_what_a_match_cannot_be_fetched_for_stands_at_the_match(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    answer = owner_client.post("/models/add", {"name": "nobody/knows", "match": "3"}, **HTMX)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="add-problem3"' in html
    assert "<form" not in html


def test_what_is_fetched_is_told_and_the_list_comes_along(
    owner_client: Client, scripted: ScriptedEngine
) -> None:
    html = owner_client.post("/models/add", {"name": MODEL}, **HTMX).content.decode()
    assert "on its way" in html
    assert 'id="models" hx-swap-oob="true"' in html
    assert 'value=""' in html
    assert "aria-invalid" not in html


def test_a_model_that_does_not_fit_is_off_wherever_it_is_offered(
    owner_client: Client, scripted: ScriptedEngine, settings: object
) -> None:
    settings.MODEL_MEMORY_LIMIT = 5 * 2**30  # type: ignore[attr-defined]
    offered = facts.FOR_MLX if facts.is_apple_silicon() else facts.FOR_LLAMACPP
    large = max(offered, key=lambda fact: fact.memory_bytes)
    assert large.name in {row.name for row in services.model_list()}
    for address in ("/", "/agents/"):
        html = owner_client.get(address).content.decode()
        [option] = re.findall(rf'<option value="{large.name}"[^>]*>[^<]*', html)
        assert "disabled" in option
        assert "does not fit: it needs" in option
        assert f'<option value="{EMBEDDED}">' in html
    answer = change(owner_client, large.name, "load", **HTMX)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    row = LanguageModel.objects.get(name=large.name)
    assert row.state == "unloaded"
    assert "MODEL_MEMORY_LIMIT" in row.last_error


def test_others_see_models_but_change_none(other_client: Client, scripted: ScriptedEngine) -> None:
    html = other_client.get("/models/").content.decode()
    assert MODEL in html
    assert "Make default" not in html
    assert "Add from Hugging Face" not in html
    assert pressed(html, EMBEDDED) == {}
    for action in ("unload", "default", "delete", "engine"):
        assert change(other_client, MODEL, action).status_code == 403


@pytest.fixture
def changelist() -> str:
    return "/admin/inference/languagemodel/"


def test_admin_actions(owner_client: Client, scripted: ScriptedEngine, changelist: str) -> None:
    pk = LanguageModel.objects.get(name=MODEL).pk
    for action, state in [("load", "loaded"), ("unload", "unloaded")]:
        owner_client.post(changelist, {"action": action, "_selected_action": [pk]})
        assert LanguageModel.objects.get(pk=pk).state == state
    other = services.model_register(name=LLAMA).pk
    owner_client.post(changelist, {"action": "set_default", "_selected_action": [other]})
    assert services.model_default().name == LLAMA
    assert MODEL in owner_client.get(changelist).content.decode()


def test_admin_actions_choose_engines(
    owner_client: Client, scripted: ScriptedEngine, changelist: str
) -> None:
    row = services.model_resolve(EMBEDDED)
    automatic = row.engine
    for action, engine, chosen in [
        ("run_on_mlx", "mlx", True),
        ("run_on_llamacpp", "llamacpp", True),
        ("run_on_any", automatic, False),
    ]:
        owner_client.post(changelist, {"action": action, "_selected_action": [row.pk]})
        row.refresh_from_db()
        assert (row.engine, row.engine_is_chosen) == (engine, chosen)
    llama = services.model_register(name=LLAMA)
    body = {"action": "run_on_llamacpp", "_selected_action": [llama.pk]}
    answer = owner_client.post(changelist, body, follow=True)
    assert (
        "does not run on &#x27;llamacpp&#x27;, only on &#x27;mlx&#x27;" in answer.content.decode()
    )
    llama.refresh_from_db()
    assert llama.engine == "mlx"


def test_the_admin_adds_a_remote_engine_and_never_shows_its_key(
    owner_client: Client, scripted: ScriptedEngine, changelist: str
) -> None:
    fields = {"name": "far", "base_url": "http://127.0.0.1:9/v1", "remote_name": "gpt:20b"}
    added = owner_client.post(f"{changelist}add/", {**fields, "new_api_key": "sk-hidden"})
    assert added.status_code == 302, added.content.decode()
    row = LanguageModel.objects.get(name="far")
    assert (row.engine, row.source, row.api_key) == ("openai", "remote", "sk-hidden")
    page = f"{changelist}{row.pk}/change/"
    assert "sk-hidden" not in owner_client.get(page).content.decode()
    owner_client.post(page, {**fields, "remote_name": "other"})
    row.refresh_from_db()
    assert (row.remote_name, row.api_key) == ("other", "sk-hidden")
    owner_client.post(page, {**fields, "forget_api_key": "on"})
    row.refresh_from_db()
    assert row.api_key == ""
    bad = owner_client.post(f"{changelist}add/", {**fields, "name": "x", "base_url": "file:///etc"})
    assert bad.status_code == 200
    assert not LanguageModel.objects.filter(name="x").exists()


def test_the_admin_shows_a_local_model_read_only(
    owner_client: Client, scripted: ScriptedEngine, changelist: str
) -> None:
    row = services.model_register(name=LLAMA)
    LanguageModel.objects.filter(pk=row.pk).update(last_error="It broke")
    html = owner_client.get(f"{changelist}{row.pk}/change/").content.decode()
    assert "It broke" in html
    assert 'name="path"' not in html
