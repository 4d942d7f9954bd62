"""Engines by kind. Adding one is a file in this folder and a line here."""

ENGINES: dict[str, str] = {
    "mlx": "inference.supervisor.WorkerEngine",
    "openai": "inference.engines.openai.RemoteEngine",
}
