"""`mlx_lm.server` on a fast BLAS and dense float32 weights.

As shipped it would need minutes for a sentence on a Linux CPU.
"""

from __future__ import annotations

import platform
import sys
from http.server import ThreadingHTTPServer
from typing import Any

from inference.mlx_worker.blas import blas_load

blas_load()  # before MLX is imported

import mlx.core as mx  # noqa: E402
from mlx_lm import server  # noqa: E402
from mlx_lm.utils import dequantize_model  # noqa: E402

load = server.load


def load_dense(*args: Any, **kwargs: Any) -> Any:
    model, *rest = load(*args, **kwargs)
    if platform.system() == "Linux":
        model.set_dtype(mx.float32)
        model = dequantize_model(model)
        mx.eval(model.parameters())
    return model, *rest


if __name__ == "__main__":
    server.load = load_dense
    # As shipped, it refuses some of sixteen clients that connect in the same moment.
    ThreadingHTTPServer.request_queue_size = 128
    sys.exit(server.main())
