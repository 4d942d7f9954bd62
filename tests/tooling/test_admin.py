"""Tools, calls and the web search in the admin."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry

from tests.tooling.samples import SampleTool
from tooling import services
from tooling.models import SearchSettings, Tool, ToolCall

LIST = "/admin/tooling/tool/"


def formset(**enabled):
    """The list's form with some tools switched, as the browser sends it."""
    rows = list(Tool.objects.order_by("name"))
    data = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows), "_save": "Save"}
    for index, row in enumerate(rows):
        data[f"form-{index}-id"] = row.pk
        if enabled.get(row.name, row.enabled):
            data[f"form-{index}-enabled"] = "on"
    return data


def test_the_list_shows_all_tools_also_new_ones(owner_client, register):
    register(SampleTool("brand_new"))
    page = owner_client.get(LIST).content.decode()
    assert "brand_new" in page
    assert "A tool for tests" in page


def test_switching_in_the_list_holds_at_once_and_is_audited_once(owner, owner_client, register):
    register(SampleTool())
    owner_client.get(LIST)
    assert owner_client.post(LIST, formset(sample=False)).status_code == 302
    assert "sample" not in [spec.name for spec in services.tool_specs()]
    (entry,) = LogEntry.objects.all()
    assert (entry.user, entry.object_repr) == (owner, "sample")
    assert "enabled = False" in entry.change_message


@pytest.mark.parametrize(("action", "state"), [("disable", False), ("enable", True)])
def test_actions_switch_all_that_are_selected(owner_client, register, action, state):
    register(SampleTool("a"))
    register(SampleTool("b"))
    owner_client.get(LIST)
    Tool.objects.filter(name__in=["a", "b"]).update(enabled=not state)
    chosen = list(Tool.objects.filter(name__in=["a", "b"]).values_list("pk", flat=True))
    owner_client.post(LIST, {"action": action, "_selected_action": chosen})
    assert [services.tool_get(name=name).enabled for name in "ab"] == [state, state]
    assert LogEntry.objects.count() == 2


def test_a_tool_has_a_page_with_its_switches_only(owner_client, register):
    register(SampleTool())
    owner_client.get(LIST)
    row = Tool.objects.get(name="sample")
    page = f"{LIST}{row.pk}/change/"
    assert owner_client.get(page).status_code == 200
    owner_client.post(page, {"name": "renamed", "admins_only": "on"})
    row.refresh_from_db()
    assert (row.name, row.enabled, row.admins_only) == ("sample", False, True)
    assert owner_client.get(f"{LIST}add/").status_code == 403
    assert owner_client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_calls_can_be_read_and_filtered_and_not_changed(owner, owner_client, register):
    register(SampleTool())
    services.tool_execute(name="sample", arguments={}, caller=owner)
    call = ToolCall.objects.get()
    base = "/admin/tooling/toolcall/"
    for query in ("", "?tool=sample", "?state=succeeded", f"?caller__id__exact={owner.pk}"):
        assert "sample" in owner_client.get(base + query).content.decode()
    assert owner_client.get(f"{base}{call.pk}/change/").status_code == 200
    assert owner_client.post(f"{base}{call.pk}/change/", {"tool": "x"}).status_code == 403
    assert owner_client.get(f"{base}add/").status_code == 403


def test_the_web_search_is_set_on_one_page(owner_client, search_engine):
    there = owner_client.get("/admin/tooling/searchsettings/")
    assert there.status_code == 302
    form = {"backends": "standin, auto", "region": "de-de", "safe_search": "on"}
    assert owner_client.post(there.url, form).status_code == 302
    assert SearchSettings.current().backend_list == ["standin", "auto"]
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("backends", "says"), [("bogus", "no search engine bogus"), (" , ", "Name")]
)
def test_search_engines_that_do_not_exist_are_refused(owner_client, backends, says):
    page = owner_client.get("/admin/tooling/searchsettings/").url
    form = {"backends": backends, "region": "us-en", "safe_search": "on"}
    response = owner_client.post(page, form)
    assert response.status_code == 200
    assert says in response.content.decode()


def test_others_have_no_admin(other_client):
    assert other_client.get(LIST).status_code == 302
