"""Tools in running servers: two processes at once, clients that leave, packages, a browser."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.tooling.packages import TOOL, install
from tests.waiting import eventually

pytestmark = pytest.mark.live

WAITING_TOOL = '''
import os, time
from tooling.base import BaseTool, ToolParameter, ToolResult


class WaitingTool(BaseTool):
    """Writes a file when it starts and another when it is told to stop."""

    name = "waiting"
    description = "Waits"
    parameters = {}

    def execute(self):
        open(os.path.join(os.environ["WAITING_DIR"], "started"), "w").close()
        if self.stop_event.wait(25):
            open(os.path.join(os.environ["WAITING_DIR"], "stopped"), "w").close()
        return ToolResult(success=True)
'''


def execute(server, name, **parameters):
    body = {"tool_name": name, "parameters": parameters}
    return requests.post(f"{server.url}/api/tools/execute", json=body, timeout=60)


def waiting_server(server_factory, folder):
    """A server with WAITING_TOOL, which writes its files into the folder."""
    point, modules = {"w": "waiting_tool:WaitingTool"}, {"waiting_tool": WAITING_TOOL}
    site = install(folder, "waiting", point, modules)
    return server_factory.start(env={"PYTHONPATH": str(site), "WAITING_DIR": str(folder)})


@pytest.mark.services
def test_a_switch_holds_at_once_in_every_process(server_factory, postgres):
    first = server_factory.start(env={"DATABASE_URL": postgres})
    second = server_factory.start(env={"DATABASE_URL": postgres, "DATA_DIR": str(first.data)})
    assert execute(second, "web_search", query="").status_code == 400  # it is on there
    for state, verb in ((False, "disable"), (True, "enable"), (False, "disable")):
        requests.post(f"{first.url}/api/tools/web_search/{verb}", timeout=10).raise_for_status()
        tools = requests.get(f"{second.url}/api/tools", timeout=10).json()["tools"]
        assert {tool["name"]: tool["enabled"] for tool in tools}["web_search"] is state
        status = execute(second, "web_search", query="").status_code
        assert status == (400 if state else 409)


def test_a_pip_installed_package_adds_a_tool(server_factory, tmp_path):
    site = install(tmp_path, "cortex_shout", {"shout": "shouting:ShoutTool"}, {"shouting": TOOL})
    server = server_factory.start(env={"PYTHONPATH": str(site)})
    assert execute(server, "shout", text="cheese").json() == {
        "success": True,
        "result": "CHEESE!",
        "error": None,
    }
    names = [t["name"] for t in requests.get(f"{server.url}/api/tools", timeout=10).json()["tools"]]
    assert "shout" in names


def test_a_client_that_leaves_ends_its_call(server_factory, tmp_path):
    server = waiting_server(server_factory, tmp_path)
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(
            f"{server.url}/api/tools/execute", json={"tool_name": "waiting"}, timeout=(5, 1)
        )
    assert (tmp_path / "started").exists()
    eventually((tmp_path / "stopped").exists)


def test_twenty_calls_at_once_are_all_answered(cortex_server):
    with ThreadPoolExecutor(20) as pool:
        calls = [
            pool.submit(execute, cortex_server, "calculator", expression=f"{n}*{n}")
            for n in range(20)
        ]
    assert [call.result().json()["result"] for call in calls] == [str(n * n) for n in range(20)]


@pytest.mark.browser
def test_a_switch_in_the_admin_shows_on_the_tools_page_at_once(server_factory, browser: Browser):
    server = server_factory.start()
    page, admin = browser.new_context().new_page(), browser.new_context().new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(f"{server.url}/tools/")
    row = page.get_by_role("switch", name="web_search")
    expect(row).to_be_checked()

    admin.goto(f"{server.url}/admin/tooling/tool/")
    admin.locator("tr", has_text="web_search").locator("input[name$=-enabled]").uncheck()
    admin.get_by_role("button", name="Save").click()
    expect(row).not_to_be_checked(timeout=4000)
    assert execute(server, "web_search", query="x").status_code == 409

    row.click()  # and back, from the page
    expect(row).to_be_checked(timeout=4000)
    assert not problems


@pytest.mark.browser
def test_running_and_cancelling_in_the_page_by_keyboard(server_factory, tmp_path, browser: Browser):
    server = waiting_server(server_factory, tmp_path)
    page = browser.new_context(viewport={"width": 390, "height": 800}).new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(f"{server.url}/tools/tool/waiting/")
    page.get_by_role("button", name="Run").focus()
    page.keyboard.press("Enter")
    result = page.locator("#result")
    expect(result.get_by_role("progressbar")).to_be_visible()
    status = page.get_by_role("status").filter(has_text="waiting")  # what a screen reader says
    expect(status).to_have_text("waiting: running")
    cancel = result.get_by_role("button", name="Cancel")
    cancel.focus()
    expect(cancel).to_be_focused()
    page.wait_for_timeout(800)  # the card is replaced meanwhile
    expect(cancel).to_be_focused()
    page.keyboard.press("Enter")
    expect(result).to_contain_text("cancelled", timeout=8000)
    expect(status).to_have_text("waiting: cancelled")
    expect(page.locator("#calls details")).to_have_count(1)
    page.locator("#calls summary").click()
    expect(page.locator("#calls .log__body")).to_contain_text("Arguments")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    assert not problems


@pytest.mark.browser
def test_a_slow_press_of_a_button_counts_though_its_card_is_renewed_meanwhile(
    server_factory, tmp_path, browser: Browser
):
    server = waiting_server(server_factory, tmp_path)
    page = browser.new_context().new_page()
    page.goto(f"{server.url}/tools/tool/waiting/")
    page.get_by_role("button", name="Run").click()
    result = page.locator("#result")
    result.get_by_role("button", name="Cancel").hover()
    page.mouse.down()
    page.wait_for_timeout(900)  # three times as long as the card waits before it asks again
    page.mouse.up()
    expect(result).to_contain_text("cancelled", timeout=8000)
