"""The REST routes of runs, and what pages post."""

import json
import uuid

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client
from django.urls import reverse

from agents.loops.contract import LoopEvent
from agents.models import Run
from agents.web.api.runs import RunEventsView
from common.web import sse
from tests.agents.conftest import kinds, text

JSON = "application/json"


@pytest.fixture
def api(owner):
    return Client(SERVER_NAME="localhost")


@pytest.fixture
def stranger(other_user):
    client = Client()
    client.force_login(other_user)
    return client


def short(run):
    yield LoopEvent("model", {"id": "m"})
    yield text("Hello")
    yield LoopEvent("usage", {"prompt_tokens": 1, "completion_tokens": 2})


def asking(run):
    data = {"id": "c 1", "name": "t", "arguments": "{}", "state": "waiting"}
    decision = yield LoopEvent("tool_call", data)
    yield text(f"{decision.allow} {decision.arguments}")


@pytest.fixture
def done(runs):
    return runs.until(runs.start(short, hidden="no"))


@pytest.fixture
def live(runs, gate):
    def loop(run):
        yield text("one")
        gate.wait(20)

    run = runs.start(loop)
    runs.until_logged(run, "text")
    return run


def test_the_list_shows_the_newest_first_in_pages(api, owner):
    for number in range(5):
        Run.objects.create(owner=owner, kind="test", state="completed", model=str(number))
    page = api.get("/api/agents/runs?page_size=3").json()
    assert [run["model"] for run in page["results"]] == ["4", "3", "2"]
    assert "output" not in page["results"][0]
    Run.objects.create(owner=owner, kind="test", model="new")
    rest = api.get(page["next"]).json()
    assert [run["model"] for run in rest["results"]] == ["1", "0"]
    assert rest["next"] is None


def test_the_list_can_be_narrowed(api, owner):
    for state, kind in (("completed", "reply"), ("failed", "reply"), ("failed", "react")):
        Run.objects.create(owner=owner, kind=kind, state=state)
    assert len(api.get("/api/agents/runs?state=failed").json()["results"]) == 2
    assert len(api.get("/api/agents/runs?state=failed&kind=react").json()["results"]) == 1


def test_work_in_the_background_is_listed_only_on_demand(api, owner):
    for kind in ("reply", "title", "react", "gone"):
        Run.objects.create(owner=owner, kind=kind, state="completed")
    listed = api.get("/api/agents/runs?state=completed").json()["results"]
    assert [run["kind"] for run in listed] == ["gone", "react", "reply"]
    titles = api.get("/api/agents/runs?kind=title").json()["results"]
    assert [run["kind"] for run in titles] == ["title"]


@pytest.mark.parametrize(
    "query", ["state=odd", "page_size=0", "page_size=x", "page_size=9999", "kind=%00"]
)
def test_a_wrong_query_names_the_field(api, query):
    response = api.get(f"/api/agents/runs?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("cursor", ["nonsense", "cD1mb28=", "cD0A"])
def test_a_wrong_cursor_is_no_page(api, cursor):
    response = api.get(f"/api/agents/runs?cursor={cursor}")
    assert response.status_code in (400, 404)
    assert response.json()["error"]["message"]


def test_one_run(api, done):
    run = api.get(f"/api/agents/runs/{done.id}").json()
    assert run["id"] == str(done.id)
    assert (run["state"], run["output"], run["model"]) == ("completed", "Hello", "m")
    assert run["usage"] == {"prompt_tokens": 1, "completion_tokens": 2}
    assert run["params"] == {"hidden": "no"}
    assert not {"lease_owner", "lease_until", "owner"} & set(run)


def test_a_queued_run_knows_its_place(api, owner):
    ids = [Run.objects.create(owner=owner, kind="test").id for _ in range(2)]
    places = [api.get(f"/api/agents/runs/{run_id}").json()["queue_position"] for run_id in ids]
    assert places == [1, 2]


def test_events_as_json(api, done):
    page = api.get(f"/api/agents/runs/{done.id}/events").json()
    assert [event["kind"] for event in page["events"]] == kinds(done)
    assert (page["state"], page["last_seq"]) == ("completed", done.last_seq)
    rest = api.get(f"/api/agents/runs/{done.id}/events?after=2&limit=2").json()
    assert [event["seq"] for event in rest["events"]] == [3, 4]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("after=x", "after"),
        ("after=-1", "after"),
        ("after=9999999999", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
    ],
)
def test_wrong_event_queries_name_the_field(api, done, query, field):
    response = api.get(f"/api/agents/runs/{done.id}/events?{query}")
    assert (response.status_code, response.json()["error"]["field"]) == (400, field)


def test_a_wrong_last_event_id_names_it(api, done):
    url = f"/api/agents/runs/{done.id}/events?after=2"
    response = api.get(url, headers={"Last-Event-ID": "abc"})
    assert (response.status_code, response.json()["error"]["field"]) == (400, "last_event_id")


async def signed_in(user):
    client = AsyncClient()
    await client.aforce_login(user)
    return client


async def stream(run, query="", **headers):
    client = await signed_in(await sync_to_async(lambda: run.owner)())
    url = f"/api/agents/runs/{run.id}/events{query}"
    response = await client.get(url, headers={"accept": "text/event-stream", **headers})
    if not response.streaming:
        return response, []
    parts = []
    async for part in response.streaming_content:
        parts.append(part.decode())
    return response, parts


def parsed(part):
    fields = dict(line.split(": ", 1) for line in part.strip().split("\n"))
    body = json.loads(fields["data"])
    assert (fields["id"], fields["event"]) == (str(body["seq"]), body["kind"])
    return body


async def test_events_as_a_stream(owner, done):
    response, parts = await stream(done)
    assert response["Content-Type"].startswith("text/event-stream")
    assert response["Cache-Control"] == "no-cache, no-transform"
    assert [parsed(part)["seq"] for part in parts] == list(range(1, done.last_seq + 1))
    assert parsed(parts[-1])["data"] == {"state": "completed", "finish_reason": "stop"}


async def test_a_stream_goes_on_where_the_connection_was_lost(owner, done):
    _, parts = await stream(done, "?after=1", **{"last-event-id": "3"})
    assert parsed(parts[0])["seq"] == 4


async def test_a_stream_that_has_nothing_left_says_204(owner, done):
    response, _ = await stream(done, **{"last-event-id": str(done.last_seq)})
    assert response.status_code == 204


async def test_a_live_stream_follows_and_shows_signs_of_life(owner, live, gate, monkeypatch):
    monkeypatch.setattr(sse, "KEEP_ALIVE_SECONDS", 0.01)
    monkeypatch.setattr("agents.log.events.POLL_SECONDS", 0.05)
    client = await signed_in(owner)
    url = f"/api/agents/runs/{live.id}/events"
    response = await client.get(url, headers={"accept": "text/event-stream"})
    seen = []
    async for part in response.streaming_content:
        seen.append(part.decode())
        if seen[-1].startswith(":"):
            gate.set()
    assert ": keep-alive\n\n" in seen
    events = [parsed(part) for part in seen if not part.startswith(":")]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["kind"] == "done"


async def test_errors_before_a_stream_are_json(owner):
    client = await signed_in(owner)
    url = f"/api/agents/runs/{uuid.uuid4()}/events"
    response = await client.get(url, headers={"accept": "text/event-stream"})
    assert response.status_code == 404
    assert response["Content-Type"].startswith(JSON)
    assert response.json()["error"]["code"] == "not_found"
    assert RunEventsView.renderer_classes


def test_cancel_is_told_and_may_be_repeated(api, runs, live, gate):
    first = api.post(f"/api/agents/runs/{live.id}/cancel", content_type=JSON)
    assert first.status_code == 200
    gate.set()
    runs.until(live)
    again = api.post(f"/api/agents/runs/{live.id}/cancel", content_type=JSON)
    assert (again.status_code, again.json()["state"]) == (200, "stopped")
    assert again.json()["output"] == "one"


def decide(client, run, body, call="c%201"):
    url = f"/api/agents/runs/{run.id}/tool-calls/{call}"
    return client.post(url, body, content_type=JSON)


def test_a_decision_with_other_arguments(api, runs):
    run = runs.until(runs.start(asking), "waiting")
    body = {"decision": "allow", "arguments": {"n": 2}}
    assert decide(api, run, body).status_code == 200
    assert decide(api, run, body).status_code == 200
    assert runs.until(run).output == 'True {"n": 2}'
    conflict = decide(api, run, {"decision": "deny"})
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "run_conflict")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "decision"),
        ({"decision": "perhaps"}, "decision"),
        ({"decision": "allow", "arguments": [1]}, "arguments"),
        ({"decision": "allow", "arguments": "x"}, "arguments"),
    ],
)
def test_a_wrong_decision_names_the_field(api, runs, body, field):
    run = runs.until(runs.start(asking), "waiting")
    response = decide(api, run, body)
    assert (response.status_code, response.json()["error"]["field"]) == (400, field)


@pytest.mark.parametrize("call", ["other", "c%201%00", "%F0%9F%92%A9", "x" * 3000])
def test_an_unknown_call(api, runs, call):
    run = runs.until(runs.start(asking), "waiting")
    response = decide(api, run, {"decision": "allow"}, call=call)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "tool_call_not_found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/agents/runs/{}"),
        ("get", "/api/agents/runs/{}/events"),
        ("post", "/api/agents/runs/{}/cancel"),
        ("post", "/api/agents/runs/{}/tool-calls/a"),
        ("post", "/runs/{}/cancel"),
        ("post", "/runs/{}/tool-calls/a"),
    ],
)
def test_nobody_reaches_the_run_of_somebody_else(api, stranger, live, method, path):
    answers = []
    for client, run_id in ((stranger, live.id), (api, uuid.uuid4())):
        send = getattr(client, method)
        options = {"content_type": JSON} if path.startswith("/api") and method == "post" else {}
        data = {"decision": "allow"} if method == "post" else {}
        response = send(path.format(run_id), data, **options)
        answers.append((response.status_code, response.content.replace(str(run_id).encode(), b"")))
    assert answers[0] == answers[1]
    assert answers[0][0] == 404
    assert Run.objects.get(id=live.id).state == "running"


def test_everybody_lists_only_their_own(api, stranger, live):
    assert stranger.get("/api/agents/runs").json()["results"] == []
    assert len(api.get("/api/agents/runs").json()["results"]) == 1


# --- pages ---------------------------------------------------------------------------------------


def test_a_page_stops_a_run(api, runs, live, gate):
    url = reverse("run-cancel", args=[live.id])
    assert url == f"/runs/{live.id}/cancel"
    assert api.get(url).status_code == 405
    response = api.post(url)
    assert (response.status_code, response.content) == (204, b"")
    gate.set()
    assert runs.until(live).state == "stopped"


def test_a_page_decides(api, runs):
    run = runs.until(runs.start(asking), "waiting")
    url = reverse("run-tool-call-decide", args=[run.id, "c 1"])
    assert api.post(url, {"decision": "allow", "arguments": '{"n": 3}'}).status_code == 204
    assert runs.until(run).output == 'True {"n": 3}'


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"decision": "x"}, "decision"),
        ({}, "decision"),
        ({"decision": "allow", "arguments": "{"}, "arguments"),
        ({"decision": "allow", "arguments": "[1]"}, "arguments"),
    ],
)
def test_a_page_that_posts_nonsense_is_told(api, runs, fields, said):
    run = runs.until(runs.start(asking), "waiting")
    response = api.post(reverse("run-tool-call-decide", args=[run.id, "c 1"]), fields)
    assert response.status_code == 400
    assert response.json()["error"]["field"] == said
    assert Run.objects.get(id=run.id).state == "waiting"


def test_a_page_needs_the_csrf_token(owner, live):
    client = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    assert client.post(reverse("run-cancel", args=[live.id])).status_code == 403


# --- admin ---------------------------------------------------------------------------------------


def test_the_admin_shows_a_run_with_its_log(api, done):
    page = api.get(f"/admin/agents/run/{done.id}/change/").content.decode()
    assert "Hello" in page
    assert "completed" in page
    assert 'name="_save"' not in page
    assert api.get("/admin/agents/run/add/").status_code == 403


def test_the_admin_stops_runs(api, runs, live, done, gate):
    listed = api.get("/admin/agents/run/").content.decode()
    assert str(live.id) in listed
    form = {"action": "stop", "_selected_action": [str(live.id), str(done.id)]}
    response = api.post("/admin/agents/run/", form, follow=True)
    assert "1 of the selected runs" in response.content.decode()
    gate.set()
    assert runs.until(live).state == "stopped"
    assert Run.objects.get(id=done.id).state == "completed"


async def test_text_in_the_log_is_never_markup_in_the_admin(owner, runs):
    def loop(run):
        yield text("<script>alert(1)</script>")

    run = await sync_to_async(lambda: runs.until(runs.start(loop)))()
    client = await signed_in(owner)
    page = (await client.get(f"/admin/agents/run/{run.id}/change/")).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
