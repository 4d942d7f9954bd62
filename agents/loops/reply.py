"""A chat answer: the model speaks, calls tools, reads what they gave, until there is text."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from agents.loops.contract import (
    Decision,
    EventKind,
    Execute,
    Generate,
    Loop,
    LoopEvent,
    Offer,
    Policy,
)
from agents.loops.control import cancel_check, closing
from common.errors import CortexError
from common.jsons import json_read
from inference.types import Delta, GenerationRequest, PromptMessage, WrittenCall
from tooling.base import ToolResult
from tooling.results import result_for_model

logger = logging.getLogger(__name__)

DENIED = "The user did not allow this call. Do not repeat it; go on without it."
FORBIDDEN = "This tool may not be used here. Go on without it."
TOO_MANY = "The limit of tool calls for one answer is reached. Answer with what you have."
STATES = {"allow": "running", "ask": "waiting", "deny": "denied"}


@dataclass(frozen=True, slots=True)
class ToolCallLimits:
    """Of one answer. After the last round the model is asked once more, and must not call."""

    rounds: int = 8
    calls: int = 32


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model said in one generation."""

    text: str
    calls: tuple[WrittenCall, ...]
    finish_reason: str


def _allow_all(name: str) -> Literal["allow"]:
    return "allow"


def reply_loop(
    request: GenerationRequest,
    generate: Generate,
    execute: Execute | None = None,
    *,
    policy: Policy = _allow_all,
    offer: Offer | None = None,
    limits: ToolCallLimits = ToolCallLimits(),
    expression: str | None = None,
) -> Loop:
    """Answer the request. Without `execute` tool calls are given out and end the answer.

    Tools run one after the other, each as `policy` says. What they give, and why one did not run,
    is told to the model; nothing that a tool does ends the answer. `offer` is asked before each
    round but the first for the tools that are open by now; without it they stay those of `request`.
    With an `expression` the calculator is called before the model is; its result is the answer.
    """
    answer = _Answer(generate, execute, policy, offer, limits)
    if expression is not None and execute is not None:
        return answer.calculate(request, expression, execute)
    return answer.give(request)


class _Answer:
    """The state of one answer: what may still be called, and the ids that calls have."""

    def __init__(
        self,
        generate: Generate,
        execute: Execute | None,
        policy: Policy,
        offer: Offer | None,
        limits: ToolCallLimits,
    ) -> None:
        self.generate, self.execute = generate, execute
        self.policy, self.offer, self.limits = policy, offer, limits
        self.calls_left = limits.calls
        self.ids: set[str] = set()

    def give(self, request: GenerationRequest) -> Loop:
        for round_number in range(self.limits.rounds + 1):
            is_last = round_number == self.limits.rounds
            if is_last and request.tools and self.execute is not None:
                request = replace(request, tool_choice="none")
            turn = yield from self._speak(request, is_first=round_number == 0)
            if not turn.calls or is_last or self.execute is None:
                break
            results = yield from self._use_tools(turn.calls, self.execute)
            request = _continued(request, turn, results)
            if self.offer is not None:
                request = replace(request, tools=tuple(self.offer()))
        if self.execute is None:
            for call in turn.calls:
                yield _call_event(call, "requested")
        yield LoopEvent(EventKind.DONE, {"finish_reason": turn.finish_reason})

    def calculate(self, request: GenerationRequest, expression: str, execute: Execute) -> Loop:
        """State the result without the model, for a small one copies numbers wrongly. A call that
        gave none is told to the model, which answers then."""
        written = WrittenCall("", "calculator", json.dumps({"expression": expression}))
        call, result = yield from self._use_tool(self._with_own_id(written), execute)
        if result.success:
            yield LoopEvent(EventKind.TEXT, {"text": f"{expression} = {result.result}"})
            yield LoopEvent(EventKind.DONE, {"finish_reason": "stop"})
            return
        turn = Turn("", (call,), "tool_calls")
        yield from self.give(_continued(request, turn, [(call, result)]))

    def _speak(
        self, request: GenerationRequest, *, is_first: bool
    ) -> Generator[LoopEvent, Decision | None, Turn]:
        texts: list[str] = []
        calls: list[WrittenCall] = []
        finish_reason = "cancelled"  # a stream that just ends was closed
        with closing(self.generate(request)) as deltas:
            if is_first:
                yield LoopEvent(EventKind.MODEL, {"id": deltas.model})
            for delta in deltas:
                texts.append(delta.text)
                calls += delta.tool_calls
                finish_reason = delta.finish_reason or finish_reason
                yield from _events(delta)
        return Turn("".join(texts), tuple(map(self._with_own_id, calls)), finish_reason)

    def _with_own_id(self, call: WrittenCall) -> WrittenCall:
        """Some models count their calls from 0 in each turn; within a run an id means one call."""
        if not call.id or call.id in self.ids:
            call = replace(call, id=f"call_{uuid.uuid4().hex[:24]}")
        self.ids.add(call.id)
        return call

    def _use_tools(
        self, calls: Sequence[WrittenCall], execute: Execute
    ) -> Generator[LoopEvent, Decision | None, list[tuple[WrittenCall, ToolResult]]]:
        results = []
        for call in calls:
            results.append((yield from self._use_tool(call, execute)))
        return results

    def _use_tool(
        self, call: WrittenCall, execute: Execute
    ) -> Generator[LoopEvent, Decision | None, tuple[WrittenCall, ToolResult]]:
        """The call as it was made in the end, and what it gave."""
        word = self.policy(call.name) if self.calls_left > 0 else "deny"
        decision = yield _call_event(call, STATES[word])
        if word == "ask" and decision is not None and decision.arguments is not None:
            call = replace(call, arguments=decision.arguments)
        started = time.monotonic()
        if self.calls_left <= 0:
            result = ToolResult(False, error=TOO_MANY)
        elif word == "deny":
            result = ToolResult(False, error=FORBIDDEN)
        elif word == "ask" and not (decision and decision.allow):
            result = ToolResult(False, error=DENIED)
        else:
            self.calls_left -= 1
            result = _execute(call, execute)
        yield _result_event(call, result, time.monotonic() - started)
        return call, result


def _execute(call: WrittenCall, execute: Execute) -> ToolResult:
    """Whatever happens is a result: the model reads it, and can do better."""
    try:
        arguments = json_read(call.arguments or "{}")
    except ValueError as error:
        return ToolResult(False, error=f"The arguments are not valid JSON: {error}.")
    if not isinstance(arguments, dict):
        return ToolResult(False, error="The arguments must be a JSON object.")
    try:
        return execute(name=call.name, arguments=arguments, cancelled=cancel_check())
    except CortexError as error:
        return ToolResult(False, error=str(error))
    except Exception:
        error_id = uuid.uuid4().hex[:12]
        logger.exception("Tool %s broke (error %s)", call.name, error_id)
        return ToolResult(False, error=f"The tool broke; the server's log has it as {error_id}.")


def _continued(
    request: GenerationRequest, turn: Turn, results: Sequence[tuple[WrittenCall, ToolResult]]
) -> GenerationRequest:
    """The next request: with the calls as they were made, and their results. A call that was
    demanded has been made, so from now on the model is free."""
    spoken = PromptMessage("assistant", turn.text, tool_calls=tuple(call for call, _ in results))
    given = [
        PromptMessage("tool", result_for_model(result), tool_call_id=call.id, name=call.name)
        for call, result in results
    ]
    return replace(
        request,
        id=uuid.uuid4().hex,
        messages=(*request.messages, spoken, *given),
        tool_choice="auto",
    )


def _events(delta: Delta) -> Iterator[LoopEvent]:
    if delta.thinking:
        yield LoopEvent(EventKind.THINKING, {"text": delta.thinking})
    if delta.text:
        yield LoopEvent(EventKind.TEXT, {"text": delta.text})
    if delta.usage:
        yield LoopEvent(EventKind.USAGE, asdict(delta.usage))


def _call_event(call: WrittenCall, state: str) -> LoopEvent:
    data = {"id": call.id, "name": call.name, "arguments": call.arguments, "state": state}
    return LoopEvent(EventKind.TOOL_CALL, data)


def _result_event(call: WrittenCall, result: ToolResult, seconds: float) -> LoopEvent:
    told = result.as_json() | {"untrusted": result.untrusted, "seconds": round(seconds, 4)}
    return LoopEvent(EventKind.TOOL_RESULT, {"id": call.id} | told)
