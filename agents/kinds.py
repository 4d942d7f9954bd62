"""The kinds of run, by name. Apps above add theirs in their AppConfig.ready().

`loop` is the dotted path of `(run: Run) -> agents.loops.Loop`, run on a runner thread;
`renderer` is the dotted path of a class `(run: Run)` that turns events into HTML for the pages
(see `agents.web.consumers.Renderer`). `background` runs are the product's own work: they are listed
only for those who ask for their kind.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunKind:
    loop: str
    renderer: str
    background: bool = False


KINDS: dict[str, RunKind] = {
    "react": RunKind(
        loop="agents.react.goals.react_run", renderer="agents.web.pages.traces.TraceRenderer"
    ),
}
