"""What is known of each language model, loaded or not."""

from __future__ import annotations

from django.db import models

from common.mirror import RowMirror


class LanguageModel(models.Model):
    """A model that people can pick. `name` is its id everywhere: in the API, the pages, the admin.

    `state` mirrors what the registry of the serving process does; `progress` (0.0 to 1.0) and
    `stage` belong to a download or a load under way.
    """

    class Engine(models.TextChoices):
        MLX = "mlx", "MLX on this machine"
        LLAMACPP = "llamacpp", "llama.cpp on this machine"
        OPENAI = "openai", "OpenAI-compatible server"

    class Source(models.TextChoices):
        EMBEDDED = "embedded", "Comes with Cortex"
        HUGGINGFACE = "huggingface", "Hugging Face"
        FOLDER = "folder", "Local folder"
        LMSTUDIO = "lmstudio", "LM Studio"
        OLLAMA = "ollama", "Ollama"
        REMOTE = "remote", "Remote engine"

    class Format(models.TextChoices):
        MLX = "mlx", "MLX"
        GGUF = "gguf", "GGUF"

    class State(models.TextChoices):
        UNLOADED = "unloaded"
        DOWNLOADING = "downloading"
        PAUSED = "paused"
        LOADING = "loading"
        LOADED = "loaded"
        UNLOADING = "unloading"
        FAILED = "failed"

    name = models.CharField(max_length=255, unique=True)
    engine = models.CharField(max_length=20, choices=Engine.choices, default=Engine.MLX)
    engine_is_chosen = models.BooleanField(
        default=False, help_text="Somebody chose the engine: it does not follow the machine."
    )
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.HUGGINGFACE)
    path = models.CharField(
        max_length=1024, blank=True, help_text="Folder or file of a local model."
    )
    format = models.CharField(
        max_length=20, choices=Format.choices, blank=True, help_text="Empty: not known yet."
    )
    for_mlx = models.BooleanField(default=False, help_text="A GGUF file that MLX reads too.")
    quantization = models.CharField(max_length=40, blank=True)
    problem = models.TextField(blank=True, help_text="Why its files cannot be loaded.")
    note = models.TextField(blank=True, help_text="What is worth knowing of its files.")
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
    parameters = models.BigIntegerField(default=0, help_text="0: not known.")
    abilities = models.JSONField(default=list, blank=True)
    sampling = models.JSONField(
        default=dict, blank=True, help_text="How its makers draw its answers."
    )
    runtime = models.CharField(
        max_length=255, blank=True, help_text="What computed at the last load."
    )
    runtime_notes = models.JSONField(
        default=list, blank=True, help_text="Why something faster does not compute here."
    )
    speeds = models.JSONField(
        default=dict, blank=True, help_text="Tokens a second on each engine, when it was last used."
    )
    is_default = models.BooleanField(default=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_local(self) -> bool:
        """Whether a process of ours answers; another server has rules of its own."""
        return self.engine in (self.Engine.MLX, self.Engine.LLAMACPP)


MODEL_ROWS = RowMirror(LanguageModel, "name")  # through which the registry tells what it does
