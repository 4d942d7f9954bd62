"""Brings a GGUF model up on llama.cpp, and answers requests with it.

llama.cpp's server batches, samples and follows the grammar. What a request means is decided here
as on MLX: the same prompts, tool formats, grammars and readers. Each running request has a thread
that waits for its events; everything else happens on the process's main thread.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psutil

from common.errors import CortexError, InvalidRequest
from common.types import JSON
from inference.engines.base import EngineConfig, Progress
from inference.errors import EngineUnavailable, GenerationFailed
from inference.library.gguf import model_read
from inference.llamacpp_worker.answer import Answer
from inference.llamacpp_worker.dialect import dialect_of
from inference.llamacpp_worker.requests import RequestMaker
from inference.llamacpp_worker.server import LlamaServer, device
from inference.llamacpp_worker.sizes import sizes_for
from inference.llamacpp_worker.slots import SlotStore, SlotTable
from inference.llamacpp_worker.template import ChatTemplate
from inference.llamacpp_worker.vocabulary import Vocabulary
from inference.types import Delta, GenerationRequest, ModelDescription
from inference.worker.backend import Result, Wake
from inference.worker.tokens import tokens_of

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.3
# Each token that is passed on takes the processor from the threads that compute the next one. After
# its first ones an answer is passed on in portions, a dozen a second.
AT_ONCE = 16  # tokens
PORTION = 0.08  # seconds
HEADROOM = 16  # tokens that each answer may write until an interruption takes effect


def load(config: EngineConfig, progress: Progress, wake: Wake) -> LlamaBackend:
    """Load the file. Raises ModelLoadFailed, and EngineUnavailable where there is no llama.cpp."""
    if find_spec("xllamacpp") is None:
        raise EngineUnavailable("llama.cpp has no package for this system (xllamacpp).")
    progress("load", 0.0)
    backend = LlamaBackend(config, wake)
    progress("load", 1.0)
    return backend


class LlamaBackend:
    """One model on llama.cpp."""

    def __init__(self, config: EngineConfig, wake: Wake) -> None:
        path = Path(config.path)
        self._wake = wake
        model = model_read(path)
        sizes = sizes_for(model, config)
        self._cells = sizes.cells
        store = _store(path, config)
        self._server = LlamaServer(path, sizes, slot_folder=store.folder if store else None)
        self._slots = SlotTable(self._server, sizes.slots, store)
        vocabulary = Vocabulary(self._server)
        dialect = dialect_of(vocabulary)
        meta = self._server.get("/v1/models")["data"][0]["meta"]
        context_length = min(int(meta["n_ctx_train"]), sizes.cells)
        # Where the file has none, llama.cpp gives ChatML, whether or not the model knows its marks.
        own = vocabulary.template if model.has_chat_template or vocabulary.has_chatml else ""
        template = ChatTemplate(
            config.options.get("chat_template") or own,
            bos=vocabulary.bos,
            eos=vocabulary.eos,
            thinks=dialect.thinking is not None,
        )
        self._maker = RequestMaker(vocabulary, template, dialect, config, context_length)
        abilities = ["tools", "grammar", "logprobs", *(["thinking"] if dialect.thinking else [])]
        self.description = ModelDescription(
            context_length=context_length,
            parameters=int(meta["n_params"]),
            weight_bytes=int(meta["size"]),
            abilities=tuple(abilities),
            device=device(),
            runtime=f"llama.cpp {version('xllamacpp').rpartition('.')[2]}",
        )
        self._events: queue.SimpleQueue[tuple[Answer, JSON | Exception | None]]
        self._events = queue.SimpleQueue()
        self._waiting: deque[Answer] = deque()
        self._running: dict[str, Answer] = {}
        self._leaving: set[Answer] = set()  # ended for the one who asked, not yet over there
        self._ready: list[Result] = []
        self._woken_at = 0.0
        self._idle = threading.Event()  # for long enough to write to the disk

    # --- What stands ------------------------------------------------------------------------------

    @property
    def active(self) -> int:
        return len(self._running)

    @property
    def has_work(self) -> bool:
        return bool(self._ready) or not self._events.empty() or self._idle.is_set()

    def memory(self) -> int:
        return int(psutil.Process().memory_info().rss)

    # --- Requests ---------------------------------------------------------------------------------

    def submit(self, request: GenerationRequest) -> None:
        ask = self._maker.make(request)
        if request.echo_prompt:
            self._ready.append((request.id, Delta(prompt=ask.text)))
        answer = Answer(request, ask)
        if ask.echo.first and not ask.echo.forced:
            self._ready.append((request.id, Delta(prompt_logprobs=ask.echo.first)))
        if not ask.max_tokens and not ask.echo.forced:
            self._ready.append((request.id, answer.unwritten()))
            return
        self._waiting.append(answer)
        self._admit()

    def cancel(self, request_id: str) -> None:
        answer = self._running.get(request_id)
        if answer is None:
            answer = next((a for a in self._waiting if a.request.id == request_id), None)
            if answer is None:
                return
            self._waiting.remove(answer)
        self._ready.append((request_id, answer.cancelled()))
        self._retire(answer)

    def _admit(self) -> None:
        """Start those for whom there is a slot, and room in the context that all share."""
        while self._waiting:
            taken = [*self._running.values(), *self._leaving]
            room = self._cells - sum(answer.reserved for answer in taken)
            if taken and self._waiting[0].reserved > room:
                return
            slot = self._slots.take(tokens_of(self._waiting[0].computed))
            if slot is None:
                return
            answer = self._waiting.popleft()
            try:
                stream = self._server.stream(answer.body(slot))
            except OSError as error:
                self._slots.give_back(slot, tokens_of([]))
                failure = GenerationFailed(f"llama.cpp's server cannot be reached: {error}")
                self._ready.append((answer.request.id, failure))
                continue
            answer.admit(stream, slot)
            self._running[answer.request.id] = answer
            threading.Thread(target=self._read, args=(answer,), daemon=True).start()

    def _read(self, answer: Answer) -> None:
        """The events of one answer, on a thread of its own."""
        end: Exception | None = None
        grammar = answer.ask.body.get("grammar")
        try:
            for event in answer.stream or ():
                if grammar and (not answer.checked or "stop_type" in event):
                    self._check_grammar(answer, grammar)
                self._put(answer, event)
        except Exception as error:  # noqa: BLE001  it is told to the one who asked
            end = error
        self._put(answer, end)

    def _check_grammar(self, answer: Answer, grammar: str) -> None:
        """Before the first token is given out, and at the end. Raises InvalidRequest."""
        answer.checked = True
        if fault := self._server.log.grammar_fault(grammar):
            raise InvalidRequest(
                f"llama.cpp cannot follow the grammar: {fault}", field="constraint"
            )

    def _put(self, answer: Answer, event: JSON | Exception | None) -> None:
        """The next token comes soon, and takes along what was not worth waking for."""
        self._events.put((answer, event))
        is_last = not isinstance(event, dict) or "stop_type" in event
        now = time.monotonic()
        if is_last or len(answer.tokens) < AT_ONCE or now - self._woken_at > PORTION:
            self._woken_at = now
            self._wake()

    def step(self) -> list[Result]:
        results, self._ready = self._ready, []
        while not self._events.empty():
            answer, event = self._events.get()
            results += self._take(answer, event)
        self._interrupt()
        self._admit()
        self._save()
        return joined(results)

    def reading(self) -> dict[str, float]:
        return {
            request_id: answer.read_part
            for request_id, answer in self._running.items()
            if not answer.tokens
        }

    def _interrupt(self) -> None:
        """When the context that all share runs full, the youngest free text waits for room, and
        goes on from what it has written. (llama.cpp itself would end all of them.)"""
        running = list(self._running.values())
        used = sum(answer.length for answer in running)
        if len(running) < 2 or used + HEADROOM * len(running) < self._cells:
            return
        free = [answer for answer in running if not answer.is_bound]
        if free and not free[-1].interrupted:
            free[-1].interrupt()

    def _save(self) -> None:
        """Write one conversation to the disk, when nobody has asked for anything for a while."""
        if self._running or self._leaving or not self._slots.unsaved:
            self._idle.clear()
        elif self._idle.is_set():
            self._slots.save()
            if not self._slots.unsaved:
                self._slots.trim()
                self._idle.clear()
        else:
            threading.Timer(IDLE_SECONDS, self._rest).start()

    def _rest(self) -> None:
        self._idle.set()
        self._wake()

    def _take(self, answer: Answer, event: JSON | Exception | None) -> list[Result]:
        request_id = answer.request.id
        if isinstance(event, dict):
            deltas = [] if answer.ended else list(answer.read(event))
            if answer.ended and request_id in self._running:
                self._retire(answer)
            return [(request_id, delta) for delta in deltas]
        self._leaving.discard(answer)
        answer.give_back(self._slots)
        if answer.ended:
            return []
        if answer.interrupted:
            answer.wait_again()
            self._running.pop(request_id, None)
            self._waiting.appendleft(answer)
            return []
        if answer.stream is not None:
            answer.stream.hang_up()  # after a fault of ours the server would write on
        self._running.pop(request_id, None)
        return [(request_id, answer.failure(event or EOFError("the answer has no end")))]

    def _retire(self, answer: Answer) -> None:
        """It is answered; its slot is taken until the server lets go of it."""
        self._running.pop(answer.request.id, None)
        if answer.stream is not None:
            self._leaving.add(answer)
            answer.leave(self._slots)
            answer.stream.hang_up()

    def close(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        for answer in list(self._running.values()):
            self._retire(answer)
        while self._leaving and time.monotonic() < deadline:
            self.step()
            time.sleep(0.01)
        while self._slots.unsaved and time.monotonic() < deadline:
            self._slots.save()
        self._server.close()


def joined(results: Iterable[Result]) -> list[Result]:
    """Put together what belongs to one answer and came at once: each delta costs everybody on its
    way the same, however long it is."""
    made: list[Result] = []
    last: dict[str, int] = {}  # request id -> index of its last delta
    for request_id, result in results:
        index = last.get(request_id)
        both = None if index is None else _sum(made[index][1], result)
        if index is not None and both:
            made[index] = (request_id, both)
        else:
            last[request_id] = len(made)
            made.append((request_id, result))
    return made


def _sum(before: Delta | CortexError, delta: Delta | CortexError) -> Delta | None:
    """Both as one delta; None unless they are words alone, and thoughts come before words."""
    if not isinstance(before, Delta) or not isinstance(delta, Delta):
        return None
    if delta.finish_reason or delta.tool_calls or before.tool_calls:
        return None
    if before.prompt or before.prompt_logprobs or delta.prompt_logprobs:
        return None
    if before.text and delta.thinking:
        return None
    return replace(
        before,
        text=before.text + delta.text,
        thinking=before.thinking + delta.thinking,
        logprobs=before.logprobs + delta.logprobs,
    )


def _store(path: Path, config: EngineConfig) -> SlotStore | None:
    """Where conversations outlive the process; None where that is switched off or not possible."""
    folder, limit = (config.options.get(f"prompt_cache_{name}") for name in ("dir", "disk_bytes"))
    if not folder or not limit:
        return None
    try:
        return SlotStore(Path(folder), path, int(limit))
    except OSError as error:
        logger.warning("nothing is kept on the disk: %s", error)
        return None
