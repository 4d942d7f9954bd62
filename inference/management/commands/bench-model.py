"""`manage.py bench-model NAME`: compare the engines that can run a model on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management import BaseCommand, CommandError, call_command

from common.errors import CortexError
from inference import measuring, services
from inference.engines import NAMES

LEAST_TOKENS = 2  # the speed of an answer is told from its first token on
INTERRUPTED = 130  # what a shell gives for a program that Ctrl-C ended


def number_of_tokens(text: str) -> int:
    """At least 2."""
    if not text.isdigit() or int(text) < LEAST_TOKENS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {LEAST_TOKENS} on")
    return int(text)


class Command(BaseCommand):
    help = "Compare the engines that can run a model on this machine, and say which one to take."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="id of the model, a folder, or a GGUF file")
        parser.add_argument(
            "--engines", nargs="+", choices=list(NAMES), help="those that can run it"
        )
        parser.add_argument(
            "--tokens", type=number_of_tokens, default=64, help="length of each answer (64)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        try:
            row = services.model_named(options["name"])
            found = measuring.compare(
                row, options["engines"] or (), options["tokens"], self.stderr.write
            )
        except CortexError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=INTERRUPTED) from None
        if not found.measured:
            raise CommandError(measuring.report(found))
        self.stdout.write(measuring.report(found))
