"""Any OpenAI-compatible server as an engine: vLLM, SGLang, llama.cpp, Ollama, another Cortex."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai

from common.errors import CortexError, InvalidRequest
from inference import metrics
from inference.engines.base import (
    EngineConfig,
    OnChange,
    Progress,
    ignore_change,
)
from inference.engines.remote.answers import Reader
from inference.engines.remote.requests import chat_params, explain, prompt_params
from inference.engines.streams import QueuedStream
from inference.engines.turns import QueuedEngine, cancelled_waiting, waited
from inference.errors import RemoteEngineError, WorkerLost
from inference.types import Delta, GenerationRequest, ModelDescription, Usage

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 10.0  # seconds
SILENCE = 300.0  # seconds without a byte: a long prompt takes its time
ASK_TIMEOUT = 5.0  # seconds for the list of models
ABILITIES = ("tools", "json_schema", "logprobs")
LENGTHS = ("max_model_len", "context_length", "context_window", "n_ctx")


class RemoteEngine(QueuedEngine["RemoteAnswer"]):
    """A model of a server that an administrator named; nothing is loaded here."""

    def __init__(self, config: EngineConfig, on_change: OnChange = ignore_change) -> None:
        super().__init__(config, on_change)
        self._description: ModelDescription | None = None
        self._ssl = httpx2.create_ssl_context()

    def load(self, progress: Progress) -> ModelDescription:
        """Sees whether the server is there; one that lists no models is taken at its word."""
        with ServerConnection(self.config, self._ssl, ASK_TIMEOUT) as connection:
            try:
                listed = connection.client.models.list().data
            except Exception as error:
                if not is_without_list(error):
                    raise explain(self.config.model, error, ASK_TIMEOUT) from error
                listed = []
            if slots := slots_of(connection.client, self.config.base_url):
                with self._lock:
                    self._turns.limit(slots)
        self._description = ModelDescription(
            context_length=context_length(listed, self.config.remote_name),
            abilities=ABILITIES,
            device=self.config.base_url,
        )
        return self._description

    def stream(self, request: GenerationRequest) -> RemoteAnswer:
        if request.prompt_logprobs or (request.prompt_tokens and request.echo_prompt):
            raise InvalidRequest(
                "echo: of another server's model only texts are repeated.", field="echo"
            )
        answer = RemoteAnswer(self, request, ServerConnection(self.config, self._ssl, SILENCE))
        with self._lock:
            self._turns.enter(answer)
            self._begin()
        return answer

    def _begin(self) -> None:
        """Start those whose turn it is; the caller holds the lock."""
        while answer := self._turns.next():
            answer.start()

    def cancel(self, request_id: str) -> None:
        with self._lock:
            answer = self._turns.find(request_id)
            waits = answer is not None and not answer.begun_at and self._turns.leave(answer)
        if answer and waits:
            answer.put(cancelled_waiting(answer))
        elif answer:
            answer.cancel()

    def forget(self, answer: RemoteAnswer, usage: Usage | None = None) -> None:
        """The answer has ended, and the next may begin."""
        with self._lock:
            if usage:
                self._turns.note(usage)
            self._turns.leave(answer)
            self._begin()

    def unload(self) -> None:
        with self._lock:
            answers = self._turns.clear()
        for answer in answers:
            answer.put(WorkerLost(f"{self.config.model} was unloaded while it was answering."))
            answer.close()

    def describe(self) -> ModelDescription:
        if self._description is None:
            raise RemoteEngineError(f"{self.config.model} was not asked yet.", status=None)
        return self._description

    def memory_bytes(self) -> int:
        return 0


class ServerConnection:
    """A connection of its own for one request, so that ending it ends the request over there.

    Redirects are not followed: the address is the administrator's choice, not the server's.
    """

    def __init__(self, config: EngineConfig, ssl: Any, timeout: float) -> None:
        self._stream: Any = None
        self._hung_up = False
        self._http = httpx2.Client(
            verify=ssl,
            timeout=httpx2.Timeout(timeout, connect=CONNECT_TIMEOUT),
            follow_redirects=False,
            event_hooks={"request": [self._watch]},
        )
        self.client = openai.OpenAI(
            api_key=config.api_key or "none",
            base_url=config.base_url,
            max_retries=0,
            http_client=self._http,
        )

    def _watch(self, request: httpx2.Request) -> None:
        request.extensions["trace"] = self._note

    def _note(self, event: str, info: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = info["return_value"]
            if self._hung_up:
                self.hang_up()

    def hang_up(self) -> None:
        """End it, whatever a thread waits for: closing a socket alone would not wake it."""
        self._hung_up = True
        if self._stream is None:
            return  # not connected yet: done as soon as it is
        try:
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        except OSError as error:
            logger.debug("The connection was closed already: %s", error)

    def __enter__(self) -> ServerConnection:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()


class RemoteAnswer(QueuedStream):
    """One request, on a thread that reads its HTTP stream."""

    def __init__(
        self, engine: RemoteEngine, request: GenerationRequest, connection: ServerConnection
    ) -> None:
        super().__init__()
        self._engine, self.request, self._connection = engine, request, connection
        self.asked_at = time.monotonic()
        self.begun_at = 0.0
        self._reader = Reader(engine.config.model)
        self._cancelled = threading.Event()
        self._usage: Usage | None = None

    def start(self) -> None:
        """Send the request."""
        self._reader = Reader(self._engine.config.model, waited(self))
        threading.Thread(target=self._run, name="remote answer", daemon=True).start()

    def cancel(self) -> None:
        """Hang up; the stream finishes as "cancelled"."""
        self._cancelled.set()
        self._connection.hang_up()

    def close(self) -> None:
        super().close()
        self.cancel()
        if not self.begun_at:
            self._engine.forget(self)

    def _run(self) -> None:
        try:
            with self._connection as connection:
                for delta in self._deltas(connection.client):
                    if self._cancelled.is_set():
                        break
                    self.put(delta)
            self._end(self._reader.cancelled() if self._cancelled.is_set() else self._reader.last())
        except CortexError as error:
            self.put(error)
        except Exception as error:  # noqa: BLE001  it is told to the one who waits
            self.put(self._failure(error))
        finally:
            self._engine.forget(self, self._usage)

    def _end(self, delta: Delta) -> None:
        self._usage = delta.usage
        if delta.usage:
            metrics.usage_count(self._engine.config.model, delta.usage)
        self.put(delta)

    def _failure(self, error: Exception) -> Delta | CortexError:
        if self._cancelled.is_set():
            return self._reader.cancelled()
        return explain(self._engine.config.model, error, SILENCE)

    def _deltas(self, client: openai.OpenAI) -> Iterator[Delta]:
        name = self._engine.config.remote_name or self._engine.config.model
        if self.request.is_raw:
            params = prompt_params(self.request)
            if self.request.echo_prompt and self.request.prompt:
                yield Delta(prompt=self.request.prompt)
            for chunk in client.completions.create(model=name, **params):
                yield from self._reader.text(chunk)
            return
        params = chat_params(self.request)
        if self.request.echo_prompt:
            yield Delta(prompt=json.dumps(params["messages"], ensure_ascii=False, indent=2))
        chunks: Any = client.chat.completions.create(model=name, **params)
        for chunk in chunks:
            yield from self._reader.chat(chunk)


def is_without_list(error: Exception) -> bool:
    """The server is there and lets us in; it merely fails at telling its models, as some do."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code not in (401, 403)
    if isinstance(error, openai.APIConnectionError):
        return isinstance(error.__cause__, httpx2.RemoteProtocolError)
    return isinstance(error, ValueError | openai.APIError)


def slots_of(client: openai.OpenAI, base_url: str) -> int:
    """How many requests a llama.cpp server answers at once, more would wait over there, out of
    order; 0 of other servers, which do not tell."""
    root = base_url.rstrip("/").removesuffix("/v1")
    try:
        told = client.get(f"{root}/props", cast_to=object)
    except (openai.OpenAIError, ValueError, RecursionError):
        return 0
    slots = told.get("total_slots") if isinstance(told, dict) else None
    return slots if isinstance(slots, int) and slots > 0 else 0


def context_length(listed: list[Any], name: str) -> int:
    """What the server says of the model's context, in one of the ways that servers say it; or 0."""
    for model in listed:
        if model.id == name or len(listed) == 1:
            extra = model.model_extra or {}
            told = extra | (extra.get("meta") or {})
            for key in LENGTHS:
                if isinstance(told.get(key), int):
                    return int(told[key])
    return 0
