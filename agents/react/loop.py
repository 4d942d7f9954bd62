"""The ReAct loop: thought, action, input, observation, until an answer stands.

A pure generator: it is given a way to generate and a way to execute a tool, and yields what
happened. It knows no database and no clock but the one it is handed, so that resuming is handing it
the steps that are already done.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from agents.loops.contract import EventKind, Generate, Loop, LoopEvent
from agents.loops.control import closing
from agents.react.grammar import step_constraint
from agents.react.observations import Observation, observe
from agents.react.parser import (
    FINISH,
    FINISH_SPEC,
    ParsedStep,
    StepUnreadable,
    step_close,
    step_is_open,
    step_parse,
)
from agents.react.prompting import prompt
from agents.react.steps import (
    ACTING,
    COMPLETED,
    FAILED,
    OBSERVING,
    StepRecord,
    Task,
    same_calls,
    step_data,
    transcript,
)
from common.errors import TimeUp
from common.types import JSON
from inference.types import (
    AGENT,
    OVERTIME,
    Constraint,
    GenerationRequest,
    PromptMessage,
    ToolSpec,
    Usage,
)
from tooling.base import ToolResult

# (tool name, arguments, number of the step) -> result
Execute = Callable[[str, JSON, int], ToolResult]
Clock = Callable[[], float]

SAME_CALL_LIMIT = 3  # the same call in a row: the second is pointed out, the third concludes
GRACE = 2.0  # seconds beyond the limit of time, to conclude in
FAILED_LIMIT = 3  # steps in a row that no repair made readable, or that were cut off


@dataclass(frozen=True, slots=True)
class Limit:
    """Why a run has to conclude: a finish reason, and the sentence that people and models get."""

    finish_reason: str
    sentence: str


TIME_UP = Limit("max_seconds", "The time was up.")


def react_loop(
    task: Task,
    *,
    generate: Generate,
    execute: Execute,
    past: Sequence[StepRecord] = (),
    answered: bool = False,
    spent: float = 0.0,
    clock: Clock = time.monotonic,
) -> Loop:
    """Work on `task` until it is finished or a limit ends it.

    `past` are the steps already committed. A last one that is still "acting" names a call whose
    result was never recorded: it goes on with that call. A last one that is "finish" leaves the end
    to be told, and the answer unless `answered` says that the log has it. Yields "step" events
    (`step_data`, again for each change of status), "step_text" while a step is written, "usage", at
    the end "text" with the answer, and "done" with the finish reason: "stop", or that of the limit.
    `spent` are seconds of the task's time that went before, for its plan.
    """
    started = clock() - spent
    steps = list(past)
    if steps and steps[-1].action == FINISH:
        last = steps.pop()
        yield from _answer(last, limit_reached(task, steps, 0.0), answered)
        return
    if steps and steps[-1].status == ACTING:
        acted = _act(steps.pop(), steps, execute, clock)
        steps.append(acted)
        yield _step_event(acted)
    while True:
        limit = limit_reached(task, steps, clock() - started)
        writer = StepWriter(task, steps, generate, limit)
        if task.max_seconds:
            until = started + task.max_seconds + (GRACE if limit else 0.0)
            writer.seconds_left = partial(_left, clock, until)
        yield from writer.events()
        step = writer.step
        if step.action == FINISH:
            yield _step_event(replace(step, status=COMPLETED))
            yield from _answer(step, writer.limit)
            return
        if step.status == ACTING:
            yield _step_event(step)
            step = _act(step, steps, execute, clock)
        steps.append(step)
        yield _step_event(step)


def _left(clock: Clock, until: float) -> float:
    return until - clock()


def _answer(step: StepRecord, limit: Limit | None, answered: bool = False) -> Iterator[LoopEvent]:
    if not answered:
        yield LoopEvent(EventKind.TEXT, {"text": str((step.action_input or {}).get("answer", ""))})
    yield LoopEvent(EventKind.DONE, {"finish_reason": limit.finish_reason if limit else "stop"})


def step_messages(
    task: Task, steps: Sequence[StepRecord], limit: Limit | None
) -> tuple[PromptMessage, ...]:
    """Tell what the model is given to write the step after `steps`."""
    messages = transcript(task, steps)
    if limit is None:
        return messages
    # At the end of the last message: many chat templates want the roles to alternate.
    note = prompt("conclude", reason=limit.sentence)
    last = replace(messages[-1], content=f"{messages[-1].content}\n\n{note}")
    return (*messages[:-1], last)


class StepWriter:
    """Has the model write one step; after `events()` is drained, `step` holds it."""

    def __init__(
        self, task: Task, steps: Sequence[StepRecord], generate: Generate, limit: Limit | None
    ) -> None:
        self.task = task
        self.generate = generate
        self.tools = () if limit else task.tools
        self.repeated = steps[-1].action if steps and same_calls(steps[:-1], steps[-1]) else ""
        failed = [bool(step.observed and step.observed.is_error) for step in steps[-2:]]
        self.failed_once = failed in ([True], [False, True])  # the last step, not the one before
        self.limit = limit
        self.seconds_left: Callable[[], float] = lambda: math.inf
        self.cut: Limit | None = None  # why the model could not write to the end
        self.step = StepRecord(step_number=len(steps) + 1)
        self.messages = [*step_messages(task, steps, limit)]

    def events(self) -> Iterator[LoopEvent]:
        yield _step_event(self.step)
        yield from self._write()
        problem = self._read()
        if problem and not self.cut:
            yield from self._repair(problem)
            problem = self._read()
        if problem and self.cut:
            self._close(self.cut)
        elif problem:
            self._give_up(f"Error: this step could not be read: {problem}")

    def _read(self) -> str:
        """Take the step as it was written; gives what is wrong with it, "" if nothing is."""
        try:
            parsed = step_parse(self.step.text, self.tools)
        except StepUnreadable as error:
            return str(error)
        if self.cut and step_is_open(self.step.text):
            return self.cut.sentence
        self._take(parsed)
        return ""

    def _write(self) -> Iterator[LoopEvent]:
        try:
            answer = self.generate(self._request())
        except TimeUp:  # before the model was there to begin
            self.cut = TIME_UP
            return
        pieces: list[str] = []
        usage, sent = Usage(), ""
        with closing(answer) as deltas:
            if self.step.step_number == 1:
                yield LoopEvent(EventKind.MODEL, {"id": deltas.model})
            for delta in deltas:
                if delta.text:
                    pieces.append(delta.text)
                    data = {"step": self.step.step_number, "text": delta.text}
                    yield LoopEvent(EventKind.STEP_TEXT, data)
                usage, sent = delta.usage or usage, delta.prompt or sent
                if delta.finish_reason == "length":
                    most = self.task.step_tokens
                    self.cut = Limit("length", f"It was longer than {most} tokens.")
                elif delta.usage and delta.usage.stopped_by == "repetition":
                    self.cut = Limit("repetition", "It repeated itself.")
                elif delta.usage and delta.usage.stopped_by == "time":
                    self.cut = TIME_UP
                elif delta.finish_reason is None and self.seconds_left() <= 0:
                    self.cut = TIME_UP
                    break
        self.step = replace(
            self.step,
            text="".join(pieces),
            usage=_add(self.step.usage, asdict(usage)),
            prompt=sent,
        )
        yield LoopEvent(EventKind.USAGE, asdict(usage))

    def _close(self, cut: Limit) -> None:
        """Keep a step that was cut off, as far as it can be read; its call is not made."""
        text = step_close(self.step.text)
        try:
            self._take(step_parse(text, self.tools))
        except StepUnreadable:
            self._give_up(prompt("cut", reason=cut.sentence))
            return
        self.step = replace(self.step, text=text)
        if self.step.action == FINISH:
            self.limit = self.limit or cut
        else:
            told = Observation(prompt("cut", reason=cut.sentence), success=False)
            self.step = replace(self.step, status=FAILED, observed=told)

    def _request(self) -> GenerationRequest:
        return GenerationRequest(
            messages=tuple(self.messages),
            model=self.task.model,
            sampling=self.task.sampling,
            max_tokens=self.task.step_tokens,
            constraint=self._constraint() if self.task.grammar else None,
            stop=() if self.task.grammar else ("Observation:",),
            priority=AGENT,
            owner=self.task.owner,
            echo_prompt=True,
            seconds=self._seconds(),
        )

    def _seconds(self) -> float | None:
        """How long the model may take; the time of a conclusion holds its end, too."""
        left = self.seconds_left() - (OVERTIME if self.limit else 0.0)
        return None if left == math.inf else max(left, 0.0)

    def _constraint(self) -> Constraint:
        return step_constraint(self._actions(), self.task.step_tokens)

    def _actions(self) -> Sequence[ToolSpec]:
        """A tool that was just called twice with the same input is left out for a step: a model
        that is stuck has to do something else, or finish. To finish is left out once after a
        failed call: small models take its error for an answer."""
        tools = [spec for spec in self.tools if spec.name != self.repeated]
        return tools if tools and self.failed_once else [*tools, FINISH_SPEC]

    def _repair(self, problem: str) -> Iterator[LoopEvent]:
        """Ask once more, saying what was wrong."""
        self.messages += [
            PromptMessage("assistant", self.step.text or "(nothing)"),
            PromptMessage("user", prompt("repair", problem=problem)),
        ]
        yield from self._write()

    def _give_up(self, problem: str) -> None:
        if self.limit:  # what it says is the best answer there is
            answer = {"answer": self.step.text.strip()}
            self.step = replace(self.step, action=FINISH, action_input=answer)
            return
        told = Observation(problem, success=False)
        self.step = replace(self.step, status=FAILED, observed=told)

    def _take(self, parsed: ParsedStep) -> None:
        self.step = replace(
            self.step,
            status=ACTING,
            thought=parsed.thought,
            action=parsed.action,
            action_input=parsed.action_input,
            observed=Observation(" ".join(parsed.notes)) if parsed.notes else None,
        )


def _act(
    step: StepRecord, steps: Sequence[StepRecord], execute: Execute, clock: Clock
) -> StepRecord:
    """The step with its observation; a call just made is not made again."""
    seen = steps[-1].observed if same_calls(steps, step) else None
    if seen is not None and not seen.cut_off:
        return replace(step, status=OBSERVING, observed=replace(seen, repeated=True))
    started = clock()
    observed = observe(execute(step.action, step.action_input or {}, step.step_number))
    if step.observed:  # a note on how the input was read
        observed = replace(observed, note=step.observed.text)
    seconds = clock() - started
    return replace(step, status=OBSERVING, observed=observed, tool_seconds=seconds)


def limit_reached(task: Task, steps: Sequence[StepRecord], seconds: float) -> Limit | None:
    """Why the run has to conclude now; None while it may go on."""
    tokens = sum(step.usage.get("completion_tokens", 0) for step in steps)
    calls = sum(1 for step in steps if step.status != FAILED)
    failed = [step.status == FAILED for step in steps[-FAILED_LIMIT:]]
    if task.max_seconds and seconds >= task.max_seconds:
        return Limit(
            "max_seconds", f"You have reached the time limit of {task.max_seconds:g} seconds."
        )
    if len(steps) >= task.max_iterations:
        return Limit(
            "max_iterations", f"You have reached the limit of {task.max_iterations} steps."
        )
    if task.max_tokens and tokens >= task.max_tokens:
        return Limit("max_tokens", f"You have reached the budget of {task.max_tokens} tokens.")
    if task.max_tool_calls and calls >= task.max_tool_calls:
        return Limit(
            "max_tool_calls", f"You have reached the budget of {task.max_tool_calls} tool calls."
        )
    if steps and same_calls(steps[:-1], steps[-1]) >= SAME_CALL_LIMIT - 1:
        return Limit("same_call", f"You have made the same call {SAME_CALL_LIMIT} times.")
    if len(failed) == FAILED_LIMIT and all(failed):
        return Limit("unreadable", f"{FAILED_LIMIT} steps in a row could not be read to their end.")
    return None


def _add(first: JSON, second: JSON) -> JSON:
    """Usages added up: a repaired step was paid for twice."""
    return {
        key: value if isinstance(value, str) else first.get(key, 0) + value
        for key, value in second.items()
    }


def _step_event(step: StepRecord) -> LoopEvent:
    return LoopEvent(EventKind.STEP, step_data(step))
