"""Blocks whose end is not plain: fences inside fences, formulas on lines of their own."""

from __future__ import annotations

import re
from html import unescape

import pytest

from chat.rendering.markdown import MarkdownStream, render


def codes(text: str) -> list[str]:
    """What stands in the blocks of code."""
    found = re.findall(r'<pre dir="ltr"><code dir="ltr">(.*?)</code></pre>', render(text), re.S)
    return [unescape(re.sub("<[^>]*>", "", code)) for code in found]


README = "# Title\n\n```bash\nnpm i\n```\n\nMore\n\n```js\nrun()\n```\n"


@pytest.mark.parametrize("language", ["markdown", "md", "", "text", "html", "jinja"])
def test_a_readme_in_a_fence_ends_with_its_own_sign(language: str) -> None:
    assert codes(f"```{language}\n{README}```\n\nafter") == [README]
    assert ">after</p>" in render(f"```{language}\n{README}```\n\nafter")


def test_a_fence_without_a_language_inside_a_readme() -> None:
    inner = "# Title\n\n```\nnpm i\n```\n\nMore\n"
    assert codes(f"```markdown\n{inner}```\nafter") == [inner]


def test_a_program_may_hold_a_fence_in_a_text() -> None:
    program = 'prompt = """\n```json\n{}\n```\n"""\n'
    assert codes(f"```python\n{program}```\n\nafter") == [program]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```python\na\n```\ntext\n```bash\nb\n```\n", ["a\n", "b\n"]),
        ("```\na\n```\n\n```\nb\n```\n", ["a\n", "b\n"]),
        ("````md\n```py\nx\n```\n````\n", ["```py\nx\n```\n"]),
        ("~~~md\n```py\nx\n~~~\n", ["```py\nx\n"]),
        ("```python\nnot closed\n```bash\nls\n```\ntext", ["not closed\n```bash\nls\n"]),
        ("```python\nnot closed\n", ["not closed\n"]),
        ("- ```md\n  ```sh\n  x\n  ```\n  ```\n- next", ["```sh\nx\n```\n"]),
        ("``` some words\nx\n```", ["x\n"]),
    ],
)
def test_fences_end_where_they_should(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


def test_a_readme_is_code_while_it_is_written() -> None:
    text = f"```markdown\n{README}"
    for length in range(12, len(text)):
        _, tail = MarkdownStream().feed(text[:length])
        assert tail.startswith('<div class="code">')
        assert tail.endswith("</pre></div>\n")


# Formulas


@pytest.mark.parametrize(
    "text",
    ["$$\nx^2\n\n= y\n$$", "\\[\nx^2\n\n\n= y\n\\]", "$$\nx^2\n\n- y\n\n+ z\n$$",
     "\\begin{align}\nx^2 &= y\n\\end{align}", "so\n\\begin{equation*}\nx^2 = y\n\\end{equation*}",
     "\\begin{pmatrix} x^2 \\end{pmatrix}", "so \\begin{pmatrix} x^2 \\end{pmatrix} is",
     "$$x^2$$.", "$$\nx^2\n$$,", "> $$\n> x^2\n> $$", "- a\n\n  $$\n  x^2\n\n  y\n  $$",
     "\\begin{cases}\n1 & \\begin{cases} x^2 \\end{cases}\n\\end{cases}"],
)  # fmt: skip
def test_formulas_on_lines_of_their_own(text: str) -> None:
    html = render(text)
    assert html.count("<math") == 1, html
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html
    assert "$" not in html
    assert "\\" not in html


@pytest.mark.parametrize(
    "text",
    ["$$\n\\frac{1}{2", "\\[\nx * y * z", "\\begin{align}\na &= b \\\\", "so \\(x^2 * y * z",
     "so $\\frac{1}{2} * y *", "so $a + *b*", "so $f(*x*", "$$\na\n\n- b",
     "so \\begin{pmatrix} 1 & 2", "so \\[x_1 * a_1*",
     "> \\[\n> x"],
)  # fmt: skip
def test_what_is_not_closed_yet_is_whole_as_code(text: str) -> None:
    html = render(text)
    [code] = re.findall(r'<code dir="ltr">(.*?)</code>', html, re.S)
    source = text.removeprefix("so ").replace("> ", "")
    assert unescape(code) == source
    assert "<math" not in html
    assert "<em>" not in html


def test_a_formula_that_is_never_closed_does_not_swallow_the_answer() -> None:
    html = render("$$\nx + y\n\nThese are words of the answer.\n\n# Title\n\n$z$")
    assert '<p dir="auto">These are words' in html
    assert "<h1" in html
    assert html.count("<math") == 1


@pytest.mark.parametrize("text", ["$ x^2 $", "$x^2 $", "so $ x^2$ is", "**so** $ x^2 $, and"])
def test_a_formula_may_have_spaces_round_it(text: str) -> None:
    html = render(text)
    assert html.count("<math") == 1
    assert "$" not in html


def test_a_formula_that_is_never_closed_is_code_also_before_other_blocks() -> None:
    html = render("so \\(x_1 * y * z\n\nmore words")
    assert '<code dir="ltr">\\(x_1 * y * z</code>' in html


@pytest.mark.parametrize(
    "text",
    ["It costs $5 and $10", "$$ - moderate", "- $$: moderate\n- $$$: expensive",
     "$$ 这是一个很长的句子",
     "$$100 is quite a lot\n\nand $$200 too", "echo $HOME and so on", "Ke$ha (a singer)",
     "Use \\begin{align} to begin", "a $ b",
     "Costs $ 5 and $ 10", "The pattern \\(a is a group of it", "$HOME and $ PATH_X are set here"],
)  # fmt: skip
def test_words_are_no_formulas(text: str) -> None:
    html = render(text + "\n\nmore words")
    assert "<math" not in html
    assert "<code" not in html


def test_beginnings_never_show_half_a_formula() -> None:
    text = "We have\n\n$$\n\\begin{aligned}\na &= \\frac{b}{c} \\\\\n\n&= d\n\\end{aligned}\n$$\n"
    for length in range(len("We have\n\n$$\n") + 1, len(text) - 1):
        _, tail = MarkdownStream().feed(text[:length])
        assert "<code" in tail or "<mtable" in tail, text[:length]
        assert "&amp;=" not in re.sub(r"<code.*?</code>", "", tail, flags=re.S)
