"""Cortex on llama.cpp against llama.cpp's own server, on the same GGUF file, in turns.

    python -m benchmarks.llamacpp [--rounds 5] [--tokens 64] [--streams 1 8 16]

Every setting of Cortex is as it comes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.common import (
    EMBEDDED,
    cortex,
    llama_server,
    ratio,
    report,
    spread,
    stream_openai,
    take_turns,
)
from benchmarks.serving import body, many_streams, one_stream
from inference.library import embedded

FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "story",
        "schema": {
            "type": "object",
            "properties": {"story": {"type": "string"}},
            "required": ["story"],
        },
    },
}


def bound(url: str, tokens: int) -> Callable[[], float]:
    """One stream that a schema holds."""
    return lambda: (
        stream_openai(url, body(tokens, EMBEDDED) | {"response_format": FORM}).decode_rate
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 16])
    arguments = parser.parse_args()
    rows = []
    with cortex(engine="llamacpp") as ours, llama_server(embedded.gguf_file()) as theirs:
        for streams in arguments.streams:
            make = one_stream if streams == 1 else many_streams
            count = () if streams == 1 else (streams,)
            sides = {
                "cortex": make(ours, EMBEDDED, arguments.tokens, *count),
                "peer": make(theirs, EMBEDDED, arguments.tokens, *count),
            }
            values = take_turns(arguments.rounds, sides)
            rows.append([str(streams), *(spread(values[side]) for side in sides),
                         ratio(values, "cortex", "peer")])  # fmt: skip
        sides = {
            "bound": bound(ours, arguments.tokens),
            "free": one_stream(ours, EMBEDDED, arguments.tokens),
        }
        values = take_turns(arguments.rounds, sides)
        rows.append(["1, by a schema / free", *(spread(values[side]) for side in sides),
                     ratio(values, "bound", "free")])  # fmt: skip
    report("llama.cpp", ["streams", "Cortex, tok/s", "llama.cpp's server, tok/s", "ratio"], rows)


if __name__ == "__main__":
    main()
