"""The admin shows a run with its steps, and lets nobody change what happened."""

import pytest

from agents.models import Run

pytestmark = pytest.mark.django_db


def test_a_run_is_shown_with_its_steps(owner, owner_client):
    run = Run.objects.create(owner=owner, kind="react", state="completed", params={"goal": "g"})
    run.steps.create(
        step_number=1,
        status="observing",
        thought="<i>think</i>",
        action="calculator",
        action_input={"expression": "2**10 & more"},
        observed={"text": "1024", "success": True},
    )
    page = owner_client.get(f"/admin/agents/run/{run.id}/change/").content.decode()
    assert "2**10 &amp; more" in page
    assert "Success: 1024" in page
    assert "&lt;i&gt;think" in page
    assert 'name="steps-0-thought"' not in page
    assert 'name="steps-TOTAL_FORMS" value="1"' in page
    assert owner_client.post(f"/admin/agents/run/{run.id}/change/", {}).status_code == 403
    listed = owner_client.get("/admin/agents/run/")
    assert str(run.id) in listed.content.decode()


def test_a_run_with_steps_can_be_deleted(owner, owner_client):
    run = Run.objects.create(owner=owner, kind="react", state="completed", params={"goal": "g"})
    run.steps.create(step_number=1, status="observing")
    owner_client.post(f"/admin/agents/run/{run.id}/delete/", {"post": "yes"})
    assert not Run.objects.exists()
