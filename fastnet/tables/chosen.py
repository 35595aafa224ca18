"""Columns that are asked for as scikit-learn has it: by a mask, by indices, or by names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnet.validation.frames import listed


def categories_asked(asked: Any, names: Sequence[str], is_named: bool) -> set[int] | None:
    """Return the places of the columns that are to be categories; None if nothing is asked.

    Raises
    ------
    TypeError, ValueError
        For what is neither a mask, nor indices, nor names of columns.
    """
    if asked is None:
        return None
    array = np.asarray(asked)
    what = "categorical_features"
    if array.size == 0:
        return set()
    if array.ndim != 1 or (array.dtype.kind not in "biuUTO"):
        raise TypeError(f"{what} must be a mask, indices or names, got {asked!r:.80}")
    if array.dtype.kind == "b":
        if len(array) != len(names):
            raise ValueError(f"{what} must have shape ({len(names)},) as a mask, got {array.shape}")
        return set(np.flatnonzero(array).tolist())
    if array.dtype.kind in "iu":
        wrong = [int(i) for i in array if not 0 <= i < len(names)]
        if wrong:
            raise ValueError(f"{what} must be indices from 0 to {len(names) - 1}, got {wrong}")
        return {int(i) for i in array}
    if not all(isinstance(name, str) for name in array.tolist()):
        raise TypeError(f"{what} must be a mask, indices or names, got {asked!r:.80}")
    unknown = [name for name in array.tolist() if name not in names]
    if unknown or not is_named:
        known = listed(names) if is_named else "a table with names"
        raise ValueError(f"{what}: unknown columns {listed(unknown or array.tolist())}, expected some of {known}")
    return {list(names).index(name) for name in array.tolist()}
