"""An agent run's log as a page: a snapshot that replaces everything, then what changes.

`Trace` digests events; `TraceRenderer` turns it into htmx out-of-band swaps, sent over the run's
WebSocket. The last frame is the same _run.html that the page is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import escape, format_html, format_html_join

from agents.loops.contract import EventKind
from agents.models import Event, Run
from agents.react.forks import RESUMABLE
from agents.react.goals import goal_of, limit_sentence, plan_of
from agents.react.steps import THINKING, StepRecord, step_of, step_read
from agents.web.pages.steps import StepView, waterfall
from common.types import JSON

STATE_BADGES = {
    Run.State.QUEUED: "badge--busy",
    Run.State.RUNNING: "badge--busy",
    Run.State.WAITING: "badge--busy",
    Run.State.COMPLETED: "badge--good",
    Run.State.FAILED: "badge--bad",
    Run.State.INTERRUPTED: "badge--bad",
}


@dataclass
class Trace:
    """What the events so far have made of a run."""

    state: str = Run.State.QUEUED
    model: str = ""
    plan: str = ""
    done: bool = False
    error: JSON | None = None
    steps: dict[int, StepRecord] = field(default_factory=dict)
    writing: dict[int, str] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case EventKind.STATE:  # also when it was resumed after its end
                self.state, self.done, self.error = data["state"], False, None
            case EventKind.MODEL:
                self.model = data["id"]
            case EventKind.PLAN:
                self.plan = data["text"]
            case EventKind.STEP:
                step = step_read(data)
                self.steps[step.step_number] = step
                if step.status == THINKING:
                    self.writing[step.step_number] = ""
            case EventKind.STEP_TEXT:
                number = data["step"]
                self.writing[number] = self.writing.get(number, "") + data["text"]
            case EventKind.ERROR:
                self.error = data
            case EventKind.DONE:
                self.state, self.done = data["state"], True


def trace_of(run: Run) -> Trace:
    """Make the same from the rows: quick however long the log is."""
    steps = {step.step_number: step_of(step) for step in run.steps.all()}
    return Trace(
        state=run.state,
        model=run.model,
        plan=plan_of(run),
        done=not run.is_active,
        error=run.error,
        steps=steps,
        writing={},
    )


def run_key(run: Run) -> str:
    """Tell what the element ids of a run begin with."""
    return f"run-{run.id}"


def step_views(run: Run, trace: Trace) -> list[StepView]:
    shared = int(run.params.get("forked_from_step", 0))
    return [
        StepView(
            step,
            key=f"{run_key(run)}-step-{number}",
            run_id=str(run.id),
            writing=trace.writing.get(number, ""),
            live=not trace.done,
            shared=number < shared,
        )
        for number, step in sorted(trace.steps.items())
    ]


def run_values(run: Run, trace: Trace) -> dict[str, Any]:
    """Tell what _run.html is rendered with."""
    steps = step_views(run, trace)
    return {
        "run": run,
        "key": run_key(run),
        "goal": goal_of(run),
        "trace": trace,
        "steps": steps,
        "bars": waterfall(steps),
        "state_badge": STATE_BADGES.get(Run.State(trace.state), ""),
        "live": not trace.done,
        "resumable": trace.done and run.state in RESUMABLE,
        "limit": limit_sentence(run) if trace.done else "",
        "totals": totals(steps),
    }


def totals(steps: Sequence[StepView]) -> dict[str, float]:
    """Add up what stands in the steps."""
    names = ("prompt_tokens", "cached_tokens", "fresh_tokens", "written_tokens", "seconds")
    return {name: sum(getattr(step, name) for step in steps) for name in names}


class TraceRenderer:
    """Renders one agent run for one page."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.trace = Trace()

    def start(self, events_so_far: Sequence[Event]) -> str:
        """Everything that is shown of the run up to now."""
        for event in events_so_far:
            self.trace.add(event)
        body = render_to_string("agents/_trace.html", run_values(self.run, self.trace))
        return format_html(
            '<div id="{}-body" hx-swap-oob="innerHTML">{}</div>', run_key(self.run), body
        )

    def feed(self, new_events: Sequence[Event]) -> str:
        """Tell what these events change; the whole run, as the database has it, when it is done."""
        before = (self.trace.state, self.trace.plan, self.trace.model)
        known, written = set(self.trace.steps), dict(self.trace.writing)
        for event in new_events:
            self.trace.add(event)
        if self.trace.done:
            return self._final()
        if (self.trace.state, self.trace.plan, self.trace.model) != before:
            return self.start([])
        changed = {event.data["step_number"] for event in new_events if event.kind == "step"}
        return self._steps(known, changed) + self._words(written, changed)

    def _final(self) -> str:
        run = Run.objects.get(id=self.run.id)
        return render_to_string("agents/_run.html", run_values(run, trace_of(run)) | {"oob": True})

    def _steps(self, known: set[int], changed: set[int]) -> str:
        """Cards of the steps that are new or are not what they were, and what follows from them."""
        if not changed:
            return ""
        values = run_values(self.run, self.trace)
        parts = []
        for view in values["steps"]:
            if view.number in changed:
                card = {"step": view, "oob": view.number in known}
                html = render_to_string("agents/_step.html", card)
                target = f"beforeend:#{run_key(self.run)}-steps"
                parts.append(html if view.number in known else _oob(target, html))
        parts.append(render_to_string("agents/_waterfall.html", values | {"oob": True}))
        newest = values["steps"][-1]
        said = f"Step {newest.number}: {newest.record.action or 'thinking'}, {newest.word}"
        parts.append(_oob(f"innerHTML:#{run_key(self.run)}-status", escape(said)))
        return "".join(parts)

    def _words(self, before: dict[int, str], replaced: set[int]) -> str:
        """What the model has added to the step that it writes."""
        added = [
            (f"beforeend:#{run_key(self.run)}-step-{number}-writing", text[len(before[number]) :])
            for number, text in self.trace.writing.items()
            if number not in replaced and number in before and text != before[number]
        ]
        return format_html_join("", '<div hx-swap-oob="{}">{}</div>', added)


def _oob(swap: str, html: str) -> str:
    return format_html('<div hx-swap-oob="{}">{}</div>', swap, html)
