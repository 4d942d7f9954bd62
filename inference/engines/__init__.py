"""Engines, which run one model each, by kind; in the web process.

Adding one is a file in this folder and a line here.
"""

# As people call those that compute on this machine.
NAMES = {"mlx": "MLX", "llamacpp": "llama.cpp"}
ENGINES: dict[str, str] = {
    "mlx": "inference.engines.worker.engine.WorkerEngine",
    "llamacpp": "inference.engines.worker.engine.WorkerEngine",
    "openai": "inference.engines.remote.engine.RemoteEngine",
}
