"""Readers for the environment that say which variable is wrong, and defaults that need thought."""

from __future__ import annotations

import os
import platform
import re
import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
import psutil
from django.core.exceptions import ImproperlyConfigured

from common.disk import database_watch
from inference.types import Limit

EMBEDDED_MODEL = "smollm2-135m-instruct"  # the id under which inference.library.sources offers it
APPLE_SILICON_MODEL = "mlx-community/Llama-3.2-3B-Instruct-4bit"
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")

DATABASES = ("sqlite", "postgres", "postgresql")
ENV_LINE = re.compile(r"(?:export )?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
OTHERS = (
    *("HF_", "OLLAMA_", "LMSTUDIO_", "MLX_", "OPENBLAS_", "OMP_", "PYTHON", "DJANGO_"),
    *("http", "HTTP", "no_", "NO_"),
)


class Environment(environ.Env):
    """The environment, with a .env file under it; a variable that is set to nothing is not set.

    `names` collects the variables that were asked for.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        _env_file_check(file)
        self.read_env(file)
        self.names: set[str] = set()
        self.ENVIRON = {name: value for name, value in os.environ.items() if value.strip()}

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        self.names.add(var)
        return super().get_value(var, *args, **kwargs)


def env_file(base: Path) -> Path:
    """Where the .env file is: beside manage.py, unless ENV_FILE says otherwise."""
    return Path(os.environ.get("ENV_FILE") or base / ".env").expanduser()


def _env_lines(file: Path) -> list[tuple[int, str]]:
    """The numbered lines of a .env file that are neither blank nor comments."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{file} cannot be read: {error}.") from error
    numbered = [(number, line.rstrip()) for number, line in enumerate(lines, 1)]
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]


def _env_file_check(file: Path) -> None:
    """environ passes over a line that it cannot read; a person wants to hear of it."""
    for number, line in _env_lines(file):
        match = ENV_LINE.fullmatch(line)
        if not match:
            name = line.partition("=")[0].strip() if "=" in line else "the line"
            raise ImproperlyConfigured(
                f"{file} line {number}: {name} is not written as NAME=value, without spaces."
            )
        if match[2][:1] in "\"'" and match[2][:1] != match[2][-1:]:
            raise ImproperlyConfigured(f"{file} line {number}: {match[1]} lacks a closing quote.")


def unknown_variables(file: Path, known: set[str]) -> list[tuple[int, str]]:
    """(line, name) of what a .env file sets and nobody reads."""
    named = [(number, ENV_LINE.fullmatch(line)) for number, line in _env_lines(file)]
    return [
        (number, match[1])
        for number, match in named
        if match and match[1] not in known and not match[1].startswith(OTHERS)
    ]


def _fail(name: str, value: object, expected: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}={value!r} is not valid: expected {expected}.")


def integer(env: environ.Env, name: str, default: int, *, low: int, high: int | None = None) -> int:
    """Read a whole number between `low` and `high`, both included."""
    text = env.str(name, str(default))
    expected = f"a whole number from {low}" + (f" to {high}" if high is not None else "")
    try:
        value = int(text)
    except ValueError:
        raise _fail(name, text, expected) from None
    if value < low or (high is not None and value > high):
        raise _fail(name, text, expected)
    return value


def number(env: environ.Env, name: str, limit: Limit) -> float | None:
    """Read a number within its limit; None where it is not set."""
    text = env.str(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise _fail(name, text, f"a number {limit.words}") from None
    if not limit.allows(value):
        raise _fail(name, text, f"a number {limit.words}")
    return value


def boolean(env: environ.Env, name: str, default: bool) -> bool:
    """Read True or False, in the usual spellings."""
    text = env.str(name, str(default)).strip().lower()
    if text not in TRUE + FALSE:
        raise _fail(name, text, "True or False")
    return text in TRUE


def choice(env: environ.Env, name: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of a few words, in any case."""
    text = env.str(name, default).upper()
    if text not in allowed:
        raise _fail(name, text, "one of " + ", ".join(allowed))
    return text


def size(env: environ.Env, name: str, default: int) -> int:
    """Bytes, written plainly or with a unit: 8G, 512M, 8GB."""
    text = env.str(name, str(default)).strip().upper().removesuffix("B").removesuffix("I")
    unit = text[-1:] if text[-1:] in UNITS else ""
    try:
        value = int(float(text.removesuffix(unit)) * UNITS[unit])
    except (ValueError, OverflowError):
        raise _fail(name, env.str(name), "a size such as 8G, 512M or a count of bytes") from None
    if value < 0:
        raise _fail(name, env.str(name), "a size of zero or more")
    return value


def words(env: environ.Env, name: str) -> list[str]:
    """Read a list, separated by commas."""
    return [word.strip() for word in env.str(name, "").split(",") if word.strip()]


def folder(env: environ.Env, name: str, default: str, *, base: Path) -> Path:
    """Read a folder; `~` is the home, and a relative one starts where manage.py is."""
    return base / Path(env.str(name, default)).expanduser()


def origins(env: environ.Env, name: str, default: list[str]) -> list[str]:
    """Web origins: scheme and host, perhaps a port, nothing after."""
    values = [value.rstrip("/") for value in words(env, name) or default]
    for value in values:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
            raise _fail(name, value, "origins such as http://localhost:3000, separated by commas")
    return values


def database(url: str, *, base: Path) -> dict[str, Any]:
    """Django's database settings for a URL.

    A relative SQLite file starts where manage.py is. SQLite runs in WAL mode with immediate
    transactions and waits for a lock: with Django's own defaults concurrent writers fail with
    "database is locked".
    """
    expected = "sqlite:////path/to/file or postgres://user:password@host:5432/name"
    if url.partition(":")[0] not in DATABASES:
        raise _fail("DATABASE_URL", url.split("@")[-1], expected)
    config: dict[str, Any] = environ.Env.db_url_config(url)
    if config["NAME"] in ("", ":memory:", None):
        raise _fail("DATABASE_URL", url.split("@")[-1], expected)
    if "sqlite" in config["ENGINE"]:
        config["NAME"] = str(base / config["NAME"])
        database_watch(Path(config["NAME"]))
        config["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    return config


def channel_layer(redis_url: str) -> dict[str, Any]:
    """Redis where it is configured (several processes), else the layer within this process."""
    if redis_url:
        return {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            "CONFIG": {"hosts": [redis_url]},
        }
    return {"BACKEND": "channels.layers.InMemoryChannelLayer"}


def secret_key(path: Path) -> str:
    """Read the key in `path`; made at the first start, readable by its owner only."""
    try:
        if not path.exists():
            _secret_key_make(path)
        key = path.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"DATA_DIR={str(path.parent)!r} cannot be used: {error.strerror}."
        ) from error
    if not key:
        raise ImproperlyConfigured(f"{path} is empty. Remove it; a new key is made at the start.")
    return key


def _secret_key_make(path: Path) -> None:
    """Written aside and linked into place, so that no other process reads half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent)  # mode 600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        os.link(aside, path)
    except FileExistsError:
        pass  # another process was faster: its key counts
    finally:
        os.unlink(aside)


def default_model() -> str:
    """Give a model that this machine runs well."""
    apple_silicon = platform.system() == "Darwin" and platform.machine() == "arm64"
    return APPLE_SILICON_MODEL if apple_silicon else EMBEDDED_MODEL


def default_memory_limit() -> int:
    """Three quarters of the machine's memory, in bytes."""
    return _memory() * 3 // 4


def _memory() -> int:
    return int(psutil.virtual_memory().total)
