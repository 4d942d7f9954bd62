"""Resume goes on without doing anything twice; a fork shares the past and leaves it alone."""

import pytest

from agents.errors import RunConflict, StepNotFound
from agents.models import Run
from agents.react.forks import StepEdit, run_fork, run_resume
from agents.react.goals import Goal, goal_start
from agents.react.steps import step_of
from agents.services import run_cancel
from common.errors import InvalidRequest
from tests.agents.conftest import finished
from tests.remote_model import step
from tooling.models import ToolCall
from tooling.services import registry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def first(scripted, owner):
    """A finished run of three steps."""
    for text in (
        step("calculator", expression="1+1"),
        step("calculator", expression="2+2"),
        step("finish", answer="4"),
    ):
        scripted.reply(text)
    return finished(goal_start(owner=owner, goal=Goal("add")))


def rows(run):
    steps = [step_of(row) for row in run.steps.all()]
    return [(step.step_number, step.action, step.observation, step.status) for step in steps]


def test_resume_goes_on_after_the_last_committed_step(scripted, owner):
    scripted.reply(step("calculator", expression="1+1"))
    held = scripted.reply(step("calculator", expression="2+2"), delay=0.05)
    run = goal_start(owner=owner, goal=Goal("add"))
    assert held.started.wait(10)
    run_cancel(run=run)
    assert finished(run).state == Run.State.STOPPED
    scripted.reply(step("finish", answer="2"))
    run = finished(run_resume(run=run))
    assert (run.state, run.output) == (Run.State.COMPLETED, "2")
    assert ToolCall.objects.filter(run=run.id).count() == 1
    assert [event.seq for event in run.events.all()] == list(range(1, run.last_seq + 1))


def test_a_finished_run_cannot_be_resumed(first):
    with pytest.raises(RunConflict):
        run_resume(run=first)


def test_a_fork_with_another_observation_gives_another_answer(scripted, owner, first):
    before = rows(first)
    scripted.reply(step("finish", answer="5"))
    edit = StepEdit(observation="Success: 5")
    fork = finished(run_fork(run=first, owner=owner, step=2, edit=edit))
    assert fork.output == "5"
    assert fork.parent == first
    assert rows(fork)[:2] == [before[0], (2, "calculator", "Success: 5", "observing")]
    assert scripted.requests[-1].messages[-1].content.startswith("Observation: Success: 5\n")
    assert (rows(first), Run.objects.get(id=first.id).output) == (before, "4")
    assert not ToolCall.objects.filter(run=fork.id).exists()


def test_a_fork_with_another_input_makes_that_call(scripted, owner, first):
    scripted.reply(step("finish", answer="6"))
    edit = StepEdit(action_input={"expression": "3+3"})
    fork = finished(run_fork(run=first, owner=owner, step=2, edit=edit))
    assert rows(fork)[1] == (2, "calculator", "Success: 6", "observing")
    assert ToolCall.objects.get(run=fork.id).arguments == {"expression": "3+3"}
    shown = scripted.requests[-1].messages[-2].content
    assert '"expression": "3+3"' in shown


def test_a_fork_without_an_edit_writes_the_step_again(scripted, owner, first):
    scripted.reply(step("finish", answer="again"))
    fork = finished(run_fork(run=first, owner=owner, step=2, edit=StepEdit()))
    assert [row[1] for row in rows(fork)] == ["calculator", "finish"]


@pytest.mark.parametrize(
    ("step", "edit", "error"),
    [
        (0, StepEdit(), StepNotFound),
        (5, StepEdit(), StepNotFound),
        (4, StepEdit(thought="x"), InvalidRequest),
        (3, StepEdit(thought="x"), InvalidRequest),
        (2, StepEdit(action="oven"), InvalidRequest),
    ],
)
def test_what_cannot_be_forked_is_refused(owner, first, step, edit, error):
    count = Run.objects.count()
    with pytest.raises(error):
        run_fork(run=first, owner=owner, step=step, edit=edit)
    assert Run.objects.count() == count


def killed_while_acting(owner, state, result=None):
    """What is left of a run whose process died after its first step's call had begun."""
    run = Run.objects.create(
        owner=owner, kind="react", state=Run.State.INTERRUPTED, params={"goal": "add"}, last_seq=0
    )
    run.params["max_iterations"] = 5
    run.save()
    run.steps.create(
        step_number=1, status="acting", action="calculator", action_input={"expression": "1+1"}
    )
    ToolCall.objects.create(
        tool="calculator", caller=owner, run=run.id, step=1, state=state, result=result,
        arguments={"expression": "1+1"}, timeout_seconds=9,
    )  # fmt: skip
    return run


def test_a_finished_call_whose_step_was_not_committed_is_not_made_again(scripted, owner):
    run = killed_while_acting(owner, "succeeded", "as recorded")
    scripted.reply(step("finish", answer="2"))
    finished(run_resume(run=run))
    assert rows(run)[0] == (1, "calculator", "Success: as recorded", "observing")
    assert ToolCall.objects.filter(run=run.id).count() == 1


@pytest.mark.parametrize("state", ["running", "cancelled"])
def test_a_call_cut_off_is_made_again_if_that_does_no_harm(scripted, owner, state):
    run = killed_while_acting(owner, state)
    scripted.reply(step("finish", answer="2"))
    finished(run_resume(run=run))
    assert rows(run)[0] == (1, "calculator", "Success: 2", "observing")


def test_any_other_call_cut_off_is_told_and_may_be_asked_for_again(scripted, owner, monkeypatch):
    monkeypatch.setattr(registry().get("calculator"), "repeatable", False)
    run = killed_while_acting(owner, "running")
    scripted.reply(step("calculator", expression="1+1"))
    scripted.reply(step("finish", answer="2"))
    finished(run_resume(run=run))
    first, second, _ = rows(run)
    assert first[2].startswith("Error: This call was cut off")
    assert second[2] == "Success: 2"
