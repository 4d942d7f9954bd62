"""An engine that says what a test told it to, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from common.errors import CortexError
from inference import services
from inference.engines import ENGINES
from inference.engines.base import DeltaStream, Engine, EngineConfig, OnChange, Progress
from inference.errors import GenerationFailed
from inference.models import LanguageModel
from inference.types import (
    Delta,
    FinishReason,
    GenerationRequest,
    ModelDescription,
    TokenLogprob,
    Usage,
    WrittenCall,
)
from tests.waiting import eventually

MODEL = "scripted-model"


def words(text: str) -> tuple[str, ...]:
    """The text cut after each space, as a model streams it."""
    return tuple(part for part in text.replace(" ", " \0").split("\0") if part)


def sent_text(request: GenerationRequest) -> str:
    """What the engine says that the model was sent."""
    if request.is_raw:
        return request.prompt or "".join(f"<{token}>" for token in request.prompt_tokens)
    return "\n".join(f"<{message.role}> {message.content}" for message in request.messages)


@dataclass
class Reply:
    """What the engine answers once.

    `text` may be a tuple: one delta each; a str is cut into words. `error` is raised after the
    text. With a `gate`, the reply stops before its delta number `gate_at` until the gate is set;
    `started` is set when the reply is being given. `delay` is slept before each delta. `when`
    restricts the reply to requests for which it returns true.
    """

    text: str | tuple[str, ...] = ""
    thinking: str | tuple[str, ...] = ""
    tool_calls: tuple[WrittenCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    prompt_logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    error: CortexError | None = None
    usage: Usage | None = None
    delay: float = 0.0
    gate: threading.Event | None = None
    gate_at: int = 0
    when: Callable[[GenerationRequest], bool] = lambda request: True
    started: threading.Event = field(default_factory=threading.Event)

    def deltas(self) -> Iterator[Delta]:
        """Everything but the last delta."""
        for piece in words(self.thinking) if isinstance(self.thinking, str) else self.thinking:
            yield Delta(thinking=piece)
        pieces = words(self.text) if isinstance(self.text, str) else self.text
        for index, piece in enumerate(pieces):
            yield Delta(text=piece, logprobs=self.logprobs[index : index + 1])
        for call in self.tool_calls:
            yield Delta(tool_calls=(call,))

    def last(self, written: int, reason: FinishReason | None = None) -> Delta:
        """The delta that ends the answer; by default a token is a delta."""
        usage = self.usage or Usage(prompt_tokens=10, completion_tokens=written)
        natural: FinishReason = "tool_calls" if self.tool_calls else "stop"
        return Delta(finish_reason=reason or self.finish_reason or natural, usage=usage)


class ScriptedStream(DeltaStream):
    """One reply on its way."""

    def __init__(self, engine: ScriptedEngine, request: GenerationRequest, reply: Reply) -> None:
        self.request = request
        self._engine, self._reply = engine, reply
        self._cancelled, self._closed = threading.Event(), threading.Event()
        self._deltas = self._run()

    def __next__(self) -> Delta:
        if self._closed.is_set():
            raise StopIteration
        return next(self._deltas)

    def _run(self) -> Iterator[Delta]:
        reply, written = self._reply, 0
        reply.started.set()
        if self.request.echo_prompt:
            yield Delta(prompt=sent_text(self.request))
        if reply.prompt_logprobs:
            yield Delta(prompt_logprobs=reply.prompt_logprobs)
        for delta in reply.deltas():
            self._hold(written)
            if self._cancelled.is_set():
                break
            written += 1
            yield delta
        self._hold(written)
        if self._closed.is_set():
            return
        self._engine.streams.pop(self.request.id, None)
        if reply.error and not self._cancelled.is_set():
            raise reply.error
        yield reply.last(written, "cancelled" if self._cancelled.is_set() else None)

    def _hold(self, index: int) -> None:
        """Wait for the gate or the delay; a cancelled stream waits for nothing."""
        if self._reply.delay:
            self._cancelled.wait(self._reply.delay)
        gate = self._reply.gate
        while gate and index >= self._reply.gate_at and not gate.is_set():
            if self._cancelled.wait(0.005):
                return

    def cancel(self) -> None:
        self._cancelled.set()

    def close(self) -> None:
        if self._engine.streams.pop(self.request.id, None):
            self._engine.cancelled.append(self.request.id)
        self._closed.set()
        self._cancelled.set()


class ScriptedEngine(Engine):
    """Queue replies with `reply(...)`; read what came in from `requests`.

    `cancelled` holds the ids of requests that were cancelled or closed before their end. A request
    for which no reply is left fails, unless `fallback` is a Reply.
    """

    def __init__(self, context_length: int = 8192) -> None:
        super().__init__(EngineConfig(model=MODEL))
        self.replies: deque[Reply] = deque()
        self.requests: list[GenerationRequest] = []
        self.cancelled: list[str] = []
        self.streams: dict[str, ScriptedStream] = {}
        self.fallback: Reply | None = None
        self.context_length = context_length
        self.parameters = 0
        self._lock = threading.Lock()

    def reply(self, text: str | tuple[str, ...] = "", **options: object) -> Reply:
        """Queue a reply; the options are the fields of `Reply`."""
        reply = Reply(text, **options)  # type: ignore[arg-type]
        self.replies.append(reply)
        return reply

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> list[GenerationRequest]:
        """Blocks until that many requests have come in."""
        eventually(lambda: len(self.requests) >= count, timeout)
        return self.requests

    def make(self, config: EngineConfig, on_change: OnChange) -> ScriptedEngine:
        """What the registry calls as if it were the class."""
        self.config, self.on_change = config, on_change
        return self

    def load(self, progress: Progress) -> ModelDescription:
        return self.describe()

    def stream(self, request: GenerationRequest) -> ScriptedStream:
        with self._lock:
            self.requests.append(request)
            reply = next((r for r in self.replies if r.when(request)), None)
            if reply:
                self.replies.remove(reply)
        reply = reply or self.fallback
        if reply is None:
            raise GenerationFailed("The script of this test has no reply left.")
        stream = ScriptedStream(self, request, reply)
        self.streams[request.id] = stream
        return stream

    def cancel(self, request_id: str) -> None:
        if stream := self.streams.get(request_id):
            self.cancelled.append(request_id)
            stream.cancel()

    def unload(self) -> None:
        for stream in list(self.streams.values()):
            stream.close()

    def describe(self) -> ModelDescription:
        abilities = ("tools", "thinking", "grammar", "logprobs")
        return ModelDescription(
            context_length=self.context_length, parameters=self.parameters, abilities=abilities
        )

    def queued(self) -> int:
        return 0

    def place(self, request_id: str) -> None:
        return None

    def wait(self, position: int) -> float:
        return 0.0

    def memory_bytes(self) -> int:
        return 0


_current: list[ScriptedEngine] = []


def engine_make(config: EngineConfig, on_change: OnChange) -> ScriptedEngine:
    """The engine of the test that runs; `ENGINES` points here."""
    return _current[-1].make(config, on_change)


@contextmanager
def scripted_model() -> Iterator[ScriptedEngine]:
    """A ScriptedEngine behind the default model, reached through the product's own registry."""
    engine = ScriptedEngine()
    _current.append(engine)
    ENGINES["scripted"] = "tests.scripted.engine_make"
    LanguageModel.objects.filter(is_default=True).update(is_default=False)
    LanguageModel.objects.create(
        name=MODEL, engine="scripted", source=LanguageModel.Source.REMOTE, is_default=True
    )
    try:
        yield engine
    finally:
        services.model_unload(name=MODEL)
        del ENGINES["scripted"]
        _current.pop()
