"""Agent runs end to end in the database: start, steps, answer, limits, disabled tools."""

import threading

import pytest

from agents.errors import AgentsDisabled
from agents.models import Run
from agents.react.goals import (
    SMALL_MODEL,
    Goal,
    goal_start,
    is_small,
    limit_sentence,
    run_steps,
)
from inference import services
from inference.errors import ModelNotFound
from inference.models import LanguageModel
from tests.agents.conftest import finished
from tests.remote_model import step
from tests.scripted import MODEL, Reply
from tooling.models import ToolCall
from tooling.services import tool_disable

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_goal_is_worked_on_until_an_answer_stands(scripted, owner):
    scripted.reply(step("calculator", expression="2**10"))
    scripted.reply(step("finish", answer="1024"))
    run = finished(goal_start(owner=owner, goal=Goal("What is 2 to the power of 10?")))
    assert (run.state, run.finish_reason, run.output) == (Run.State.COMPLETED, "stop", "1024")
    first, last = run_steps(run)
    assert (first.action, first.observation) == ("calculator", "Success: 1024")
    assert (last.action, last.status) == ("finish", "completed")
    assert ToolCall.objects.get(run=run.id).state == "succeeded"
    assert limit_sentence(run) == ""


@pytest.mark.parametrize(
    ("parameters", "setting", "tokens"),
    [(SMALL_MODEL - 1, 0, 300), (SMALL_MODEL, 0, 1000), (0, 0, 1000), (SMALL_MODEL - 1, 77, 77)],
)
def test_a_step_has_the_tokens_that_fit_the_model(
    scripted, owner, settings, parameters, setting, tokens
):
    services.model_load(name=MODEL)
    LanguageModel.objects.filter(name=MODEL).update(parameters=parameters)
    settings.AGENT_STEP_TOKENS = setting
    scripted.reply(step("finish", answer="done"))
    finished(goal_start(owner=owner, goal=Goal("Be done.")))
    assert scripted.requests[-1].max_tokens == tokens


def test_a_run_resolves_its_model_once(scripted, owner, monkeypatch):
    services.model_load(name=MODEL)
    asked = []
    resolve = services.model_resolve

    def resolved(name):
        asked.append(name)
        return resolve(name)

    for number in range(4):
        scripted.reply(step("calculator", expression=f"2**{number}"))
    scripted.reply(step("finish", answer="8"))
    monkeypatch.setattr("inference.services.model_resolve", resolved)
    monkeypatch.setattr("agents.react.goals.model_resolve", resolved)
    run = finished(goal_start(owner=owner, goal=Goal("What is 2 to the power of 3?")))
    assert (run.output, len(scripted.requests)) == ("8", 5)
    assert len(asked) == 1


def test_a_disabled_tool_is_not_offered_and_calling_it_is_an_observation(scripted, owner):
    tool_disable(name="calculator", by=owner)
    for _ in range(2):
        scripted.reply(step("calculator", expression="1"))
    scripted.reply(step("finish", answer="no"))
    run = finished(goal_start(owner=owner, goal=Goal("g")))
    first = run_steps(run)[0]
    assert first.status == "failed"
    assert "'calculator' is not an action" in first.observation
    assert "calculator" not in scripted.requests[0].messages[0].content


def test_invalid_arguments_are_an_observation(scripted, owner):
    scripted.reply(step("calculator", nonsense=1, other=2))
    scripted.reply(step("finish", answer="x"))
    run = finished(goal_start(owner=owner, goal=Goal("g")))
    assert run_steps(run)[0].observation.startswith("Error: ")
    assert run.state == Run.State.COMPLETED


def test_a_limit_is_said(scripted, owner):
    scripted.reply(step("calculator", expression="1+1"))
    scripted.reply(step("finish", answer="2?"))
    run = finished(goal_start(owner=owner, goal=Goal("g", max_iterations=1)))
    assert run.finish_reason == "max_iterations"
    assert limit_sentence(run) == "The run reached the limit of 1 steps."


def test_plan_first_is_logged_and_given_to_the_model(scripted, owner):
    scripted.reply("1. Answer.")
    scripted.reply(step("finish", answer="x"))
    run = finished(goal_start(owner=owner, goal=Goal("g", plan_first=True)))
    assert run.events.get(kind="plan").data == {"text": "1. Answer."}
    assert "Plan:\n1. Answer." in scripted.requests[1].messages[-1].content


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [(0, False), (135_000_000, True), (SMALL_MODEL - 1, True), (SMALL_MODEL, False)],
)
def test_solved_examples_are_for_small_models(scripted, owner, parameters, shown):
    scripted.parameters = parameters
    services.model_load(name=MODEL)
    scripted.fallback = Reply(step("finish", answer="x"))
    finished(goal_start(owner=owner, goal=Goal("Add 1 and 2", tools=["calculator"])))
    roles = [message.role for message in scripted.requests[-1].messages]
    assert ("assistant" in roles) == shown


def test_the_embedded_model_counts_as_small_before_it_is_loaded():
    assert is_small(LanguageModel(source=LanguageModel.Source.EMBEDDED))
    assert not is_small(LanguageModel(source=LanguageModel.Source.HUGGINGFACE))


def test_agents_can_be_turned_off(settings, owner):
    settings.ENABLE_AGENTS = False
    with pytest.raises(AgentsDisabled):
        goal_start(owner=owner, goal=Goal("g"))


def test_an_unknown_model_is_refused_at_once(owner):
    with pytest.raises(ModelNotFound):
        goal_start(owner=owner, goal=Goal("g"), model="nobody/nothing")


def test_a_run_has_a_time_limit_of_its_own(scripted, owner, settings):
    scripted.reply(step("finish", answer="x"))
    scripted.reply(step("finish", answer="x"))
    settings.MAX_AGENT_SECONDS = 44
    run = finished(goal_start(owner=owner, goal=Goal("g")))
    assert run.params["max_seconds"] == 44
    run = finished(goal_start(owner=owner, goal=Goal("g", max_seconds=7)))
    assert run.params["max_seconds"] == 7


def test_a_call_ends_with_half_of_the_time_that_is_left(scripted, owner):
    scripted.reply(step("python_repl", code="while True: pass"))
    scripted.reply(step("finish", answer="too slow"))
    run = finished(goal_start(owner=owner, goal=Goal("g", max_seconds=4)))
    call = ToolCall.objects.get(run=run.id)
    assert call.state == "timed_out", call.error
    assert run.output == "too slow"
    assert run.finish_reason == "stop"


# --- Time ----------------------------------------------------------------------------------------

SECONDS, MOST = 1.0, 3.0  # a limit, and two seconds more
LEEWAY = 3.0  # for a slow machine; without the limit these runs would never end


def lasted(run):
    return (run.finished_at - run.started_at).total_seconds()


@pytest.mark.parametrize("gate_at", [0, 3], ids=["reading", "writing"])
def test_a_limit_of_time_holds_whatever_the_model_is_at(scripted, owner, gate_at):
    scripted.fallback = Reply(step("finish", answer="x"), gate=threading.Event(), gate_at=gate_at)
    run = finished(goal_start(owner=owner, goal=Goal("g", max_seconds=SECONDS)))
    assert (run.state, run.finish_reason) == (Run.State.COMPLETED, "max_seconds")
    assert SECONDS <= lasted(run) < MOST + LEEWAY
    assert "The time was up." in run_steps(run)[0].observation
    assert limit_sentence(run) == "The run reached the time limit of 1 seconds."
    assert scripted.streams == {}


def test_a_model_that_hears_nothing_cannot_hold_a_run(scripted, owner):
    scripted.fallback = Reply("never", gate=threading.Event())
    scripted.cancel = lambda request_id: None
    run = finished(goal_start(owner=owner, goal=Goal("g", max_seconds=SECONDS)))
    assert run.finish_reason == "max_seconds"
    assert lasted(run) < MOST + LEEWAY


def test_a_plan_counts(scripted, owner):
    scripted.reply("1. Think. ", gate=threading.Event(), gate_at=1)
    scripted.fallback = Reply("never", gate=threading.Event())
    goal = Goal("g", max_seconds=SECONDS, plan_first=True)
    run = finished(goal_start(owner=owner, goal=goal))
    assert run.events.get(kind="plan").data == {"text": "1."}
    assert run.finish_reason == "max_seconds"
    assert lasted(run) < MOST + LEEWAY


def test_a_tool_has_no_more_time_than_its_run(scripted, owner):
    scripted.reply(step("python_repl", code="while True: pass"))
    scripted.fallback = Reply(step("finish", answer="x"))
    run = finished(goal_start(owner=owner, goal=Goal("g", max_seconds=SECONDS)))
    assert run.finish_reason in ("stop", "max_seconds")
    assert lasted(run) < MOST + LEEWAY
