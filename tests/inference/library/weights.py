"""Weight files for tests that need their form, and no model in them."""

from __future__ import annotations

import json


def safetensors(content: bytes) -> bytes:
    """A safetensors file of one tensor of bytes."""
    tensor = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    header = json.dumps({"a": tensor}).encode()
    return len(header).to_bytes(8, "little") + header + content
