"""The REST routes of models: shapes, ids with slashes, permissions, errors."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.test import Client

from inference import services
from inference.library.facts import FACTS
from inference.models import LanguageModel
from tests.scripted import MODEL, ScriptedEngine

LLAMA = "mlx-community/Llama-3.2-3B-Instruct-4bit"
EMBEDDED = "smollm2-135m-instruct"


@pytest.fixture
def client(owner: User) -> Client:
    return Client(SERVER_NAME="localhost")


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(path, body, content_type="application/json")


def test_the_list_names_the_recommended_models_and_the_default(
    client: Client, scripted: ScriptedEngine
) -> None:
    data = client.get("/api/models").json()
    models = {model["id"]: model for model in data["models"]}
    assert set(FACTS) <= set(models)
    assert data["default"] == MODEL
    assert data["models"][0]["id"] == MODEL, "the default one comes first"
    llama = models[LLAMA]
    assert llama["name"] == LLAMA
    assert (llama["size"], llama["memory"]) == ("1.7 GB", "4.0 GB")
    assert (llama["state"], llama["loaded"], llama["downloaded"]) == ("unloaded", False, False)
    assert llama["best_for"]
    assert set(data["memory"]) == {"used_bytes", "limit_bytes"}


@pytest.mark.parametrize("name", [LLAMA, LLAMA.replace("/", "__"), LLAMA.replace("/", "%2F")])
def test_one_model_by_any_spelling_of_its_id(
    client: Client, scripted: ScriptedEngine, name: str
) -> None:
    assert client.get(f"/api/models/{name}").json()["id"] == LLAMA


def test_a_model_that_does_not_fit_says_why(
    client: Client, scripted: ScriptedEngine, settings: Any
) -> None:
    settings.MODEL_MEMORY_LIMIT = 3 * 2**30
    llama = client.get(f"/api/models/{LLAMA}").json()
    assert llama["fits"] is False
    assert llama["fits_reason"] == "it needs 4.0 GB; models may use 3.0 GB here"


def test_load_and_unload(client: Client, scripted: ScriptedEngine) -> None:
    loaded = post(client, f"/api/models/{MODEL}/load")
    assert loaded.status_code == 200
    assert (loaded.json()["success"], loaded.json()["state"]) == (True, "loaded")
    assert post(client, f"/api/models/{MODEL}/load", {"wait": False}).status_code == 202
    unloaded = post(client, f"/api/models/{MODEL}/unload")
    assert unloaded.json()["state"] == "unloaded"
    assert post(client, f"/api/models/{MODEL}/unload").status_code == 200, "twice is no matter"


def test_another_default_and_deletion(client: Client, scripted: ScriptedEngine) -> None:
    assert post(client, f"/api/models/{LLAMA}/default").json()["default"] is True
    assert LanguageModel.objects.filter(is_default=True).count() == 1
    assert client.delete(f"/api/models/{LLAMA}").status_code == 204
    assert client.get("/api/models").json()["default"] != LLAMA


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("nothing/load", None, 404, "model_not_found"),
        ("%2Fetc%2Fpasswd/load", None, 400, "invalid_request"),
        ("a%2F..%2Fb/load", None, 400, "invalid_request"),
        ("a/b/c/load", None, 400, "invalid_request"),
        ("some%20thing/unload", None, 400, "invalid_request"),
        ("nobody/knows/load", None, 424, "hub_unreachable"),
        ("nobody__knows/load", None, 424, "hub_unreachable"),
        ("nobody/knows/unload", None, 404, "model_not_found"),
        (f"{MODEL}/load", {"wait": "perhaps"}, 400, "invalid_request"),
        (f"{MODEL}/load", [1], 400, "invalid_request"),
        ("smollm2-135m-instruct", "DELETE", 400, "invalid_request"),
    ],
)
def test_what_is_wrong_is_said(
    client: Client, scripted: ScriptedEngine, path: str, body: Any, status: int, code: str
) -> None:
    url = f"/api/models/{path}"
    answer = client.delete(url) if body == "DELETE" else post(client, url, body)
    assert answer.status_code == status, answer.content
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"]


def test_the_engine_of_a_model(client: Client, scripted: ScriptedEngine) -> None:
    url = f"/api/models/{EMBEDDED}"
    assert set(client.get(url).json()["engines"]) == {"mlx", "llamacpp"}
    for engine in ("mlx", "llamacpp"):
        answer = post(client, f"{url}/engine", {"engine": engine})
        assert answer.status_code == 200
        data = answer.json()
        assert (data["success"], data["engine"], data["engine_is_chosen"]) == (True, engine, True)
    data = post(client, f"{url}/engine", {"engine": "auto"}).json()
    assert (data["engine"], data["engine_is_chosen"]) == (data["engines"][0], False)
    assert data["speeds"] == {}


@pytest.mark.parametrize(
    ("model", "body", "complaint"),
    [
        (LLAMA, {"engine": "llamacpp"}, f"{LLAMA} does not run on 'llamacpp', only on 'mlx'."),
        (
            MODEL,
            {"engine": "mlx"},
            f"{MODEL} runs on another server: there is no engine to choose.",
        ),
        (EMBEDDED, {"engine": "cuda"}, 'engine: "cuda" is not a valid choice.'),
        (EMBEDDED, {}, "engine: This field is required."),
        (EMBEDDED, {"engine": ["mlx"]}, "is not a valid choice"),
    ],
)
def test_an_engine_that_cannot_be_is_refused(
    client: Client, scripted: ScriptedEngine, model: str, body: Any, complaint: str
) -> None:
    answer = post(client, f"/api/models/{model}/engine", body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["field"]) == ("invalid_request", "engine")
    assert complaint in error["message"]


def test_only_admins_choose_engines(other_client: Client, scripted: ScriptedEngine) -> None:
    answer = post(other_client, f"/api/models/{EMBEDDED}/engine", {"engine": "mlx"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"]
    assert not LanguageModel.objects.filter(engine_is_chosen=True).exists()


@pytest.mark.parametrize("action", ["unload", "default", "delete"])
def test_only_admins_change_models(
    other_client: Client, scripted: ScriptedEngine, action: str
) -> None:
    url = f"/api/models/{MODEL}"
    if action == "delete":
        answer = other_client.delete(url)
    else:
        answer = post(other_client, f"{url}/{action}")
    assert answer.status_code in (401, 403), "and it is JSON, whatever the client accepts"
    assert LanguageModel.objects.filter(name=MODEL, is_default=True).exists()


def test_only_admins_bring_new_models_here(other_user: User, scripted: ScriptedEngine) -> None:
    assert services.model_load(name=MODEL, by=other_user).state == "loaded"
    with pytest.raises(PermissionDenied, match="admin"):
        services.model_load(name="nobody/knows", by=other_user)
