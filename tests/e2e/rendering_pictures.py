"""Takes pictures of how answers are set: `python -m tests.e2e.rendering_pictures [FOLDER]`.

One answer with all that models write comes in through the product's own import. The pictures are
for looking at, and go to build/rendering unless a folder is named.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.e2e.screenshots import DESKTOP, PHONE, bring_in, chromium
from tests.remote_model import scripted_site
from tests.server import ROOT

FOLDER = ROOT / "build" / "rendering"
QUESTION = "מה ההבדל בין חוט לתהליך? How does it look?"
PARTS = {
    "math": r"""
Inline $\hat{\theta} = \arg\max_\theta \mathcal{L}(\theta)$ and \(x \in \R\), then

\begin{align}
f(x) &= \left(\frac{x+1}{x-1}\right)^2 + \sum_{k=1}^{n} \binom{n}{k} && \text{by definition} \\
     &= \begin{cases} x^2 & \text{if } x \ge 0 \\ -x & \text{otherwise} \end{cases} \tag{2.1}
\end{align}

$$
A = \begin{pmatrix} a_{11} & \cdots & a_{1n} \\ \vdots & \ddots & \vdots \\
a_{m1} & \cdots & a_{mn} \end{pmatrix},

\quad \left[\begin{array}{cc|c} 1 & 2 & 3 \\ \hline 4 & 5 & 6 \end{array}\right]
$$

$$\left.\begin{aligned} x + y &= 1 \\ x - y &= 0 \end{aligned}\right\} \implies
\boxed{x = \tfrac12}, \quad
\cancel{5} \cdot \xrightarrow[n \to \infty]{\text{a.s.}} \quad \color{blue}{\sqrt[3]{b}}$$

$$\ce{2MnO4- + 5C2O4^2- + 16H+ ->[\Delta] 2Mn^2+ + 10CO2 ^ + 8H2O}, \quad \pu{9.81 m/s2}$$

\begin{multline}
\int_0^\infty e^{-x^2}\,dx + \overbrace{a + b}^{n} + \underbrace{c + d}_{m} \\
+ \overline{AB} + \vec{v}
\end{multline}

\begin{gather*}
\oint_C \vec{F} \cdot d\vec{r} = 0 \\
\nabla \times \mathbf{E} = -\frac{\partial \mathbf{B}}{\partial t}
\end{gather*}

What cannot be read: $\undefined{x}$.
""",
    "words": """
**注意：**请看**“这里”**。これは**強調（きょうちょう）。**です。 이것은 **강조(emphasis)**입니다.

Roses are red,
violets are blue.

H<sub>2</sub>O, x<sup>2</sup>, <kbd>Ctrl</kbd> + <kbd>C</kbd>, <u>under</u>, <mark>marked</mark>, \
~~struck~~; https://example.org/a_(b).

- [x] Write the tests
- [ ] Look at the *pictures*, with a line that is long enough to be broken on a telephone
  - [ ] also on a phone

<details>
<summary>More on this</summary>

- folded
- away

</details>

| Name | Number | Note |
|:-----|-------:|:----:|
| one<br>two | 1 | $x^2$ |
| three | 22 | `code` |
""",
    "directions": """
`thread` הוא יחידת ריצה בתוך תהליך, ו-`process` הוא תוכנית שרצה (ראו https://example.org).

- תהליך אחד
- שני חוטים, עם `code` ו-$x^2$
  - פנימי

1. ראשון
2. שני

> ציטוט של כמה מילים

| שם | מספר |
|---|---|
| אחת | 1 |

- [ ] מטלה אחת
- [x] מטלה שנעשתה

مرحبا **بالعالم**، هذا نص عربي.

```python
print("שלום")
```
""",
    "fences": """
```markdown
# Title

```bash
npm install
```

More words
```

> A quote
> of two lines

1. one
   1. inner
      - deep
2. two
""",
}
ANSWER = "\n".join(PARTS.values())


def show(page: Page, address: str) -> None:
    """Open the conversation, at its full height."""
    page.goto(address)
    page.locator(".prose details").evaluate_all("all => all.forEach(one => (one.open = true))")
    height = page.evaluate("document.getElementById('thread').scrollHeight + 300")
    width = (page.viewport_size or {"width": 1280})["width"]
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(300)


def take(browser: Browser, address: str, folder: Path) -> None:
    for device, options in (("desktop", DESKTOP), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            context = browser.new_context(color_scheme=scheme, **options)  # type: ignore[arg-type]
            page = context.new_page()
            show(page, address)
            path = folder / f"{device}-{scheme}.png"
            page.screenshot(path=path, animations="disabled")
            print(path)
            context.close()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with scripted_site() as (server, _), chromium() as browser:
        page = browser.new_page()
        page.goto(server.url)
        bring_in(page, "שיחה על חוטים", QUESTION, ANSWER)
        take(browser, page.url, folder)


if __name__ == "__main__":
    main()
