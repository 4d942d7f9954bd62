"""The Django app."""

from importlib import import_module

from django.apps import AppConfig


class ToolingConfig(AppConfig):
    name = "tooling"
    verbose_name = "Tools"

    def ready(self) -> None:
        import_module("tooling.checks")  # registers them
        import_module("tooling.sandbox.checks")
