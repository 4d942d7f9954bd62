"""Markdown becomes safe HTML, and a growing text becomes the same HTML as the whole one."""

from __future__ import annotations

import random
import time
from html.parser import HTMLParser

import pytest

from chat.rendering.markdown import HTML, MATHML, MarkdownStream, render
from tests.chat.rendering.corpus import HOSTILE, ORDINARY

ALLOWED_TAGS = set(HTML) | set(MATHML)
ALLOWED_ATTRIBUTES = {"target", "rel", "type", "disabled"}.union(*HTML.values(), *MATHML.values())


class Inspector(HTMLParser):
    """Complains of every tag, attribute and address that is not harmless."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED_TAGS, tag
        for name, value in attrs:
            assert name in ALLOWED_ATTRIBUTES, f"{tag} {name}"
            assert not name.startswith(("on", "hx-", "ws-", "style", "src", "id")), name
            if name == "href":
                assert str(value).startswith(("http://", "https://", "mailto:")), value


def inspect(html: str) -> None:
    Inspector(convert_charrefs=True).feed(html)


def stream(text: str, cuts: random.Random) -> str:
    """The HTML that a page ends up with, from random pieces."""
    renderer, html, tail, at = MarkdownStream(), "", "", 0
    while at < len(text):
        size = cuts.randint(1, 14)
        finished, tail = renderer.feed(text[at : at + size])
        html += finished
        at += size
    return html + tail


@pytest.mark.parametrize("text", ORDINARY + HOSTILE)
def test_streamed_is_final(text: str) -> None:
    for seed in range(25):
        assert stream(text, random.Random(seed)) == render(text)


def test_streamed_is_final_for_texts_put_together() -> None:
    for seed in range(150):
        cuts = random.Random(seed)
        text = "\n\n".join(cuts.sample(ORDINARY + HOSTILE, 4))
        assert stream(text, cuts) == render(text)


def test_finished_blocks_are_given_out_once() -> None:
    renderer = MarkdownStream()
    first, second = '<p dir="auto">First.</p>\n', '<p dir="auto">Second one.</p>\n'
    assert renderer.feed("First.\n\nSecond one") == ("", first + second.replace(".", ""))
    assert renderer.feed(".\n") == (first, second)
    assert renderer.feed("More.") == ("", '<p dir="auto">Second one.<br>\nMore.</p>\n')


def test_a_long_text_is_not_rendered_again_and_again() -> None:
    renderer = MarkdownStream()
    for number in range(400):
        _, tail = renderer.feed(f"Paragraph {number} with some words.\n\n")
        assert len(tail) < 100


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_survives(text: str) -> None:
    for place in (text, f"- {text}", f"> {text}", f"words {text} words", f"**{text}**"):
        inspect(render(place))


def test_links_tell_nothing_and_follow_nothing() -> None:
    html = render("[x](https://example.org)")
    assert 'rel="noopener noreferrer nofollow"' in html
    assert 'target="_blank"' in html
    assert "<a" not in render("[x](/admin/)").replace("<a target", "").replace("<a rel", "")


def test_pictures_become_links() -> None:
    html = render("![a cat](https://example.org/cat.png)")
    assert "<img" not in html
    assert 'href="https://example.org/cat.png"' in html
    assert "a cat" in html


def test_code_has_language_colours_and_a_button() -> None:
    html = render("```python\nx = 1\n```")
    assert "<span>python</span>" in html
    assert "data-copy" in html
    assert '<span class="mi">1</span>' in html


def test_code_of_an_unknown_language_is_plain() -> None:
    assert '<pre dir="ltr"><code dir="ltr">x &lt; 1\n</code></pre>' in render(
        "```nonsense\nx < 1\n```"
    )


@pytest.mark.parametrize(
    "text", ["$x^2$", "\\(x^2\\)", "$$x^2$$", "\\[x^2\\]", "a\n\\[\nx^2\n\\]\nb"]
)
def test_math_is_mathml(text: str) -> None:
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in render(text)


def test_unreadable_math_shows_its_source() -> None:
    assert '<code dir="ltr">\\left( x</code>' in render("$\\left( x$")


def test_money_is_not_math() -> None:
    assert "<math" not in render("It costs $5 or $10.")


def test_tables_align_without_style() -> None:
    html = render("| a |\n|--:|\n| 1 |")
    assert '<td class="right">1</td>' in html


@pytest.mark.parametrize(
    "text",
    ["[" * 20_000, "*a " * 20_000, "> " * 5_000, "\\[" * 20_000, "$a " * 20_000, "`" * 20_001,
     "<b>" * 20_000, "<b>" * 9_000 + "</i>" * 9_000, "<b>" * 5_000 + "</b>" * 5_000,
     "<details>\n" * 2_000, "<details>\n" * 2_000 + "</details>", "$$\n\n" * 3_000,
     "$$" + "\n" * 20_000, "a" * 20_000 + "$", "$x" + "a" * 20_000, "a:" * 20_000,
     "\\begin{align}\n" * 3_000, "\\[x\n\n" * 3_000, "```md\n" * 3_000, "```md\n\n```\nx\n" * 1_000,
     "https://" * 5_000, "https://a.b/" + "(" * 9_000 + ")" * 9_500, "**：" * 5_000,
     "- [ ] x\n" * 2_000,
     "\\begin{matrix} " * 2_000, "$\\alpha $" * 2_000, "$$" + "\\sqrt " * 600 + "x$$",
     "$$" + "\\left(" * 300 + "x" + "\\right)" * 300 + "$$", "$x" + "'" * 3_900 + "$",
     "` <b>" * 5_000,
     "\\(" * 20_000, "- " * 3_000, "|a" * 5_000 + "\n" + "|-" * 5_000, "$" + "{" * 1_900 + "$"],
)  # fmt: skip
def test_hostile_length_ends(text: str) -> None:
    started = time.process_time()
    render(text)
    MarkdownStream().feed(text)
    assert time.process_time() - started < 20


def test_names_of_functions_keep_their_distance() -> None:
    html = render("$n \\log n$")
    assert "<mi>log</mi>" in html
    assert '<mo lspace="0.1667em">\u2061</mo><mi>n</mi>' in html
