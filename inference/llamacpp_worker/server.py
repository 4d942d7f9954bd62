"""llama.cpp's own server inside this process, and the way to ask it.

It listens on a socket file in a folder that this user alone can enter: no port is open, and nobody
else on the machine can ask it.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from common.types import JSON
from inference.errors import ModelLoadFailed
from inference.llamacpp_worker.log import ErrorLog

FOLDER = "cortex-llama-"
ASK_TIMEOUT = 30.0  # seconds for a question that needs no model
READS = 1 << 16  # bytes
BATCH = 512  # tokens of prompts between two looks: it computes so many at once in any case
ERRORS_ONLY = 1  # llama.cpp's verbosity
# Threads wait for each other some hundred times a token. Spinning for long, they stand still if
# another program wants a core (beside one busy program 3 tokens a second instead of 27); sleeping
# at once costs more than half of the speed of a quiet machine. So they spin for a moment.
SPINS = "2000"


def library() -> Any:
    """The module xllamacpp. It is loaded here alone, for what steers its threads is read when it is
    loaded, and a processor that it is not made for ends the process."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    import xllamacpp

    return xllamacpp


def device() -> str:
    """What llama.cpp computes on: "gpu" or "cpu"."""
    kinds = {str(found.get("type", "")) for found in library().get_device_info()}
    return "gpu" if any("GPU" in kind for kind in kinds) else "cpu"


class ServerRefused(Exception):
    """The server answered with an error: `status` and what it says of it."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much the server may take: tokens of context that all requests share, requests at a time
    and threads."""

    cells: int
    slots: int
    threads: int


class LlamaServer:
    """A loaded model. Raises ModelLoadFailed when it cannot be loaded."""

    def __init__(self, path: Path, sizes: Sizes, *, slot_folder: Path | None = None) -> None:
        _remove_stale()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-"))
        self._address = str(self._folder / "s.sock")
        self.log = ErrorLog()
        try:
            self._server = library().Server(self._params(path, sizes, slot_folder))
        except RuntimeError as error:
            self.close()
            raise ModelLoadFailed(f"{path.name} cannot be loaded: {self.log.reason()}.") from error

    def _params(self, path: Path, sizes: Sizes, slot_folder: Path | None) -> Any:
        params = library().CommonParams()
        params.model.path = str(path)
        params.hostnames = [self._address]
        params.port = 1  # a socket file has none, but 0 asks for any
        params.ui = False
        params.verbosity = ERRORS_ONLY
        params.n_parallel = sizes.slots
        params.kv_unified = True
        params.n_ctx = sizes.cells
        params.n_batch = BATCH
        params.fit_params = False  # its size is our business
        params.ctx_shift = False  # never a silent cut
        params.cache_ram_mib = 0  # idle conversations stay in their slots, and on the disk
        params.n_threads_http = sizes.slots + 2
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = sizes.threads
        params.endpoint_slots = True
        if slot_folder is not None:
            params.slot_save_path = f"{slot_folder}{os.sep}"
        return params

    def get(self, path: str) -> JSON:
        """What the server says at that path."""
        return self._ask("GET", path, None)

    def post(self, path: str, data: JSON) -> JSON:
        """Its answer to `data`. Raises ServerRefused."""
        return self._ask("POST", path, data)

    def _ask(self, method: str, path: str, data: JSON | None) -> JSON:
        connection = _Connection(self._address, ASK_TIMEOUT)
        try:
            connection.request(method, path, _body(data), HEADERS)
            response = connection.getresponse()
            return _checked(response.status, response.read())
        finally:
            connection.close()

    def stream(self, data: JSON) -> CompletionStream:
        """The events of a completion. Raises ServerRefused."""
        return CompletionStream(self._address, data)

    def close(self) -> None:
        """Remove the socket; the server itself ends with the process."""
        shutil.rmtree(self._folder, ignore_errors=True)


class CompletionStream(Iterator[JSON]):
    """One completion on its way, read on one thread; `hang_up` from any other ends it."""

    def __init__(self, address: str, data: JSON) -> None:
        self._connection = _Connection(address, None)
        self._connection.request("POST", "/completion", _body(data), HEADERS)
        self._response: http.client.HTTPResponse | None = None
        self._buffer = b""

    def __next__(self) -> JSON:
        if self._response is None:
            self._response = self._connection.getresponse()
            if self._response.status != http.HTTPStatus.OK:
                _checked(self._response.status, self._response.read())
        while True:
            line, separator, rest = self._buffer.partition(b"\n\n")
            if separator:
                self._buffer = rest
                if line.startswith(b":"):
                    continue  # a sign of life while a long prompt is read
                return self._event(line)
            more = self._response.read1(READS)
            if not more:
                raise StopIteration
            self._buffer += more

    @staticmethod
    def _event(line: bytes) -> JSON:
        name, _, value = line.partition(b":")
        data: JSON = json.loads(value)
        if name == b"error" or "error" in data:
            raise _refused(500, data.get("error", data))
        return data

    def hang_up(self) -> None:
        """End it: the server frees the slot at its next step."""
        sock = self._connection.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself


HEADERS = {"Content-Type": "application/json"}


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, address: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._address)


def _remove_stale() -> None:
    """The folders of processes that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        owner = folder.name.removeprefix(FOLDER).partition("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _body(data: JSON | None) -> bytes | None:
    return None if data is None else json.dumps(data, separators=(",", ":")).encode()


def _checked(status: int, body: bytes) -> JSON:
    try:
        data: JSON = json.loads(body)
    except ValueError:
        data = {"error": {"message": body[:200].decode(errors="replace")}}
    if status != http.HTTPStatus.OK:
        raise _refused(status, data.get("error", data))
    return data


def _refused(status: int, error: JSON) -> ServerRefused:
    code = error.get("code", status)
    return ServerRefused(int(code), str(error.get("type", "")), str(error.get("message", error)))
