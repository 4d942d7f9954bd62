"""A person gives goals, watches, stops, resumes and forks in Chromium.

The model is scripted: an OpenAI-compatible server on loopback. All else is the product.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Watch, send
from tests.remote_model import RemoteModel, step
from tests.server import CortexServer

pytestmark = [pytest.mark.browser, pytest.mark.live]

HOSTILE = "<img src=x onerror=alert(1)>"
SUM = [
    step("calculator", "One and one first.", expression="1+1"),
    step("calculator", "Then two and two.", expression="2+2"),
    step("finish", "It stands.", answer="The sum is 4."),
]
LONG = " ".join(f"word{n}" for n in range(60))


@pytest.fixture(scope="module")
def remote(site: tuple[CortexServer, RemoteModel]) -> RemoteModel:
    _, made = site
    made.delay = 0.03
    return made


@pytest.fixture
def page(watch: Watch, context: BrowserContext) -> Page:
    return context.new_page()


def start(page: Page, server: CortexServer, goal: str) -> str:
    """Give a goal; gives the address of its run."""
    page.goto(f"{server.url}/agents/")
    page.get_by_label("Goal").fill(goal)
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page).to_have_url(re.compile(r"/agents/[0-9a-f-]{36}/$"))
    return page.url


def ended(page: Page) -> None:
    expect(page.locator("[data-live]")).to_have_count(0, timeout=60_000)


def test_steps_arrive_and_the_answer_stands(
    page: Page, server: CortexServer, remote: RemoteModel
) -> None:
    remote.scripts["sum"] = [step("calculator", f"One and one. {LONG}", expression="1+1"), *SUM[1:]]
    start(page, server, f"sum {HOSTILE}")
    expect(page.locator(".step__writing")).to_contain_text("One and")  # while it is written
    expect(page.locator(".step").first).to_contain_text("Success: 2")
    ended(page)
    expect(page.locator(".answer")).to_contain_text("The sum is 4.")
    expect(page.locator(".step")).to_have_count(3)
    expect(page.locator(".segment").first).to_be_visible()
    expect(page.locator("h1")).to_have_text(f"sum {HOSTILE}")
    second = page.locator(".step").nth(1)
    second.locator(".step__prompt summary").click()
    expect(second).to_contain_text("Goal: sum")
    expect(second).to_contain_text("Observation: Success: 2")
    page.reload()
    expect(page.locator(".step")).to_have_count(3)
    page.goto(f"{server.url}/agents/")
    expect(page.locator(".runs__row").first).to_contain_text("completed")


def test_a_reload_in_the_middle_goes_on(
    page: Page, server: CortexServer, remote: RemoteModel
) -> None:
    remote.scripts["again"] = [step("calculator", LONG, expression="1+1"), *SUM[1:]]
    start(page, server, "again")
    expect(page.locator(".step__writing")).to_contain_text("word1")
    page.reload()
    ended(page)
    expect(page.locator(".step")).to_have_count(3)
    assert page.locator("[id]").evaluate_all("all => new Set(all.map(e => e.id)).size") == (
        page.locator("[id]").count()
    )


def test_stop_then_resume(page: Page, server: CortexServer, remote: RemoteModel) -> None:
    remote.scripts["halt"] = [
        SUM[0],
        step("calculator", LONG, expression="2+2"),
        step("finish", answer="done"),
    ]
    start(page, server, "halt")
    expect(page.locator(".step").nth(1)).to_contain_text("word1")
    page.get_by_role("button", name="Stop").click()
    ended(page)
    expect(page.locator(".run__facts")).to_contain_text("stopped")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".answer")).to_contain_text("done", timeout=60_000)
    expect(page.locator(".step")).to_have_count(3)


def test_fork_with_another_observation_then_compare(
    page: Page, server: CortexServer, remote: RemoteModel, watch: Watch
) -> None:
    watch.network_may_fail = True  # the browser reports the status 422
    remote.scripts["parts"] = SUM
    first = start(page, server, "parts")
    ended(page)
    before = page.locator(".steps").inner_text()
    remote.scripts["parts"] = [*SUM[:2], step("finish", answer="The sum is 5.")]
    page.get_by_role("link", name="Fork from step 2").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Action input").fill("{")
    dialog.get_by_role("button", name="Fork").click()
    expect(dialog.locator("#id_action_input_error")).to_contain_text("This is not JSON")
    dialog.get_by_label("Action input").fill('{"expression": "2+2"}')
    dialog.get_by_label("Observation").fill("Success: 5")
    dialog.get_by_role("button", name="Fork").click()
    expect(page.locator(".answer")).to_contain_text("The sum is 5.", timeout=60_000)
    expect(page.locator(".run__facts")).to_contain_text("Forked at step 2")
    page.get_by_role("link", name="Forked at step 2").click()
    expect(page).to_have_url(first)
    assert page.locator(".steps").inner_text() == before
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("Right").select_option(index=1)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("status").first).to_contain_text("They part at step 2.")
    expect(page.locator(".step--differs")).to_have_count(2)


def test_a_bad_option_is_shown_where_it_is(page: Page, server: CortexServer, watch: Watch) -> None:
    watch.network_may_fail = True  # the browser reports the status 422
    page.goto(f"{server.url}/agents/")
    page.get_by_label("Goal").fill("g")
    page.locator(".goal__options > summary").click()
    page.get_by_label("Steps at most").fill("0")
    page.get_by_label("Context").fill("no colon")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator("#id_max_iterations_error")).to_contain_text("greater than")
    expect(page.locator("#id_context_error")).to_contain_text("Line 1")
    expect(page.get_by_label("Goal")).to_have_value("g")


def test_two_runs_and_two_chats_at_once_one_cancelled(
    page: Page, context: BrowserContext, server: CortexServer, remote: RemoteModel
) -> None:
    slow = [step("calculator", LONG, expression="1+1"), step("finish", answer="unmoved")]
    remote.scripts |= {"runs A": slow, "runs B": slow, "chat C": [LONG], "chat D": [LONG]}
    remote.gate.clear()
    runs = [page, context.new_page()]
    chats = [context.new_page(), context.new_page()]
    for name, run in zip("AB", runs, strict=True):
        start(run, server, f"runs {name}")
    for name, chat in zip("CD", chats, strict=True):
        chat.goto(server.url)
        send(chat, f"chat {name}")
    for one in (*runs, *chats):
        expect(one.locator("[data-live]")).to_have_count(1)
    runs[0].get_by_role("button", name="Stop").click()
    ended(runs[0])
    expect(runs[0].locator(".run__facts")).to_contain_text("stopped")
    remote.gate.set()
    ended(runs[1])
    expect(runs[1].locator(".answer")).to_contain_text("unmoved")
    for chat in chats:
        ended(chat)
        expect(chat.locator(".message--assistant").last).to_contain_text(LONG)


def test_a_chat_hands_its_message_to_the_agent(
    page: Page, server: CortexServer, remote: RemoteModel
) -> None:
    remote.scripts["by agent"] = [step("calculator", LONG, expression="1+1"), *SUM[1:]]
    page.goto(server.url)
    page.get_by_label("Message", exact=True).fill("by agent")
    page.get_by_role("button", name="Solve with agent").click()
    answer = page.locator(".message--assistant")
    expect(answer.locator(".step__writing")).to_contain_text("word1")
    ended(page)
    expect(answer.locator(".prose")).to_contain_text("The sum is 4.")
    expect(answer.locator(".step")).to_have_count(0)
    answer.get_by_text("Steps of the agent").click()
    expect(answer.locator(".step")).to_have_count(3)
    answer.get_by_role("link", name="Fork from step 1").click()
    expect(page.get_by_role("dialog")).to_contain_text("Fork from step 1")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    send(page, "and then?")
    ended(page)
    expect(page.locator(".message--assistant").last).to_contain_text("Then two and two.")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(
    page: Page, server: CortexServer, remote: RemoteModel, width: int
) -> None:
    remote.scripts["wide"] = [
        step("calculator", "w" * 200, expression="+".join(["1"] * 200)),
        step("finish", answer="w" * 400),
    ]
    page.set_viewport_size({"width": width, "height": 800})
    start(page, server, "wide " + "w" * 200)
    ended(page)
    for address in (page.url, f"{server.url}/agents/"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        wider = "e => e.scrollWidth > e.clientWidth"
        assert not page.locator("#content").evaluate(wider)
