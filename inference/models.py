"""What is known of each language model, loaded or not."""

from __future__ import annotations

from django.db import models


class LanguageModel(models.Model):
    """A model that people can pick. `name` is its id everywhere: in the API, the pages, the admin.

    `state` mirrors what the supervisor of the serving process does; `progress` (0.0 to 1.0) and
    `stage` belong to a download or a load under way.
    """

    class Engine(models.TextChoices):
        MLX = "mlx", "MLX on this machine"
        OPENAI = "openai", "OpenAI-compatible server"

    class Source(models.TextChoices):
        EMBEDDED = "embedded", "Comes with Cortex"
        HUGGINGFACE = "huggingface", "Hugging Face"
        FOLDER = "folder", "Local folder"
        REMOTE = "remote", "Remote engine"

    class State(models.TextChoices):
        UNLOADED = "unloaded"
        DOWNLOADING = "downloading"
        LOADING = "loading"
        LOADED = "loaded"
        UNLOADING = "unloading"
        FAILED = "failed"

    name = models.CharField(max_length=255, unique=True)
    engine = models.CharField(max_length=20, choices=Engine.choices, default=Engine.MLX)
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.HUGGINGFACE)
    path = models.CharField(max_length=1024, blank=True, help_text="Folder of a local model.")
    base_url = models.URLField(blank=True, help_text="Remote engines: such as http://host:8080/v1")
    api_key = models.CharField(max_length=255, blank=True)
    remote_name = models.CharField(
        max_length=255, blank=True, help_text="Remote engines: the model's id there."
    )
    state = models.CharField(max_length=20, choices=State.choices, default=State.UNLOADED)
    stage = models.CharField(max_length=20, blank=True)
    progress = models.FloatField(default=0.0)
    last_error = models.TextField(blank=True)
    size_bytes = models.BigIntegerField(default=0)
    memory_bytes = models.BigIntegerField(default=0)
    context_length = models.IntegerField(default=0)
    abilities = models.JSONField(default=list, blank=True)
    is_default = models.BooleanField(default=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
