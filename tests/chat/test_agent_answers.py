"""A message handed to an agent: its answer stands in the chat, its steps fold under it."""

import json

import pytest

from agents.work import runner
from chat.models import Conversation, Message
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def step(action, **action_input):
    return f"Thought: t\nAction: {action}\nAction Input: {json.dumps(action_input)}"


def settled(message, seconds=20):
    """The answer once nothing works on anything any more."""
    rows = Message.objects.select_related("run", "conversation")

    def over():
        return not rows.get(id=message.id).run.is_active and not runner.is_active()

    eventually(over, seconds)
    return rows.get(id=message.id)


def ask(client, text="What is 2 to the power of 10?", **more):
    response = client.post("/chat/", {"text": text, "agent": "1", **more})
    assert response.status_code == 302, response.content
    return Message.objects.get(role="assistant")


def by_goal(request):
    return request.priority == 1 or "Action" in str(request.messages)


@pytest.fixture
def agent(scripted):
    """Titles are made by the same model; they get their own reply."""
    scripted.fallback = scripted.reply("A title", when=lambda request: not by_goal(request))
    return scripted


def page(client, message):
    return client.get(f"/chat/{message.conversation_id}/").content.decode()


def test_the_agents_answer_is_the_message(agent, owner_client):
    agent.reply(step("calculator", expression="2**10"), when=by_goal)
    agent.reply(step("finish", answer="It is **1024**."), when=by_goal)
    message = settled(ask(owner_client))
    assert (message.content, message.run.kind) == ("It is **1024**.", "react")
    assert message.run.params["goal"] == "What is 2 to the power of 10?"
    shown = page(owner_client, message)
    assert "<strong>1024</strong>" in shown
    assert "Steps of the agent" in shown
    assert f'hx-get="/agents/{message.run_id}/"' in shown
    assert "data-live" not in shown
    trace = owner_client.get(f"/agents/{message.run_id}/", headers={"HX-Request": "true"})
    assert "Success: 1024" in trace.content.decode()
    assert "<html" not in trace.content.decode()


def test_the_agent_is_told_what_was_said_before(agent, owner_client):
    agent.reply(step("finish", answer="Nice to meet you."), when=by_goal)
    first = settled(ask(owner_client, "My name is Ada. " + "x" * 2000))
    assert first.run.params["context"] is None
    agent.reply(step("finish", answer="Ada"), when=by_goal)
    path = f"/chat/{first.conversation_id}/messages/"
    owner_client.post(path, {"text": "What is my name?", "agent": "1"})
    second = settled(Message.objects.filter(role="assistant").latest("created_at"))
    question, answer = second.run.params["context"]["conversation"]
    assert question["content"].startswith("My name is Ada.")
    assert (len(question["content"]), question["content"][-1]) == (1000, "…")
    assert answer == {"role": "assistant", "content": "Nice to meet you."}
    told = [r for r in agent.requests if "Goal: What is my name?" in str(r.messages)]
    assert "My name is Ada." in str(told[0].messages)


def test_while_it_works_the_message_says_nothing_new(agent, owner_client):
    held = agent.reply(step("finish", answer="late"), delay=0.05, when=by_goal)
    message = ask(owner_client)
    assert held.started.wait(10)
    path = f"/chat/messages/{message.id}/"
    assert owner_client.get(path).status_code == 204
    shown = page(owner_client, message)
    assert "An agent works on this" in shown
    assert 'hx-trigger="run-ended"' in shown, "its run's socket tells, nobody asks each second"
    assert "every 1s" not in shown.partition('id="thread"')[2]
    refused = owner_client.post(
        f"/chat/{message.conversation_id}/messages/",
        {"text": "me too", "agent": "1"},
        headers={"HX-Request": "true"},
    )
    assert refused.status_code == 409
    settled(message)
    assert "late" in owner_client.get(path).content.decode()
    assert Message.objects.count() == 2


def test_stop_and_continue_goes_on_after_the_last_step(agent, owner_client):
    agent.reply(step("calculator", expression="1+1"), when=by_goal)
    held = agent.reply(step("calculator", expression="2+2"), delay=0.05, when=by_goal)
    message = ask(owner_client)
    assert held.started.wait(10)
    owner_client.post(f"/chat/{message.conversation_id}/stop/")
    stopped = settled(message)
    assert stopped.run.state == "stopped"
    agent.reply(step("finish", answer="2"), when=by_goal)
    owner_client.post(
        f"/chat/messages/{message.id}/continue/", headers={"HX-Request": "true"}
    ).content.decode()
    done = settled(message)
    assert (done.run_id, done.content) == (stopped.run_id, "2")
    assert done.run.steps.count() == 2


def test_the_next_message_is_answered_as_always(agent, owner_client):
    agent.reply(step("finish", answer="4"), when=by_goal)
    message = settled(ask(owner_client))
    agent.reply("Because.", when=lambda request: "Why?" in str(request.messages))
    owner_client.post(f"/chat/{message.conversation_id}/messages/", {"text": "Why?"})
    answer = settled(Message.objects.filter(role="assistant").latest("created_at"))
    assert (answer.run.kind, answer.content) == ("reply", "Because.")


def test_a_fork_of_it_does_not_write_into_the_chat(agent, owner, owner_client):
    agent.reply(step("calculator", expression="2**10"), when=by_goal)
    agent.reply(step("finish", answer="1024"), when=by_goal)
    message = settled(ask(owner_client))
    agent.reply(step("finish", answer="1025"), when=by_goal)
    given = {
        "thought": "t",
        "action": "calculator",
        "action_input": '{"expression": "2**10"}',
        "observation": "Success: 1025",
    }
    owner_client.post(f"/agents/{message.run_id}/steps/1/fork", given)
    assert "message" not in message.run.forks.get().params
    assert settled(message).content == "1024"


def test_without_agents_nothing_is_offered_and_nothing_is_lost(scripted, owner_client, settings):
    assert "Solve with agent" in owner_client.get("/").content.decode()
    settings.ENABLE_AGENTS = False
    assert "Solve with agent" not in owner_client.get("/").content.decode()
    response = owner_client.post("/chat/", {"text": "keep me", "agent": "1"})
    assert response.status_code == 409
    assert "keep me" in response.content.decode()
    assert not Conversation.objects.exists()
