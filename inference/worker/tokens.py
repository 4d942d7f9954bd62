"""Rows of tokens, and how far two of them agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]


def tokens_of(values: Any) -> Tokens:
    """The row of some token ids."""
    return np.asarray(values, dtype=np.int32)


def common(left: Tokens, right: Tokens) -> int:
    """The length of the common beginning."""
    length = min(len(left), len(right))
    differing = np.flatnonzero(left[:length] != right[:length])
    return int(differing[0]) if len(differing) else length
