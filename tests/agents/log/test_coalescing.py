"""Text is merged at about a tenth of a second; the first piece and everything else go at once."""

import threading

import pytest

from agents.log import events
from agents.log.coalescing import LogWriter
from agents.loops.contract import LoopEvent
from tests.agents.conftest import text
from tests.waiting import eventually


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def written():
    return []


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def writer(written, clock):
    return LogWriter(lambda batch: written.append(list(batch)), clock)


def test_the_first_piece_goes_at_once_and_the_next_are_merged(writer, written, clock):
    writer.add(text("a"))
    assert written == [[text("a")]]
    for piece in "bcd":
        clock.now += 0.02
        writer.add(text(piece))
    assert len(written) == 1
    clock.now += 0.05
    writer.add(text("e"))
    assert written[1:] == [[text("bcde")]]


def test_kinds_of_text_do_not_mix(writer, written):
    writer.add(text("a"))
    for event in (
        LoopEvent("thinking", {"text": "b"}),
        LoopEvent("thinking", {"text": "c"}),
        text("d"),
        LoopEvent("step_text", {"step": 1, "text": "e"}),
        LoopEvent("step_text", {"step": 2, "text": "f"}),
        LoopEvent("step_text", {"step": 2, "text": "g"}),
    ):
        writer.add(event)
    writer.flush()
    assert written[1] == [
        LoopEvent("thinking", {"text": "bc"}),
        text("d"),
        LoopEvent("step_text", {"step": 1, "text": "e"}),
        LoopEvent("step_text", {"step": 2, "text": "fg"}),
    ]


def test_other_events_go_at_once_after_the_text_before_them(writer, written):
    writer.add(text("a"))
    writer.add(text("b"))
    usage = LoopEvent("usage", {"prompt_tokens": 1})
    writer.add(usage)
    assert written == [[text("a")], [text("b"), usage]]


def test_nothing_is_lost_when_the_log_refuses(clock):
    refusing, written = [True], []

    def append(batch):
        if refusing[0]:
            raise OSError("disk full")
        written.extend(batch)

    writer = LogWriter(append, clock)
    with pytest.raises(OSError, match="disk full"):
        writer.add(text("a"))
    refusing[0] = False
    writer.add(text("b"))
    assert written == [text("ab")]


def test_held_back_text_comes_though_the_loop_is_silent(runs):
    go_on = threading.Event()

    def loop(run):
        yield text("first ")
        yield text("second")
        go_on.wait(20)

    run = runs.start(loop)
    eventually(
        lambda: "".join(e.data.get("text", "") for e in events.read(run.id)) == "first second"
    )
    assert not go_on.is_set()
    go_on.set()
    assert runs.until(run).output == "first second"


def test_a_thousand_quick_tokens_make_few_events(runs):
    def loop(run):
        for number in range(1000):
            yield text(f"{number} ")

    run = runs.until(runs.start(loop))
    assert run.output == "".join(f"{number} " for number in range(1000))
    assert run.last_seq < 100
