"""Types that every layer names."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]  # a JSON object
