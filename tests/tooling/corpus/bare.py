"""Children without the policy layer: ordinary Python, confined by the operating system alone.

Everything that the corpus imports is loaded first, so that a program fails at what it does and not
at an import.
"""

from __future__ import annotations

import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any

from tooling.jail.channel import Channel
from tooling.jail.lockdown import ResourceLimits, confine

_NAMES = """
    abc array asyncio atexit base64 builtins calendar codecs collections contextlib copy csv ctypes
    dataclasses encodings.idna enum fileinput ftplib functools gc hashlib http.client
    importlib.machinery io json linecache mmap multiprocessing.pool numbers operator os pathlib
    pickle posix pprint pty random re resource secrets shutil signal socket sqlite3 statistics
    string struct subprocess sys tempfile threading time tokenize typing unicodedata urllib.request
    uuid zoneinfo
"""
LOADED = _NAMES.split()


def main(channel: Channel, limits: ResourceLimits, parent: int) -> None:
    for name in LOADED:
        import_module(name)
    channel.send({"ready": confine(limits, parent=parent)})
    channel.send(run(channel.receive()["code"]))


def run(code: str) -> dict[str, Any]:
    try:
        exec(compile(code, "<code>", "exec", dont_inherit=True), {"__name__": "__main__"})
    except BaseException as error:  # noqa: BLE001
        text = type(error).__name__
        with suppress(BaseException):
            text = "".join(traceback.format_exception_only(error))
        return {"value": None, "error": text[:10_000]}
    return {"value": None, "error": None}
