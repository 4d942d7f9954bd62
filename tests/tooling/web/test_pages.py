"""The pages: list, form, run, cards, log."""

from __future__ import annotations

import re

import pytest

from tests.tooling.samples import GivingTool, SampleTool, WaitingTool
from tests.waiting import eventually
from tooling import services
from tooling.base import ToolParameter, ToolResult
from tooling.models import ToolCall
from tooling.web.forms import ToolForm


def body(response):
    return response.content.decode()


def version_of(page):
    return re.search(r"\?version=(\w+)", page)[1]


def finished(client, page):
    """The card of the call in `page`, when it has ended."""
    call = re.search(r'id="call-([^"]+)"', page)[1]
    path = f"/tools/calls/{call}/"

    def ended():
        response = client.get(path)
        return None if "hx-trigger" in body(response) else response

    return eventually(ended)


def test_the_list_shows_tools_switches_and_calls(owner, owner_client, register):
    register(SampleTool("sample", word={"type": "string"}))
    services.tool_execute(name="sample", arguments={"word": "cheese"}, caller=owner)
    page = body(owner_client.get("/tools/"))
    assert 'href="/tools/tool/sample/"' in page
    assert 'id="switch-sample" aria-checked="true"' in page
    assert "cheese" in page


def test_the_list_answers_204_until_a_switch_changes(owner, owner_client, register):
    register(SampleTool())
    version = version_of(body(owner_client.get("/tools/")))
    assert owner_client.get(f"/tools/?version={version}").status_code == 204
    services.tool_disable(name="sample", by=owner)
    changed = owner_client.get(f"/tools/?version={version}")
    assert changed.status_code == 200
    assert body(changed).startswith("<ul")
    assert 'id="switch-sample" aria-checked="false"' in body(changed)


def test_the_page_of_a_tool_follows_its_switch_and_leaves_the_form_alone(
    owner, owner_client, register
):
    register(SampleTool())
    page = body(owner_client.get("/tools/tool/sample/"))
    address = f"/tools/tool/sample/?version={version_of(page)}"
    assert owner_client.get(address).status_code == 204
    services.tool_disable(name="sample", by=owner)
    changed = body(owner_client.get(address))
    assert '<form class="form"' not in changed
    assert re.search(r'id="run-button"[^>]*disabled', changed)


def test_switching_from_the_page(owner_client, register):
    register(SampleTool())
    response = owner_client.post(
        "/tools/tool/sample/switch", {"enabled": "false"}, HTTP_HX_REQUEST="true"
    )
    assert (response.status_code, response["HX-Trigger"]) == (204, "tools-changed")
    assert not services.tool_get(name="sample").enabled
    assert owner_client.post("/tools/tool/sample/switch", {"enabled": "true"}).status_code == 302
    assert services.tool_get(name="sample").enabled


def test_others_see_no_switch_and_cannot_use_it(other_client, register):
    register(SampleTool())
    assert 'role="switch"' not in body(other_client.get("/tools/"))
    assert other_client.post("/tools/tool/sample/switch", {"enabled": "false"}).status_code == 403
    assert services.tool_get(name="sample").enabled


def test_a_run_shows_a_card_that_follows_the_call(owner_client, register):
    register(SampleTool("sample", word={"type": "string"}))
    started = owner_client.post("/tools/tool/sample/run", {"word": "<cheese>"})
    assert started.status_code == 200
    assert started["HX-Trigger"] == "calls-changed"
    card = finished(owner_client, body(started))
    assert card["HX-Trigger"] == "calls-changed"
    assert "succeeded" in body(card)
    assert "&lt;cheese&gt;" in body(card)


def test_a_run_can_be_cancelled(owner_client, register):
    tool = register(WaitingTool())
    page = body(owner_client.post("/tools/tool/sample/run"))
    assert "<progress" in page
    call = ToolCall.objects.get()
    assert owner_client.post(f"/tools/calls/{call.id}/cancel").status_code == 204
    assert "cancelled" in body(finished(owner_client, page))
    assert tool.ended.wait(5)


def test_search_results_are_links_and_only_to_the_web(owner_client, register):
    hit = {"title": "Cheese", "url": "https://example.org", "snippet": "It is <i>good</i>."}
    tool = register(GivingTool(ToolResult(success=True, result=[hit])))
    card = body(finished(owner_client, body(owner_client.post("/tools/tool/sample/run"))))
    assert '<a href="https://example.org"' in card
    assert 'rel="noopener noreferrer nofollow"' in card
    assert "&lt;i&gt;" in card
    tool.gift = ToolResult(success=True, result=[hit | {"url": "javascript:alert(1)"}])
    card = body(finished(owner_client, body(owner_client.post("/tools/tool/sample/run"))))
    assert "<a " not in card


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "This field is required."),
        ({"whole": "many"}, "Enter a whole number."),
        ({"whole": "99"}, "less than or equal to 9"),
        ({"whole": "1", "list": "{"}, "Enter a valid JSON."),
        ({"whole": "1", "list": "5"}, "must be of type array, not integer"),
    ],
)
def test_a_form_filled_in_badly_comes_back_with_what_is_wrong(owner_client, register, given, says):
    register(
        SampleTool(
            "sample",
            whole={"type": "integer", "maximum": 9},
            list={"type": "array", "required": False},
        )
    )
    response = owner_client.post("/tools/tool/sample/run", given)
    assert response.status_code == 422
    assert says in body(response)
    assert not ToolCall.objects.exists()


def test_a_disabled_tool_says_so(owner, owner_client, register):
    register(SampleTool())
    services.tool_disable(name="sample", by=owner)
    response = owner_client.post("/tools/tool/sample/run")
    assert response.status_code == 422
    assert "is disabled" in body(response)


def test_forms_give_typed_arguments_and_leave_blanks_out(owner, register):
    tool = SampleTool(
        "sample",
        text={"type": "string"},
        blank={"type": "string", "required": False},
        whole={"type": "integer"},
        real={"type": "number", "required": False},
        flag={"type": "boolean"},
        off={"type": "boolean"},
        things={"type": "array"},
        pick={"type": "integer", "enum": [1, 2]},
    )
    register(tool)
    given = {"text": " a\n", "blank": "", "whole": "3", "real": "1.5", "flag": "on", "pick": "2"}
    form = ToolForm(services.tool_get(name="sample"), given | {"things": "[1, {}]"})
    assert form.is_valid(), form.errors
    assert form.arguments == {
        "text": " a\n",
        "whole": 3,
        "real": 1.5,
        "flag": True,
        "off": False,
        "things": [1, {}],
        "pick": 2,
    }


def test_code_gets_a_wide_field(owner, register):
    tool = SampleTool("sample")
    tool.parameters = {
        "code": ToolParameter(
            "code", "string", "", multiline=True, schema={"contentMediaType": "text/x-python"}
        )
    }
    register(tool)
    assert "textarea mono" in str(ToolForm(services.tool_get(name="sample"))["code"])


def test_the_log_shows_arguments_and_result_on_demand(owner, owner_client, register):
    register(SampleTool("sample", word={"type": "string"}))
    services.tool_execute(name="sample", arguments={"word": "cheese"}, caller=owner)
    page = body(owner_client.get(f"/tools/calls/{ToolCall.objects.get().id}/?log"))
    assert "Arguments" in page
    assert page.count("cheese") == 2


def test_calls_of_others_are_nowhere(owner, other_client, register):
    register(SampleTool("sample", word={"type": "string"}))
    services.tool_execute(name="sample", arguments={"word": "cheese"}, caller=owner)
    id = ToolCall.objects.get().id
    for path in ("/tools/", "/tools/tool/sample/", "/tools/calls/", "/tools/calls/?tool=sample"):
        assert "cheese" not in body(other_client.get(path))
    assert other_client.get(f"/tools/calls/{id}/").status_code == 404
    assert other_client.get(f"/tools/calls/{id}/?log").status_code == 404
    assert other_client.post(f"/tools/calls/{id}/cancel").status_code == 404


def test_unknown_tools_and_those_of_admins_are_not_found(owner, other_client, register):
    register(SampleTool())
    services.tool_configure(name="sample", by=owner, admins_only=True)
    for path in ("/tools/tool/nothing/", "/tools/tool/sample/"):
        assert other_client.get(path).status_code == 404
    for path in ("/tools/tool/nothing/run", "/tools/tool/sample/run"):
        assert other_client.post(path).status_code == 404
