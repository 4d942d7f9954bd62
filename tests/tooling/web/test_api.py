"""The REST routes: shapes, statuses, errors."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from tests.tooling.samples import GivingTool, SampleTool
from tooling import services
from tooling.base import ToolResult
from tooling.models import ToolCall


@pytest.fixture
def owner_client(owner):
    """A program of the owner's."""
    return Client(SERVER_NAME="localhost")


@pytest.fixture
def other_client(other_user):
    """A program of somebody else's."""
    client = Client()
    client.force_login(other_user)
    return client


@pytest.fixture
def api(owner_client):
    """POST JSON (or raw bytes), get (status, body)."""

    def post(path, body=None, client=owner_client):
        data = body if isinstance(body, bytes) else json.dumps(body or {})
        response = client.post(path, data, content_type="application/json")
        return response.status_code, response.json()

    return post


def test_the_list_has_the_documented_shape(owner_client, register):
    register(SampleTool("adder", a={"type": "integer", "minimum": 1}))
    tools = owner_client.get("/api/tools").json()["tools"]
    assert tools[-1] == {
        "name": "adder",
        "description": "A tool for tests",
        "parameters": {
            "a": {
                "name": "a",
                "type": "integer",
                "description": "The a",
                "required": True,
                "minimum": 1,
            }
        },
        "enabled": True,
    }


def test_execution_gives_success_result_and_error(api, register):
    register(SampleTool(x={"type": "string"}))
    body = {"tool_name": "sample", "parameters": {"x": "y"}}
    assert api("/api/tools/execute", body) == (
        200,
        {"success": True, "result": {"x": "y"}, "error": None},
    )


def test_a_tools_own_failure_is_a_200_with_a_text(api, register):
    register(GivingTool(ToolResult(success=False, error="No luck.")))
    assert api("/api/tools/execute", {"tool_name": "sample"}) == (
        200,
        {"success": False, "result": None, "error": "No luck."},
    )


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"tool_name": "nothing"}, 404, "tool_not_found", None),
        ({"tool_name": "\ud800"}, 400, "invalid_request", "tool_name"),
        ({"tool_name": "sample"}, 400, "invalid_arguments", "parameters.x"),
        ({"tool_name": "sample", "parameters": {"x": 1}}, 400, "invalid_arguments", "parameters.x"),
        (
            {"tool_name": "sample", "parameters": {"x": "1", "y": 2}},
            400,
            "invalid_arguments",
            "parameters.y",
        ),
        ({"tool_name": "sample", "parameters": []}, 400, "invalid_request", "parameters"),
        ({"tool_name": "sample", "parameters": None}, 400, "invalid_request", "parameters"),
        ({"parameters": {}}, 400, "invalid_request", "tool_name"),
        ({"tool_name": None}, 400, "invalid_request", "tool_name"),
        ({"tool_name": ["sample"]}, 400, "invalid_request", "tool_name"),
        (b"[]", 400, "invalid_request", None),
        (b"{", 400, "invalid_json", None),
        (b'{"tool_name": "sample", "parameters": {"x": NaN}}', 400, "invalid_json", None),
    ],
)
def test_what_keeps_a_tool_from_running_has_the_error_shape_and_the_fields_besides(
    api, register, body, status, code, field
):
    register(SampleTool(x={"type": "string"}))
    answered, answer = api("/api/tools/execute", body)
    assert (answered, answer["error"]["code"]) == (status, code)
    assert answer["error"].get("field") == field
    assert answer["error"]["message"]
    assert (answer["success"], answer["result"]) == (False, None)
    assert not ToolCall.objects.exists()


def test_disabling_and_enabling(api, owner_client, register):
    register(SampleTool())
    assert api("/api/tools/sample/disable")[1]["enabled"] is False
    status, answer = api("/api/tools/execute", {"tool_name": "sample"})
    assert (status, answer["error"]["code"], answer["success"]) == (409, "tool_disabled", False)
    enabled = {t["name"]: t["enabled"] for t in owner_client.get("/api/tools").json()["tools"]}
    assert enabled["sample"] is False
    status, answer = api("/api/tools/sample/enable")
    assert (status, answer["success"], answer["enabled"]) == (200, True, True)
    assert api("/api/tools/execute", {"tool_name": "sample"})[0] == 200


def test_switches_of_unknown_tools_are_not_found(api, register):
    for verb in ("enable", "disable"):
        status, answer = api(f"/api/tools/nothing/{verb}")
        assert (status, answer["error"]["code"]) == (404, "tool_not_found")


def test_others_may_execute_but_not_switch(api, other_client, register):
    register(SampleTool())
    assert api("/api/tools/execute", {"tool_name": "sample"}, other_client)[0] == 200
    status, answer = api("/api/tools/sample/disable", client=other_client)
    assert (status, answer["error"]["code"]) == (403, "tool_not_allowed")


def test_definitions_in_openais_format_name_enabled_tools(owner, owner_client, register):
    register(SampleTool("adder", a={"type": "integer"}))
    register(SampleTool("off"))
    services.tool_disable(name="off", by=owner)
    tools = owner_client.get("/api/tools/definitions/openai").json()["tools"]
    assert tools[-1] == {
        "type": "function",
        "function": {
            "name": "adder",
            "description": "A tool for tests",
            "parameters": {
                "type": "object",
                "properties": {"a": {"type": "integer", "description": "The a"}},
                "required": ["a"],
                "additionalProperties": False,
            },
        },
    }


@pytest.mark.parametrize("path", ["/api/tools", "/api/tools/definitions/openai"])
def test_wrong_methods_are_refused(api, path):
    assert api(path)[0] == 405


def test_openapi_describes_every_route_and_status(owner_client):
    paths = owner_client.get("/openapi.json").json()["paths"]
    execute = paths["/api/tools/execute"]["post"]
    assert set(execute["responses"]) >= {"200", "400", "401", "403", "404", "409", "503"}
    examples = execute["requestBody"]["content"]["application/json"]["examples"]
    assert {"tool_name": "calculator", "parameters": {"expression": "2**10 + sqrt(144)"}} in [
        example["value"] for example in examples.values()
    ]
    for path in ("/api/tools/{tool_name}/enable", "/api/tools/{tool_name}/disable"):
        assert set(paths[path]["post"]["responses"]) >= {"200", "401", "403", "404"}
    assert "get" in paths["/api/tools"]
    assert "get" in paths["/api/tools/definitions/openai"]
