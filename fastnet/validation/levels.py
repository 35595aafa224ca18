"""Checks of the levels of quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np


def quantile_levels(levels: Any, n_outputs: int | None = None) -> tuple[float, ...]:
    """Check the levels of quantiles, one for each output: numbers between 0 and 1."""
    if not isinstance(levels, tuple):
        raise TypeError(f"levels must be a tuple of numbers, got {type(levels).__name__}")
    for i, level in enumerate(levels):
        if not isinstance(level, int | float | np.integer | np.floating):
            raise TypeError(f"levels[{i}] must be a number, got {type(level).__name__}")
        if not 0 < level < 1:
            raise ValueError(f"levels[{i}] must lie between 0 and 1, got {level}")
    if not levels or n_outputs not in (None, len(levels)):
        raise ValueError(f"levels must hold a number for each of {n_outputs or 'the'} outputs, got {len(levels)}")
    return tuple(map(float, levels))
