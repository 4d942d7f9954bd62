"""The child process that holds one model: `python -m inference.worker --engine mlx --fd N`.

JSON messages come and go over an inherited socket (`inference.engines.worker.engine` has the
protocol). The main thread loads the model and generates; a reader thread takes commands, a beat
thread says about once a second that the process lives, also while a long prompt is computed. When
the pipe closes, or the parent is gone, the process ends at once. It imports no Django.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection

from common.errors import CortexError, InvalidRequest, to_wire
from common.types import JSON
from inference.engines.base import EngineConfig
from inference.errors import GenerationFailed
from inference.types import Delta, decode_request, encode, encode_delta
from inference.worker.backend import BACKENDS, Backend, Result, backend_load

logger = logging.getLogger("inference.worker")

BEAT_SECONDS = 1.0
WAKE: JSON = {"op": "wake"}
CLOSE_SECONDS = 2.0  # to write the prompt cache; the parent waits a second longer


class Channel:
    """The socket to the parent; whole messages, from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: JSON) -> None:
        data = json.dumps(message, separators=(",", ":")).encode()
        try:
            with self._lock:
                self._connection.send_bytes(data)
        except OSError:
            os._exit(0)  # nobody is listening any more

    def receive(self) -> JSON:
        """The next message. Raises EOFError or OSError when the parent is gone."""
        return json.loads(self._connection.recv_bytes())


class Worker:
    """One model's process: commands in, deltas out."""

    def __init__(self, channel: Channel, engine: str) -> None:
        self._channel = channel
        self._engine = engine
        self._inbox: queue.SimpleQueue[JSON] = queue.SimpleQueue()
        self._backend: Backend | None = None
        self._parent = os.getppid()
        self._steps = 0  # a beat tells it: a main thread that hangs makes none
        self._told: dict[str, float] = {}  # of the prompts that are being read

    def run(self) -> int:
        """Serve until told to stop. The exit status: 0, or 1 when the model did not load."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        command = self._inbox.get()
        if command["op"] != "load":
            return 0
        try:
            self._load(EngineConfig(**command["config"]))
        except CortexError as error:
            self._channel.send({"op": "failed", "error": to_wire(error)})
            return 1
        threading.Thread(target=self._beat, name="beat", daemon=True).start()
        self._serve()
        return 0

    def _read(self) -> None:
        while True:
            try:
                self._inbox.put(self._channel.receive())
            except (EOFError, OSError):
                os._exit(0)
            except ValueError:
                logger.exception("a message from the parent is not JSON; it is skipped")

    def _beat(self) -> None:
        while self._backend is not None:
            self._channel.send(
                {
                    "op": "beat",
                    "active": self._backend.active,
                    "memory": self._backend.memory(),
                    "steps": self._steps,
                }
            )
            time.sleep(BEAT_SECONDS)
            if os.getppid() != self._parent:
                os._exit(0)

    def _load(self, config: EngineConfig) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"  # everything is on disk; the child never downloads
        backend = backend_load(self._engine, config, self._progress, self._wake)
        # Ctrl-C reaches the whole process group; it is the parent who decides when a model goes.
        # Here, since a library may have set a handler of its own.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._backend = backend
        self._channel.send({"op": "loaded", "description": encode(backend.description)})

    def _progress(self, stage: str, fraction: float) -> None:
        self._channel.send({"op": "progress", "stage": stage, "fraction": fraction})

    def _wake(self) -> None:
        """There is something for `step` to give; may be called on any thread."""
        self._inbox.put(WAKE)

    def _serve(self) -> None:
        backend = self._backend
        assert backend is not None
        while True:
            for command in self._commands(wait=not backend.has_work):
                if command["op"] == "shutdown":
                    backend.close(CLOSE_SECONDS)
                    return
                self._obey(backend, command)
            self._send_results(backend.step())
            self._send_reading(backend.reading())
            self._steps += 1

    def _commands(self, *, wait: bool) -> Iterable[JSON]:
        """All commands that have arrived; with `wait`, at least one."""
        if wait:
            yield self._inbox.get()
        while True:
            try:
                yield self._inbox.get_nowait()
            except queue.Empty:
                return

    def _obey(self, backend: Backend, command: JSON) -> None:
        if command["op"] == "generate":
            self._generate(backend, command["request"])
        elif command["op"] == "cancel":
            backend.cancel(command["id"])
        elif command is not WAKE:
            logger.error("unknown command %r", command["op"])

    def _generate(self, backend: Backend, data: JSON) -> None:
        try:
            backend.submit(decode_request(data))
        except CortexError as error:
            self._send_error(data["id"], error)
        except (TypeError, KeyError, ValueError) as error:
            self._send_error(data["id"], InvalidRequest(f"the request is malformed: {error}"))
        except Exception as error:
            logger.exception("request %s could not be taken", data["id"])
            self._send_error(data["id"], GenerationFailed(f"the request failed: {error}"))

    def _send_error(self, request_id: str, error: CortexError) -> None:
        self._channel.send({"op": "error", "id": request_id, "error": to_wire(error)})

    def _send_reading(self, reading: dict[str, float]) -> None:
        if reading and reading != self._told:
            self._channel.send({"op": "reading", "requests": reading})
        self._told = reading

    def _send_results(self, results: list[Result]) -> None:
        deltas = []
        for request_id, result in results:
            if isinstance(result, Delta):
                deltas.append([request_id, encode_delta(result)])
            else:
                self._send_error(request_id, result)
        if deltas:
            self._channel.send({"op": "deltas", "deltas": deltas})


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold one language model for Cortex.")
    parser.add_argument("--engine", choices=BACKENDS, required=True, help="what computes")
    parser.add_argument("--fd", type=int, required=True, help="the inherited socket")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)  # what is written holds what was said
    return Worker(Channel(Connection(arguments.fd)), arguments.engine).run()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Interpreter shutdown would wait for the reader, which waits for the parent.
    os._exit(status)
