"""Values as JSON can hold them."""

from __future__ import annotations

import math
from typing import Any


def standard(value: Any) -> Any:
    """Replace what JSON has no word for: NaN and infinity become null."""
    if isinstance(value, dict):
        return {key: standard(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [standard(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
