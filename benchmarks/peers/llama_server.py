"""llama.cpp's own server on a GGUF file: `python -m benchmarks.peers.llama_server FILE PORT`.

With its own defaults, but for the number of requests at a time and the context, which are Cortex's.
"""

from __future__ import annotations

import sys
import threading

import psutil
import xllamacpp

SLOTS, CELLS = 16, 8704


def main(path: str, port: int) -> None:
    """Serve until killed."""
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.port = port
    params.n_parallel = SLOTS
    params.kv_unified = True
    params.n_ctx = CELLS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = psutil.cpu_count()
    kept = xllamacpp.Server(params)
    threading.Event().wait()
    del kept


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
