"""The Django app."""

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"
    verbose_name = "Language models"

    def ready(self) -> None:
        from inference import checks  # noqa: F401  registers them; models must be ready before
