"""System checks: what would keep Cortex from running well, each with an id and a hint."""

from __future__ import annotations

import difflib
import ipaddress
import tempfile
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import Error as DatabaseError
from django.db import connection

from common.disk import is_disk_full
from cortex_site import settings as settings_module
from cortex_site.configuration import unknown_variables
from cortex_site.serving.folder import folder_make_private

TAG = "cortex"
NAMES = settings_module.env.names | {"ENV_FILE"}  # of all variables that are read


def is_loopback(host: str) -> bool:
    """Whether a server bound to `host` can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@register(TAG)
def host_check(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    if is_loopback(settings.HOST):
        return []
    return [
        Error(
            f"HOST={settings.HOST} would open Cortex to the network, and it has no accounts yet.",
            hint="Set HOST=127.0.0.1. To reach it from another machine, use an SSH tunnel.",
            id="cortex.E001",
        )
    ]


@register(TAG)
def data_folder_check(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    try:
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.DATA_DIR):
            return []
    except OSError as error:
        return [
            Error(
                f"DATA_DIR={settings.DATA_DIR} cannot be written: {error.strerror}.",
                hint="Give the folder to the user who runs Cortex, or set DATA_DIR to another one.",
                id="cortex.E002",
            )
        ]


@register(TAG)
def privacy_check(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Make what an earlier version or another program made there private, too."""
    open_to_others = folder_make_private()
    if not open_to_others:
        return []
    more = f" and {len(open_to_others) - 1} more" if len(open_to_others) > 1 else ""
    return [
        Warning(
            f"Other users of this machine can get at {open_to_others[0]}{more}: the rights cannot "
            "be changed.",
            hint="Give the files to the user who runs Cortex, or set DATA_DIR to a folder on a "
            "disk that knows rights.",
            id="cortex.W002",
        )
    ]


@register(TAG)
def env_file_check(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    for line, name in unknown_variables(settings.ENV_FILE, NAMES):
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"Did you mean {near[0]}?" if near else "README.md lists those that there are."
        text = f"{settings.ENV_FILE} line {line}: {name} is not a setting of Cortex."
        messages.append(Warning(text, hint=hint, id="cortex.W001"))
    return messages


def database_check() -> list[CheckMessage]:
    """Not registered: `manage.py check` must not need a database."""
    try:
        connection.ensure_connection()
        return []
    except DatabaseError as error:
        reason = "the disk is full" if is_disk_full(error) else " ".join(str(error).split())
        return [
            Error(
                f"The database cannot be reached: {reason}.",
                hint="See DATABASE_URL. Without it, Cortex keeps its data in DATA_DIR.",
                id="cortex.E003",
            )
        ]


def redis_check() -> list[CheckMessage]:
    """Not registered: `manage.py check` must not need Redis."""
    if not settings.REDIS_URL:
        return []
    import redis  # only where it is configured: it costs every other start 40 ms

    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3).ping()
        return []
    except (redis.RedisError, ValueError) as error:
        return [
            Error(
                f"Redis cannot be reached: {error}.",
                hint="See REDIS_URL. Without it, Cortex needs no Redis.",
                id="cortex.E004",
            )
        ]
