"""The program within what a model sent: taken out where it is wrapped, never changed where it is
one."""

from __future__ import annotations

import pytest

from tests.tooling.corpus.legitimate import PROGRAMS
from tooling.jail.source import program

WRAPPED = {
    "fence": ("```python\nx = 2\nprint(x)\n```", "x = 2\nprint(x)"),
    "plain-fence": ("```\nprint(1)\n```", "print(1)"),
    "tildes": ("~~~py\nprint(1)\n~~~", "print(1)"),
    "open-fence": ("```python\nprint(1)", "print(1)"),
    "prose-around-a-fence": (
        "Here is the code:\n\n```python\nx = 2\nprint(x)\n```\n\nIt prints 2.",
        "x = 2\nprint(x)",
    ),
    "two-fences": (
        "First:\n```python\nx = 1\n```\nThen:\n```python\nprint(x)\n```",
        "x = 1\n\n\n\nprint(x)",
    ),
    "another-language-beside-it": (
        "```bash\npip install x\n```\n```python\nprint(1)\n```",
        "print(1)",
    ),
    "an-output-beside-it": ("```python\nprint(1)\n```\nOutput:\n```\n1\n```", "print(1)"),
    "an-indented-fence": (
        "1. Do this:\n   ```python\n   for i in 'ab':\n       print(i)\n   ```",
        "for i in 'ab':\n    print(i)",
    ),
    "a-quoted-fence": ("> ```python\n> print(1)\n> ```", "print(1)"),
    "a-fence-in-a-string": (
        "```python\nprint('''\n```\ninner\n```\n''')\n```",
        "print('''\n```\ninner\n```\n''')",
    ),
    "one-line-fence": ("```python print(1)```", "print(1)"),
    "a-fence-with-a-label-in-it": ("```\npython\nprint(1)\n```", "print(1)"),
    "backticks": ("`print(1)`", "print(1)"),
    "two-backticks": ("``print(1)``", "print(1)"),
    "a-span-in-prose": ("Run `print(1)` please.", "print(1)"),
    "prompts": (
        ">>> x = 1\n>>> x + 1\n2\n>>> for i in 'ab':\n...     print(i)\n...\na\nb",
        "x = 1\nx + 1\n\nfor i in 'ab':\n    print(i)",
    ),
    "prompts-in-a-fence": ("```\n>>> 1 + 1\n2\n```", "1 + 1"),
    "prompts-with-prose": ("Try this:\n>>> 1 + 1\n2", "1 + 1"),
    "indented-prompts": ("    >>> 1 + 1\n    2", "1 + 1"),
    "numbered-prompts": ("In [1]: x = 1\n\nIn [2]: x\nOut[2]: 1", "x = 1\n\nx"),
    "numbered-prompts-go-on": (
        "In [1]: for i in 'ab':\n   ...:     print(i)\n   ...: ",
        "for i in 'ab':\n    print(i)",
    ),
    "label": ("python\nprint(1)", "print(1)"),
    "label-with-a-colon": ("Python:\n\nprint(1)", "print(1)"),
    "magic": ("%%python3\nprint(1)", "print(1)"),
    "code-label": ("Code:\nprint(1)", "print(1)"),
    "prose": (
        "Here is a program:\n\nx = 1\nprint(x)\n\nThis prints the value of x.",
        "x = 1\nprint(x)",
    ),
    "indented": ("    x = 1\n    print(x)", "x = 1\nprint(x)"),
    "no-break-spaces": ("x\u00a0=\u00a01\nprint(x)", "x = 1\nprint(x)"),
    "byte-order-mark": ("\ufeffx = 1\n\u200bprint(x)", "x = 1\nprint(x)"),
    "written-as-json-twice": ("x = 1\\nprint(x)", "x = 1\nprint(x)"),
    "an-error-within-a-fence": ("```python\nif x\n```\nDone.", "if x"),
}
UNTOUCHED = [
    "x = 1\nif x\n    y",
    "x = (1\nprint('hi')",
    "x = `1`",
    "print '1'",
    'print("""```python\nx = 1\n```""")',
    'def f(x):\n    """\n    >>> f(1)\n    2\n    """\n    return x + 1\nf(1)',
    'def f(x)\n    """\n    >>> f(1)\n    2\n    """\n    return x + 1\n',
    "def f(x)\n    '''\n    ```python\n    print(1)\n    ```\n    '''\n",
    "python",
    "py = 1\nprint(py)",
    "'''python\nprint(1)\n'''",
    "x = '>>> 1'\nx",
    "# Only a comment, with a full stop at its end.",
    "print('a\\nb')",
    "",
    "   ",
    "Please calculate the mean of these numbers.",
    "(" * 5000 + ")" * 5000,
    "-" * 50_000 + "1",
    "x = '\x00'",
]


@pytest.mark.parametrize("name", WRAPPED)
def test_a_wrapped_program_is_taken_out(name: str) -> None:
    text, expected = WRAPPED[name]
    assert program(text).strip() == expected


@pytest.mark.parametrize("text", UNTOUCHED, ids=lambda text: repr(text[:25]))
def test_anything_else_stays_as_it_is(text: str) -> None:
    assert program(text) == text


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_never_changed(name: str) -> None:
    assert program(PROGRAMS[name][0]) == PROGRAMS[name][0]


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_comes_out_of_its_fence(name: str) -> None:
    code = PROGRAMS[name][0]
    text = f"Sure, here it is:\n\n```python\n{code}\n```\n\nThis is what it does."
    assert program(text).strip("\n") == code.strip("\n")


def test_lines_keep_their_numbers() -> None:
    assert program("Here you go:\n\n```python\nx = 1\n1 / 0\n```").splitlines()[4] == "1 / 0"
