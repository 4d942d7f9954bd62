"""How a real browser sets an answer: formulas in columns, brackets that grow, directions."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.conftest import Watch
from tests.e2e.rendering_pictures import ANSWER, QUESTION
from tests.e2e.screenshots import bring_in
from tests.server import CortexServer

pytestmark = [pytest.mark.browser, pytest.mark.live]


@pytest.fixture
def page(watch: Watch, context: BrowserContext, server: CortexServer) -> Page:
    """The answer with all that models write."""
    page = context.new_page()
    page.goto(server.url)
    bring_in(page, "שיחה", QUESTION, ANSWER)
    page.locator(".prose details").evaluate_all("all => all.forEach(one => (one.open = true))")
    return page


def box(element: Locator) -> dict[str, float]:
    found = element.bounding_box()
    assert found
    return dict(found)


def right(element: Locator) -> float:
    return box(element)["x"] + box(element)["width"]


def test_a_browser_sets_an_answer(page: Page) -> None:
    equations = page.locator(".math--display math").first.locator("> mtable > mtr")
    first, second = (equations.nth(number).locator("> mtd") for number in (0, 1))
    assert abs(right(first.nth(1)) - right(second.nth(1))) < 1
    assert abs(box(first.nth(2))["x"] - box(second.nth(2))["x"]) < 1
    assert box(second.nth(2))["y"] >= box(first.nth(2))["y"] + box(first.nth(2))["height"] - 2

    brackets_grow(page)
    boxes_have_names(page)
    words_run_in_their_direction(page)
    nothing_is_wider_than_the_page(page)


def brackets_grow(page: Page) -> None:
    matrix = page.locator(".prose mrow:has(> mtable)").filter(has_text="⋱").last
    bracket, table = box(matrix.locator("> mo").first), box(matrix.locator("> mtable"))
    assert bracket["height"] > 0.85 * table["height"]


def boxes_have_names(page: Page) -> None:
    written = page.get_by_role("checkbox", name="Write the tests", exact=True)
    expect(written).to_be_checked()
    expect(written).to_be_disabled()
    expect(page.get_by_role("checkbox", name="also on a phone")).not_to_be_checked()


def words_run_in_their_direction(page: Page) -> None:
    prose = page.locator(".prose")
    hebrew = prose.locator("p", has_text="הוא יחידת ריצה")
    listed = prose.locator("ul", has_text="תהליך אחד").first
    table = prose.locator("table", has_text="אחת")
    for element in (hebrew, listed, table, page.locator(".message__words")):
        expect(element).to_have_css("direction", "rtl")
    assert box(table.locator("th").nth(0))["x"] > box(table.locator("th").nth(1))["x"]
    assert float(listed.evaluate("e => parseFloat(getComputedStyle(e).paddingRight)")) > 10
    expect(prose.locator("pre", has_text="print").first).to_have_css("direction", "ltr")
    expect(hebrew.locator("code").first).to_have_css("direction", "ltr")
    expect(prose.locator("p", has_text="Roses")).to_have_css("direction", "ltr")
    expect(page.locator("#composer-text")).to_have_attribute("dir", "auto")
    expect(page.locator(".conversation__title", has_text="שיחה").first).to_have_css(
        "direction", "rtl"
    )


def nothing_is_wider_than_the_page(page: Page) -> None:
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        scroll = page.locator("#scroll")
        assert scroll.evaluate("e => e.scrollWidth - e.clientWidth") <= 0
