"""The live frames: a snapshot first, then only what is new, at last the message of the page."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve

from agents.models import Event, Run
from chat import services
from chat.models import Conversation, Message
from chat.receivers import run_keep
from chat.rendering.live import ReplyRenderer
from chat.rendering.markdown import render
from tests.chat.rendering.corpus import ORDINARY

pytestmark = pytest.mark.django_db(transaction=True)
SWAP = re.compile(r"^(?:(\w+):)?(?:#(\S+))?$")


class Frame(HTMLParser):
    """Splits a frame into its top-level elements: (swap, target id, inner HTML)."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.swaps: list[tuple[str, str, str]] = []
        self._depth, self._text, self._lines = 0, text, [0]
        for line in text.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._start = 0
        self._open: dict[str, str] = {}
        self.feed(text)

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("br", "hr", "input", "path", "circle"):
            return
        if self._depth == 0:
            self._open = {name: value or "" for name, value in attrs}
            self._start = self._offset() + len(self.get_starttag_text() or "")
        self._depth += 1

    def handle_endtag(self, tag: str) -> None:
        self._depth -= 1
        if self._depth == 0:
            swap = self._open["hx-swap-oob"]
            kind, _, target = swap.partition(":#")
            inner = self._text[self._start : self._offset()]
            self.swaps.append((kind, target or self._open["id"], inner))


@pytest.fixture
def answer(owner: User) -> Message:
    """An answer whose run is ours to write: no thread works on it."""
    conversation = Conversation.objects.create(owner=owner, title="T", auto_title=False)
    question = Message.objects.create(conversation=conversation, role="user", content="Hi")
    message = Message(conversation=conversation, parent=question, role="assistant")
    message.run = Run.objects.create(
        owner=owner, kind="reply", state="running", params={"message": str(message.id)}
    )
    message.save()
    services.conversation_configure(conversation=conversation, leaf_id=message.id)
    return message


def log(run: Run, kind: str, **data: object) -> Event:
    run.last_seq += 1
    run.save()
    return Event.objects.create(run=run, seq=run.last_seq, kind=kind, data=data)


def end(run: Run, state: str = "completed") -> Event:
    """As the runner does: the message is filled when `done` is there."""
    run.state = state
    run.finish_reason = "stop"
    last = log(run, "done", state=state, finish_reason="stop")
    run_keep(run)
    return last


def pieces(text: str, seed: int) -> Iterator[str]:
    cuts, at = random.Random(seed), 0
    while at < len(text):
        size = cuts.randint(1, 20)
        yield text[at : at + size]
        at += size


@pytest.mark.parametrize("text", ORDINARY)
def test_what_the_page_ends_up_with_is_the_final_html(answer: Message, text: str) -> None:
    run = answer.run
    assert run
    renderer, shown, tail = ReplyRenderer(run), "", ""
    renderer.start([])
    for piece in pieces(text, 1):
        for kind, target, inner in Frame(renderer.feed([log(run, "text", text=piece)])).swaps:
            if kind == "beforebegin" and target.endswith("-tail"):
                shown += inner
            elif kind == "innerHTML" and target.endswith("-tail"):
                tail = inner
            elif kind == "beforebegin" and target.endswith("-status"):
                tail = re.search(r'-tail">(.*)</div></div>', inner, re.DOTALL)[1]  # type: ignore[index]
    assert shown + tail == render(text)


def test_a_late_page_gets_everything_at_once(answer: Message) -> None:
    run = answer.run
    assert run
    events = [log(run, "text", text="First.\n\nSecond "), log(run, "text", text="**bold**")]
    [(kind, target, inner)] = Frame(ReplyRenderer(run).start(events)).swaps
    assert (kind, target) == ("innerHTML", f"message-{answer.id}-body")
    assert '<p dir="auto">First.</p>' in inner
    assert "<strong>bold</strong>" in inner
    assert 'data-state="writing"' in inner


def test_the_last_frame_is_the_message_of_the_page(answer: Message, owner_client: Client) -> None:
    run = answer.run
    assert run
    renderer = ReplyRenderer(run)
    renderer.start([log(run, "thinking", text="Hm."), log(run, "text", text="Well")])
    frame = renderer.feed([end(run)])
    page = owner_client.get(f"/chat/{answer.conversation_id}/").content.decode()
    article = re.search(rf'<article[^>]*id="message-{answer.id}".*?</article>', page, re.DOTALL)
    assert article
    assert article[0] in frame.replace(' hx-swap-oob="true"', "")
    assert ReplyRenderer(run).start(list(run.events.all())) == frame
    assert "data-live" not in frame


def test_thinking_is_folded_and_escaped(answer: Message) -> None:
    run = answer.run
    assert run
    renderer = ReplyRenderer(run)
    renderer.start([])
    first = renderer.feed([log(run, "thinking", text="a <b>")])
    assert "<details" in first
    assert "a &lt;b&gt;" in first
    second = Frame(renderer.feed([log(run, "thinking", text=" & c")])).swaps
    assert ("beforeend", " &amp; c") in [(kind, inner) for kind, _, inner in second]


def test_code_in_arguments_is_shown_in_its_lines(answer: Message) -> None:
    run = answer.run
    assert run
    renderer = ReplyRenderer(run)
    code = json.dumps({"code": "for n in range(3):\n    print(n)", "items": "x\ny"})
    call = {"id": "call_1", "name": "python_repl", "arguments": code}
    asked = renderer.start([log(run, "tool_call", **call, state="waiting")])
    assert "code, as the model wrote it" in asked
    assert "for n in range(3):\n    print(n)</pre>" in asked
    assert "items, as the model wrote it" in asked
    changed = json.dumps({"code": "1\n2", "note": "y"})
    edited = log(run, "tool_decision", id="call_1", decision="allow", arguments=changed)
    shown = renderer.feed([edited])
    assert ">1\n2</pre>" in shown
    assert "note&quot;: &quot;y" in shown
    assert "&quot;code&quot;" not in shown


@pytest.mark.parametrize(
    "arguments", ["{", "[1]", '"a\\nb"', "", "[" * 100_000, "[" * 500 + "]" * 500], ids=len
)
def test_arguments_that_are_no_object_are_shown_as_they_are(
    answer: Message, arguments: str
) -> None:
    run = answer.run
    assert run
    call = {"id": "call_1", "name": "python_repl", "arguments": arguments}
    assert 'id="part-' in ReplyRenderer(run).start([log(run, "tool_call", **call, state="waiting")])


def test_a_tool_call_asks_runs_and_shows_its_result(answer: Message) -> None:
    run = answer.run
    assert run
    renderer = ReplyRenderer(run)
    renderer.start([log(run, "text", text="Let me see.")])
    call = {"id": "call_1", "name": "calculator", "arguments": '{"expression": "2<3"}'}
    asked = renderer.feed(
        [log(run, "tool_call", **call, state="waiting"), log(run, "state", state="waiting")]
    )
    assert f"/chat/messages/{answer.id}/calls/call_1/" in asked
    assert "2&lt;3" in asked
    assert "Waits for you" in asked
    decided = renderer.feed(
        [log(run, "tool_decision", id="call_1", decision="allow", arguments='{"expression": "2"}'),
         log(run, "state", state="running")]
    )  # fmt: skip
    assert "<form" not in decided
    assert "Running" in decided
    done = renderer.feed(
        [log(run, "tool_result", id="call_1", success=True, result="<2>", error=None, seconds=0.25)]
    )
    assert "&lt;2&gt;" in done
    assert "0.25 s" in done
    renderer.feed([log(run, "text", text="It is 2.")])
    final = renderer.feed([end(run)])
    assert final.index("Let me see.") < final.index("calculator") < final.index("It is 2.")
    answer.refresh_from_db()
    assert answer.content == "Let me see.\n\nIt is 2."
    assert [part["kind"] for part in answer.parts] == ["text", "tool", "text"]
    assert answer.parts[1]["arguments"] == '{"expression": "2"}'


@pytest.mark.parametrize(("id", "segment"), [("a/b", "a/b"), ("a?b c", "a%3Fb%20c")])
def test_a_call_of_any_id_can_be_decided_on(answer: Message, id: str, segment: str) -> None:
    """Remote servers choose the ids of their calls."""
    run = answer.run
    assert run
    call = {"id": id, "name": "calculator", "arguments": "{}"}
    renderer = ReplyRenderer(run)
    renderer.start([])
    asked = renderer.feed(
        [log(run, "tool_call", **call, state="waiting"), log(run, "state", state="waiting")]
    )
    assert f'hx-post="/chat/messages/{answer.id}/calls/{segment}/"' in asked
    assert resolve(unquote(f"/chat/messages/{answer.id}/calls/{segment}/")).kwargs["call_id"] == id


def status(frame: str) -> str:
    """The state that is shown below the answer."""
    found = re.search(r'-status" data-state="(\w+)"', frame)
    assert found
    return found[1]


def test_it_waits_visibly_whenever_the_model_was_asked(answer: Message) -> None:
    run = answer.run
    assert run
    renderer = ReplyRenderer(run)
    call = {"id": "a", "name": "calculator", "arguments": "{}", "state": "running"}
    states = [
        renderer.start([]),
        renderer.feed([log(run, "text", text="Let me see.")]),
        renderer.feed([log(run, "tool_call", **call)]),
        renderer.feed([log(run, "tool_result", id="a", success=True, result="2")]),
        renderer.feed([log(run, "text", text="It is 2.")]),
    ]
    assert list(map(status, states)) == ["starting", "writing", "writing", "starting", "writing"]
    late = ReplyRenderer(run).start([log(run, "tool_result", id="b", success=True, result="2")])
    assert status(late) == "starting"


def test_a_continued_answer_shows_what_stood_before(answer: Message) -> None:
    run = answer.run
    assert run
    run.params["before"] = [{"kind": "text", "text": "The capital "}]
    run.save()
    renderer = ReplyRenderer(run)
    assert "The capital" in renderer.start([])
    assert "The capital is Paris." in renderer.feed([log(run, "text", text="is Paris.")])
    renderer.feed([end(run)])
    answer.refresh_from_db()
    assert answer.content == "The capital is Paris."


def test_a_failed_answer_ends_with_its_error(answer: Message) -> None:
    run = answer.run
    assert run
    renderer = ReplyRenderer(run)
    renderer.start([log(run, "text", text="Half")])
    run.error = {"code": "worker_lost", "message": "The <process> ended.", "details": {}}
    error = log(run, "error", **run.error)
    frame = renderer.feed([error, end(run, "failed")])
    assert "The &lt;process&gt; ended." in frame
    assert "Continue" in frame
    assert "Half" in frame


def test_a_model_that_stands_in_is_named(answer: Message) -> None:
    run = answer.run
    assert run
    run.params["asked_of"] = "big"
    run.model = "small"
    run.save()
    renderer = ReplyRenderer(run)
    renderer.start([log(run, "text", text="Well.")])
    assert "big cannot be fetched now. small answered instead." in renderer.feed([end(run)])


def test_a_call_that_was_cut_off_has_no_result(answer: Message) -> None:
    run = answer.run
    assert run
    renderer = ReplyRenderer(run)
    call = {"id": "call_1", "name": "calculator", "arguments": "{}"}
    assert "Waits for you" in renderer.start([log(run, "tool_call", **call, state="waiting")])
    final = renderer.feed([end(run, "interrupted")])
    assert "No result" in final
    assert "<form" not in final
