"""From generated text to what a client sees: text, thinking and tool calls.

Text is held back only while it may turn out to be part of a marker or a stop string.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.jsons import TooDeep, json_read
from common.types import JSON
from inference.types import WrittenCall
from inference.worker.dialect import Dialect, ToolFormat
from inference.worker.splitter import Splitter

logger = logging.getLogger(__name__)

ANSWER, THINKING, TOOL = "answer", "thinking", "tool"


@dataclass(frozen=True, slots=True)
class Piece:
    """What became certain with one token. `stopped` when a stop string was completed."""

    text: str = ""
    thinking: str = ""
    tool_calls: tuple[WrittenCall, ...] = ()
    stopped: bool = False

    def __add__(self, other: Piece) -> Piece:
        return Piece(
            self.text + other.text,
            self.thinking + other.thinking,
            self.tool_calls + other.tool_calls,
            self.stopped or other.stopped,
        )


class TextAssembler:
    """Assembles one answer, piece by piece."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        stop: Sequence[str] = (),
        tool_format: ToolFormat | None = None,
        tools: Sequence[JSON] = (),
        answer_is_call: bool = False,
        fault_of: Callable[[WrittenCall], str] = lambda call: "",
        starts_thinking: bool = False,
    ) -> None:
        self._format = tool_format
        self._fault_of = fault_of
        self._tools = list(tools)
        self._answer_is_call = answer_is_call
        marked = None if answer_is_call else tool_format
        self._splitter = Splitter(
            _edges(dialect, stop, marked), THINKING if starts_thinking else ANSWER
        )
        self._call_text = ""
        self._calls_given = 0
        self._ids: set[str] = set()

    @property
    def calls_given(self) -> int:
        """How many tool calls have been handed out."""
        return self._calls_given

    def feed(self, text: str) -> Piece:
        """The next piece of the answer (without the token that ends it)."""
        if not text:
            return Piece()
        segments = self._splitter.feed(text)
        stopped = segments[-1][0] is None
        texts, calls = self._sort(segments)
        return Piece(texts[ANSWER], texts[THINKING], tuple(calls), stopped)

    def end(self, *, cut: bool) -> Piece:
        """Whatever is still held. `cut` says the answer was ended from outside, not by the model:
        then an open tool call is given out as the raw text that it is."""
        state = self._splitter.state
        texts, calls = self._sort([(state, self._splitter.flush())])
        if self._answer_is_call:
            texts[ANSWER] += self._finish_bare_call(calls, cut=cut)
        elif state == TOOL and self._format is not None:
            if cut:
                texts[ANSWER] += self._format.start + self._call_text
                self._call_text = ""
            else:
                calls.extend(self._close_call(texts, end=""))
        return Piece(texts[ANSWER], texts[THINKING], tuple(calls))

    def _finish_bare_call(self, calls: list[WrittenCall], *, cut: bool) -> str:
        """The answer as calls, or as the text that is returned when it was cut short."""
        raw, self._call_text = self._call_text, ""
        if cut:
            return raw
        try:
            calls.extend(map(self._judged, tool_calls_make(json_read(raw))))
        except TooDeep as error:
            logger.warning("a tool call could not be read: %s", error)
            return raw
        self._calls_given += len(calls)
        return ""

    def _sort(
        self, segments: Sequence[tuple[str | None, str]]
    ) -> tuple[dict[str, str], list[WrittenCall]]:
        """Segments of text by where they belong; leaving the tool state closes a call."""
        texts = {ANSWER: "", THINKING: ""}
        calls: list[WrittenCall] = []
        for index, (state, text) in enumerate(segments):
            if state == TOOL or (state == ANSWER and self._answer_is_call):
                self._call_text += text
                if state == TOOL and index + 1 < len(segments) and self._format is not None:
                    calls.extend(self._close_call(texts, end=self._format.end))
            elif state is not None:
                texts[state] += text
        return texts, calls

    def _close_call(self, texts: dict[str, str], *, end: str) -> list[WrittenCall]:
        """Parse the collected call; what the parser cannot read is given out as text."""
        assert self._format is not None
        raw, self._call_text = self._call_text, ""
        try:
            calls = tool_calls_make(self._format.parse(raw, self._tools))
        except Exception as error:  # noqa: BLE001 - parsers of foreign formats raise anything
            logger.warning("a tool call could not be read: %r", error)
            texts[ANSWER] += self._format.start + raw + end
            return []
        self._calls_given += len(calls)
        return [self._judged(self._with_own_id(call)) for call in calls]

    def _judged(self, call: WrittenCall) -> WrittenCall:
        fault = self._fault_of(call)
        return replace(call, fault=fault) if fault else call

    def _with_own_id(self, call: WrittenCall) -> WrittenCall:
        """Some models number their calls, and may give a number twice."""
        if call.id in self._ids:
            call = replace(call, id=_id_make())
        self._ids.add(call.id)
        return call


def tool_calls_make(parsed: Any) -> list[WrittenCall]:
    """ToolCalls from what a parser returns: one call or a list, arguments as dict or as text.

    Raises ValueError or KeyError when it is no call.
    """
    calls = []
    for call in parsed if isinstance(parsed, list) else [parsed]:
        if not isinstance(call, dict) or not isinstance(call["name"], str):
            raise ValueError("a call is an object with a name")
        arguments = call.get("arguments", call.get("parameters", {}))
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        identity = str(call.get("id") or _id_make())
        calls.append(WrittenCall(id=identity, name=call["name"], arguments=arguments))
    return calls


def _id_make() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"


def _edges(
    dialect: Dialect, stop: Sequence[str], tool_format: ToolFormat | None
) -> dict[str, list[tuple[str, str | None]]]:
    """Which text leads from which state to which; None ends the answer.

    Stop strings count in the answer only: thinking may well contain them.
    """
    edges: dict[str, list[tuple[str, str | None]]] = {
        ANSWER: [(text, None) for text in stop if text],
    }
    if dialect.thinking:
        start, end = dialect.thinking
        edges[ANSWER].append((start, THINKING))
        edges[THINKING] = [(end, ANSWER)]
    if tool_format is not None:
        edges[ANSWER].append((tool_format.start, TOOL))
        edges[TOOL] = [(tool_format.end, ANSWER)] if tool_format.end else []
    edges[ANSWER] += [(marker, ANSWER) for marker in dialect.structural]
    return edges
