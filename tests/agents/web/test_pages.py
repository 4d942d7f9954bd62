"""The agents' pages: the goal form, the list, the trace, forks, comparisons, exports."""

import json
import re

import pytest
from django.urls import reverse
from django.utils.html import escape

from agents.models import Run
from agents.react.goals import Goal, goal_start, run_steps
from agents.services import run_cancel
from agents.web.exports import step_prompt
from tests.agents.conftest import finished
from tests.scripted import sent_text
from tooling.models import ToolCall
from tooling.services import tool_disable

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = '<script>alert("x")</script>'


def step(action, thought="t", **action_input):
    return f"Thought: {thought}\nAction: {action}\nAction Input: {json.dumps(action_input)}"


def page_of(run, name="agent-run", *args):
    return reverse(name, args=[run.id, *args])


@pytest.fixture
def done(scripted, owner):
    """A finished run of two steps."""
    scripted.reply(step("calculator", expression="2**10"))
    scripted.reply(step("finish", answer=f"1024 {HOSTILE}"))
    return finished(goal_start(owner=owner, goal=Goal(f"power {HOSTILE}")))


def text(response):
    return response.content.decode()


def test_a_goal_started_from_the_form_becomes_a_run(scripted, owner_client):
    scripted.reply(step("finish", answer="ok"))
    response = owner_client.post(
        "/agents/",
        {
            "goal": "a goal",
            "tools": ["calculator"],
            "max_iterations": "4",
            "max_seconds": "60",
            "max_tokens": "500",
            "context": "style: brief\nunit: metres",
        },
    )
    run = Run.objects.get()
    assert (response.status_code, response.url) == (302, page_of(run))
    finished(run)
    params = run.params
    assert params["context"] == {"style": "brief", "unit": "metres"}
    assert (params["tools"], params["max_iterations"]) == (["calculator"], 4)
    assert (params["max_seconds"], params["max_tokens"], params["plan_first"]) == (60, 500, False)
    shown = scripted.requests[0].messages[0].content
    assert "- calculator:" in shown
    assert "- code_generator:" not in shown


def test_all_tools_chosen_means_those_that_are_enabled(scripted, owner_client):
    scripted.fallback = scripted.reply(step("finish", answer="ok"))
    page = text(owner_client.get("/agents/"))
    tools = re.findall(r'name="tools" value="(\w+)"', page)
    assert "calculator" in tools
    owner_client.post("/agents/", {"goal": "g", "tools": tools})
    assert Run.objects.get().params["tools"] is None


def test_an_example_needs_no_more_than_a_click(scripted, owner_client):
    scripted.reply(step("finish", answer="ok"))
    page = text(owner_client.get("/agents/"))
    assert "No runs yet" in page
    assert "What is 2 to the power of 10?" in page
    owner_client.post("/agents/", {"goal": "g", "example": "1"})
    run = Run.objects.get()
    assert run.params["tools"] is None
    assert run.params["max_iterations"] == 10
    finished(run)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("goal", "  ", "Say what is to be achieved."),
        ("max_iterations", "0", "greater than or equal to 1"),
        ("max_iterations", "x", "Enter a whole number."),
        ("max_seconds", "-1", "greater than or equal to 0"),
        ("max_tokens", "1e9", "Enter a whole number."),
        ("tools", "nothing", "not one of the available choices"),
        ("model", "no-such-model", "not one of the available choices"),
        ("context", "{not json", "This is not JSON"),
        ("context", "fine: yes\nno colon", "Line 2 is not of the form"),
    ],
)
def test_errors_stand_at_their_field_and_nothing_is_lost(
    scripted, owner_client, field, value, problem
):
    response = owner_client.post("/agents/", {"goal": "keep me", field: value})
    page = text(response)
    assert response.status_code == 422
    assert problem in page
    assert f'id="id_{field}_error"' in page or f"id_{field}" in page
    assert field == "goal" or "keep me" in page
    assert "<details" in page
    assert (" open>" in page) == (field not in ("goal", "model"))
    assert not Run.objects.exists()


def test_agents_that_are_off_say_so(scripted, owner_client, done, settings):
    settings.ENABLE_AGENTS = False
    page = text(owner_client.get("/agents/"))
    assert "Agents are turned off" in page
    assert "goal-form" not in page
    assert owner_client.get(page_of(done)).status_code == 200
    response = owner_client.post("/agents/", {"goal": "g"})
    assert response.status_code == 422
    assert Run.objects.count() == 1


def test_the_list_is_asked_again_only_for_what_changed(scripted, owner_client, done):
    page = text(owner_client.get("/agents/"))
    assert "completed" in page
    asked = re.search(r'hx-get="(/agents/[^"]+version=[^"]+)"', page)[1].replace("&amp;", "&")
    assert owner_client.get(asked).status_code == 204
    Run.objects.filter(id=done.id).update(state="interrupted")
    changed = text(owner_client.get(asked))
    assert "interrupted" in changed
    assert "<html" not in changed


def test_the_list_has_pages(scripted, owner, owner_client):
    Run.objects.bulk_create(
        Run(owner=owner, kind="react", state="completed", params={"goal": f"goal {n}"})
        for n in range(45)
    )
    first, last = (text(owner_client.get(f"/agents/?page={n}")) for n in (1, 3))
    assert first.count("runs__row") == 20
    assert last.count("runs__row") == 5
    assert "1 of 3" in first
    assert 'rel="prev"' not in first


def test_the_trace_shows_every_step_and_nothing_hostile(owner_client, done):
    page = text(owner_client.get(page_of(done)))
    assert HOSTILE not in page
    assert "1024 &lt;script&gt;" in page
    assert "Success: 1024" in page
    assert "2**10" in page
    assert page.count('<li class="step"') == 2
    assert "data-live" not in page
    assert "ws-connect" not in page
    assert "Where the time went" in page or "waterfall--empty" in page
    assert " style=" not in page


def test_a_limit_is_said(scripted, owner, owner_client):
    scripted.reply(step("calculator", expression="1+1"))
    scripted.reply(step("finish", answer="best"))
    run = finished(goal_start(owner=owner, goal=Goal("g", max_iterations=1)))
    assert "The run reached the limit of 1 steps." in text(owner_client.get(page_of(run)))


def test_the_prompt_of_a_step_is_what_the_model_got(scripted, owner, owner_client):
    for number in (1, 2):
        scripted.reply(step("calculator", expression=f"{number}+1"))
    scripted.reply(step("finish", answer="best"))
    run = finished(
        goal_start(owner=owner, goal=Goal("g", max_iterations=2, context={"a": "b & c"}))
    )
    for number, request in enumerate(scripted.requests, 1):
        assert step_prompt(run, number) == request.messages
    page = text(owner_client.get(page_of(run, "agent-prompt", 3)))
    assert "limit of 2 steps" in page
    assert escape(sent_text(scripted.requests[2])) in page
    assert [row.prompt for row in run.steps.all()] == [sent_text(r) for r in scripted.requests]
    assert not run.events.filter(kind="step", data__has_key="prompt").exists()
    assert owner_client.get(page_of(run, "agent-prompt", 4)).status_code == 404


def test_the_prompt_is_what_was_sent_though_the_tools_are_others_now(owner, owner_client, done):
    tool_disable(name="calculator", by=owner)
    assert "- calculator: " in text(owner_client.get(page_of(done, "agent-prompt", 1)))


def test_a_prompt_that_was_not_kept_is_rebuilt_and_says_so(owner_client, done):
    sent = text(owner_client.get(page_of(done, "agent-prompt", 1)))
    assert "rebuilt" not in sent
    done.steps.update(prompt="")
    page = text(owner_client.get(page_of(done, "agent-prompt", 1)))
    assert "rebuilt from the steps before it" in page
    assert "- calculator: " in page


def test_stop_and_resume_from_the_page(scripted, owner, owner_client):
    scripted.reply(step("calculator", expression="1+1"))
    held = scripted.reply(step("calculator", expression="2+2"), delay=0.05)
    run = goal_start(owner=owner, goal=Goal("add"))
    assert held.started.wait(10)
    assert "data-live" in text(owner_client.get(page_of(run)))
    assert owner_client.post(page_of(run, "agent-stop")).url == page_of(run)
    finished(run)
    page = text(owner_client.get(page_of(run)))
    assert "Resume" in page
    scripted.reply(step("finish", answer="2"))
    response = owner_client.post(page_of(run, "agent-resume"), headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == page_of(run)
    assert finished(run).output == "2"
    assert owner_client.post(page_of(run, "agent-resume")).status_code == 409


def test_a_fork_with_another_observation(scripted, owner_client, done):
    form = text(owner_client.get(page_of(done, "agent-fork", 1)))
    assert "Success: 1024" in form
    scripted.reply(step("finish", answer="1025"))
    same = {
        "thought": "t",
        "action": "calculator",
        "action_input": '{"expression": "2**10"}',
        "observation": "Success: 1025\r\n",
    }
    response = owner_client.post(page_of(done, "agent-fork", 1), same)
    fork = finished(Run.objects.get(parent=done))
    assert response.url == page_of(fork)
    assert fork.output == "1025"
    assert ToolCall.objects.filter(run=fork.id).count() == 0
    assert f"/agents/{done.id}/" in text(owner_client.get(page_of(fork)))
    assert f"/agents/{fork.id}/" in text(owner_client.get(page_of(done)))


def test_a_fork_with_another_input_calls_anew(scripted, owner_client, done):
    scripted.reply(step("finish", answer="9"))
    edited = {
        "thought": "t",
        "action": "calculator",
        "action_input": '{"expression": "3**2"}',
        "observation": "Success: 1024",
    }
    owner_client.post(page_of(done, "agent-fork", 1), edited)
    fork = finished(Run.objects.get(parent=done))
    assert run_steps(fork)[0].observation == "Success: 9"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("action_input", "[1]", "Enter a JSON object"),
        ("action_input", "{", "This is not JSON"),
        ("action", "nothing", "not one of the available choices"),
        ("action", "finish", "A step that finishes"),
        ("model", "nothing", "not one of the available choices"),
    ],
)
def test_a_fork_that_cannot_be_says_which_field(
    scripted, owner_client, done, field, value, problem
):
    given = {"thought": "t", "action": "calculator", "action_input": "{}", field: value}
    response = owner_client.post(
        page_of(done, "agent-fork", 1), given, headers={"HX-Request": "true"}
    )
    assert response.status_code == 422
    assert problem in text(response)
    assert 'aria-invalid="true"' in text(response)
    assert "<html" not in text(response)
    assert Run.objects.count() == 1


def test_a_fork_to_a_disabled_tool_is_refused_at_the_action(scripted, owner, owner_client, done):
    tool_disable(name="calculator", by=owner)
    given = {"thought": "other", "action": "calculator", "action_input": "{}"}
    response = owner_client.post(page_of(done, "agent-fork", 1), given)
    assert "is not a tool that is enabled" in text(response)


def test_compare_marks_where_two_runs_part(scripted, owner, owner_client, done):
    scripted.reply(step("calculator", expression="2**10"))
    scripted.reply(step("finish", answer="other"))
    other = finished(goal_start(owner=owner, goal=Goal("power")))
    page = text(owner_client.get(f"/agents/compare?left={done.id}&right={other.id}"))
    assert "They part at step 2." in page
    assert page.count("step--differs") == 2
    assert HOSTILE not in page
    page = text(owner_client.get(f"/agents/compare?left={done.id}&right={done.id}"))
    assert "Their steps are alike." in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "Choose two runs" in text(owner_client.get(f"/agents/compare?left={done.id}"))
    assert owner_client.get("/agents/compare?left=x&right=y").status_code == 404


def test_export_holds_the_whole_run(owner_client, done):
    response = owner_client.get(page_of(done, "agent-export"))
    assert f"run-{done.id}.json" in response["Content-Disposition"]
    body = response.json()
    assert body["run"]["output"] == done.output
    assert [one["action"] for one in body["steps"]] == ["calculator", "finish"]
    assert body["steps"][0]["observation"] == "Success: 1024"


@pytest.mark.parametrize(
    ("name", "number", "post"),
    [
        ("agent-run", None, False),
        ("agent-stop", None, True),
        ("agent-resume", None, True),
        ("agent-export", None, False),
        ("agent-fork", 1, False),
        ("agent-fork", 1, True),
        ("agent-prompt", 1, False),
    ],
)
def test_others_see_nothing_of_it(other_client, done, name, number, post):
    path = page_of(done, name, *([number] if number else []))
    response = (other_client.post if post else other_client.get)(path)
    assert response.status_code == 404
    assert str(done.id) not in text(other_client.get("/agents/"))
    compared = other_client.get(f"/agents/compare?left={done.id}&right={done.id}")
    assert compared.status_code == 404
    assert Run.objects.get(id=done.id).state == "completed"


def test_a_failed_run_tells_its_error(scripted, owner, owner_client):
    run = finished(goal_start(owner=owner, goal=Goal("g")))
    page = text(owner_client.get(page_of(run)))
    assert run.state == Run.State.FAILED
    assert "The script of this test has no reply left." in page
    assert "Resume" in page


def test_a_queued_run_says_that_it_waits(scripted, owner, owner_client):
    run = Run.objects.create(owner=owner, kind="react", params={"goal": "g"})
    assert "Waiting for room" in text(owner_client.get(page_of(run)))
    run_cancel(run=run)
