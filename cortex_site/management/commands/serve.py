"""`manage.py serve`: check, migrate, listen, bring the default model up, and end cleanly."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from typing import Any, NoReturn

from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from common.disk import storing
from common.errors import CortexError, DiskFull
from cortex_site import checks, lifecycle
from cortex_site.serving.folder import FolderInUse, folder_claim
from inference import services


def port_number(text: str) -> int:
    """0 to 65535."""
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)


class Command(BaseCommand):
    help = "Start Cortex. It ends with Ctrl-C; a second Ctrl-C ends it at once."
    requires_system_checks = []  # `handle` runs them: the options count as settings

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--host", help="address to listen on (HOST)")
        parser.add_argument("--port", type=port_number, help="0 picks a free one (PORT)")
        parser.add_argument(
            "--model", help="folder, GGUF file or id of the model that answers (DEFAULT_MODEL)"
        )

        parser.add_argument(
            "--engine",
            choices=services.ENGINE_CHOICES,
            help="what computes it; auto follows the model and the machine",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["host"] is not None:
            settings.HOST = options["host"]
        if options["port"] is not None:
            settings.PORT = options["port"]
        self._report([*run_checks(), *checks.database_check(), *checks.redis_check()])
        self._claim()
        self._migrate()
        if options["model"]:
            self._set_up(f"--model {options['model']}", lifecycle.serve_model, options["model"])
        if options["engine"]:
            self._set_up(f"--engine {options['engine']}", lifecycle.serve_engine, options["engine"])
        self._serve()

    def _report(self, messages: list[CheckMessage]) -> None:
        """Print warnings; stop at errors."""
        errors = [message for message in messages if message.is_serious()]
        for message in messages:
            hint = f" {message.hint}" if message.hint else ""
            self.stderr.write(f"{message.msg}{hint} ({message.id})")
        if errors:
            raise CommandError("Cortex cannot start: see above.")

    def _claim(self) -> None:
        try:
            folder_claim()
        except FolderInUse as error:
            raise CommandError(
                f"Cortex runs already on {error}. End that one, set DATA_DIR to another folder, or "
                "let both use one PostgreSQL database (DATABASE_URL)."
            ) from error

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write("Preparing the database")
            try:
                with storing("the database"):
                    call_command("migrate", verbosity=0, interactive=False)
            except DiskFull as error:
                raise CommandError("The disk is full: the database is not ready.") from error
        connection.close()

    def _set_up(self, option: str, act: Callable[[str], None], value: str) -> None:
        try:
            act(value)
        except CortexError as error:
            raise CommandError(f"{option}: {error}") from error
        connection.close()

    def _serve(self) -> None:
        from cortex_site.asgi import application  # builds the middleware: after the checks
        from cortex_site.server import CortexServer  # installs Twisted's reactor

        server = CortexServer(
            application, settings.HOST, settings.PORT, self._listening, lifecycle.stop
        )
        server.run()
        if server.failure:
            raise CommandError(
                f"Cannot listen on {settings.HOST} port {settings.PORT}: {server.failure} "
                "Perhaps Cortex is running already; PORT (or --port) picks another port."
            )
        self._leave()

    def _leave(self) -> NoReturn:
        """All is stored and every child is told; a thread that still waits must not hold us."""
        logging.shutdown()
        self.stdout.flush()
        os._exit(0)

    def _listening(self, host: str, port: int) -> None:
        name = f"[{host}]" if ":" in host else host
        self.stdout.write(f"Cortex is at http://{name}:{port} (Ctrl-C ends it)")
        self.stdout.flush()
        lifecycle.start()
