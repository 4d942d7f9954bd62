"""Words and blocks as models write them: tags, links, lists, lines, scripts and directions."""

from __future__ import annotations

import re
import textwrap

import pytest

from chat.rendering.markdown import render
from chat.rendering.tagrules import PAIRS

PARAGRAPH = '<p dir="auto">'


def inner(text: str) -> str:
    """The HTML of a text that is one paragraph."""
    found = re.fullmatch(r'<p dir="auto">(.*)</p>\n', render(text), re.DOTALL)
    assert found, render(text)
    return found[1]


def shown(html: str) -> str:
    """What a reader sees, without tags."""
    return re.sub(r"<[^>]*>", "", html)


# Tags


@pytest.mark.parametrize("tag", [*PAIRS, "SUB"])
def test_tags_that_answers_may_use(tag: str) -> None:
    assert inner(f"a <{tag}>b *c*</{tag}> d") == (
        f"a <{tag.lower()}>b <em>c</em></{tag.lower()}> d"
    )


@pytest.mark.parametrize("tag", ["<br>", "<br/>", "<br />", "<BR>"])
def test_a_break_breaks_the_line_also_in_a_table(tag: str) -> None:
    assert inner(f"a{tag}b") == "a<br>\nb"
    assert "1<br>\n2</td>" in render(f"| a |\n|---|\n| 1{tag}2 |")


@pytest.mark.parametrize(
    "text",
    ["<b>x", "x</b>", "<b>x</i>", "<b class=x>y</b>", "<sub onclick=x>y</sub>", "<br class=x>",
     "<div>x</div>", "<font>x</font>", "<summary>x</summary>", "<input>", "< b>x</ b>",
     "<script>x</script>", "<a href=x>y</a>", "<b/>", "<details>x"],
)  # fmt: skip
def test_all_other_tags_are_text(text: str) -> None:
    html = render(text)
    assert shown(html).strip().replace("&lt;", "<").replace("&gt;", ">") == text


def test_pairs_that_cross_are_text_where_they_cross() -> None:
    assert inner("<b>a <i>b</b> c</i>") == "<b>a &lt;i&gt;b</b> c&lt;/i&gt;"


def test_tags_in_code_are_code() -> None:
    assert inner("`<b>` and <b>`</b>` x</b>") == (
        '<code dir="ltr">&lt;b&gt;</code> and <b><code dir="ltr">&lt;/b&gt;</code> x</b>'
    )


@pytest.mark.parametrize(
    "text",
    ["<details>\n<summary>S *s*</summary>\n\nbody\n\n</details>",
     "<details><summary>S *s*</summary>\nbody\n</details>",
     "<details><summary>S *s*</summary>body</details>",
     "<details open>\n<summary>\nS *s*\n</summary>\nbody</details>"],
)  # fmt: skip
def test_details_fold_markdown(text: str) -> None:
    html = render(f"before\n{text}\n\nafter")
    assert re.search(
        r'<details dir="auto">\s*<summary>S <em>s</em></summary>\s*<p>body</p>\s*</details>', html
    ), html
    assert html.startswith(f"{PARAGRAPH}before</p>")
    assert html.endswith(f"{PARAGRAPH}after</p>\n")


def test_details_hold_details_and_fences() -> None:
    html = render("<details>\n<details>\n\n```\n</details>\n```\n\n</details>\nx\n</details>")
    assert html.count("<details") == html.count("</details>") == 2
    assert "&lt;/details&gt;" in html


# Links


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://example.org.", "https://example.org"),
        ("(https://example.org/a)", "https://example.org/a"),
        ("https://example.org/a_(b)", "https://example.org/a_(b)"),
        ("(see https://example.org/a_(b)).", "https://example.org/a_(b)"),
        ("**https://example.org/**", "https://example.org/"),
        ("https://example.org/?a=1&b=2#c!", "https://example.org/?a=1&amp;b=2#c"),
        ("http://localhost:8000/x, and", "http://localhost:8000/x"),
        ("详见https://example.com/x。好", "https://example.com/x"),
        ("https://example.com，好", "https://example.com"),
        ("“https://example.com/x”", "https://example.com/x"),
        ("HTTPS://example.org", "HTTPS://example.org"),
        ("https://münchen.de/x", "https://xn--mnchen-3ya.de/x"),
        ("在https://example.com查看", "https://example.com"),
        ("http://127.0.0.1:8000/a-b_c", "http://127.0.0.1:8000/a-b_c"),
        ("https://a.org/x_(y)_z and", "https://a.org/x_(y)_z"),
        ("https://de.wikipedia.org/wiki/Bär", "https://de.wikipedia.org/wiki/B%C3%A4r"),
    ],
)
def test_bare_addresses_are_links(text: str, address: str) -> None:
    html = render(text)
    assert re.findall('href="([^"]*)"', html) == [address]
    assert shown(html).strip().replace("&amp;", "&") == text.replace("**", "")


@pytest.mark.parametrize(
    "text", ["https://", "xhttps://example.org", "ftp://example.org", "`https://example.org`",
             "javascript://example.org", "https:example.org"],
)  # fmt: skip
def test_what_is_no_address_is_no_link(text: str) -> None:
    assert "<a" not in render(text)


def test_a_link_holds_no_link() -> None:
    assert render("[see https://a.org](https://b.org)").count("<a") == 1
    assert render("<https://a.org>").count("<a") == 1


# Lists


def test_a_checklist_has_boxes_with_names() -> None:
    html = render("- [ ] buy `milk` and **eggs**\n- [x] done\n- plain")
    boxes = re.findall(r"<input[^>]*>", html)
    assert len(boxes) == 2
    assert all('type="checkbox"' in box and "disabled" in box for box in boxes)
    assert 'aria-label="buy milk and eggs"' in boxes[0]
    assert "checked" not in boxes[0]
    assert "checked" in boxes[1]
    assert "[ ]" not in html
    assert "<li>plain</li>" in html


def test_a_checklist_may_be_loose_and_nested() -> None:
    html = render("1. [x] a\n\n   more\n\n2. [ ] b\n   - [ ] c\n")
    assert html.count("<input") == 3
    assert html.index('aria-label="b"') < html.index('aria-label="c"')


@pytest.mark.parametrize("depth", [19, 20, 29, 40, 100])
def test_deep_lists_and_quotes_keep_their_words(depth: int) -> None:
    by_indent = "".join("  " * level + f"- level{level}.\n" for level in range(depth))
    for text in (by_indent, "> " * depth + "word0.", "- " * depth + "word0."):
        words = re.findall(r"[a-z]+\d+\.", text)
        assert re.findall(r"[a-z]+\d+\.", shown(render(text + "\n\nafter"))) == words


# Lines


@pytest.mark.parametrize(
    "text",
    ["Roses are red,\nviolets are blue.", "Anna Berg\n12 High Street\n80331 Munich",
     "- one\n  two", "> one\n> two", "**Name:** Anna\n**Age:** 7",
     "A first sentence that is longer than the sixty columns of an editor.\n"
     "A second sentence that is longer than the sixty columns of an editor.\nA third."],
)  # fmt: skip
def test_lines_of_the_answer_are_lines(text: str) -> None:
    assert render(text).count("<br>") == text.count("\n")


def test_a_paragraph_that_an_editor_wrapped_is_not_broken() -> None:
    text = (
        "This paragraph was hard-wrapped by an editor at some seventy columns, as\n"
        "files in repositories often are, so its line ends mean nothing to those\n"
        "who read it."
    )
    assert "<br>" not in render(text)
    assert "<br>" not in render("\n".join(textwrap.wrap(" ".join([text] * 5), 72)))
    assert render("Dear reader,\n" + text).count("<br>") == 3


def test_a_break_is_not_doubled() -> None:
    assert inner("a<br>\nb") == "a<br>\n\nb"
    assert inner("a  \nb") == "a<br>\nb"
    assert "<br>" not in render("It is $$x$$\nso.")


# East Asian writing


@pytest.mark.parametrize(
    ("text", "bold"),
    [
        ("**注意：**请看", "注意："),
        ("这是**（重点）**内容", "（重点）"),
        ("他说**“好”**了", "“好”"),
        ("**「括号」**的", "「括号」"),
        ("これは**強調（きょうちょう）。**です", "強調（きょうちょう）。"),
        ("이것은 **강조(emphasis)**입니다", "강조(emphasis)"),
        ("**1.**第一", "1."),
        ("第**(1)**条", "(1)"),
        ("**価格:**¥100", "価格:"),
    ],
)
def test_bold_beside_east_asian_punctuation(text: str, bold: str) -> None:
    assert re.findall("<strong>(.*?)</strong>", render(text)) == [bold]
    assert "*" not in render(text)


def test_two_bolds_do_not_turn_inside_out() -> None:
    html = render("**第一：**一般**第二：**特別")
    assert re.findall("<strong>(.*?)</strong>", html) == ["第一：", "第二："]


def test_other_emphasis_is_commonmark_s() -> None:
    assert "<strong>" not in render("a**(b)**c")
    assert "<em>" not in render("2 * 3 * 4 and snake_case_name")
    assert "<del>" in render("~~旧。~~新") or "<s>" in render("~~旧。~~新")


# Directions


@pytest.mark.parametrize(
    "text",
    ["שלום", "# שלום", "- שלום", "1. שלום", "> שלום", "| א |\n|---|\n| ב |",
     "<details>\n<summary>א</summary>\nב\n</details>"],
)  # fmt: skip
def test_a_block_runs_as_its_words_do(text: str) -> None:
    """Only the outer block asks: a block that asks inside it would hide its words from it."""
    html = render(text)
    assert html.count('dir="auto"') == 1
    assert re.search(r'<(?!div)\w+(?: class="[^"]*")? dir="auto"', html)


def test_code_and_formulas_run_left_to_right() -> None:
    html = render("א `a` $x$\n\n```\nb\n```")
    assert '<code dir="ltr">a</code>' in html
    assert '<pre dir="ltr"><code dir="ltr">b' in html
    assert '<math dir="ltr">' in html
