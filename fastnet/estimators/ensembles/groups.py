"""Samples by the groups that they belong to."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d

Rows = npt.NDArray[np.int64]

NAMED = 5
"""Groups that a message names at most."""


def rows_by_group(groups: Any, n_samples: int) -> dict[Any, Rows]:
    """Return the rows of each group, in their order: sorted groups if they can be, else as they first come.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Labels of any kind that can be a key.
    n_samples : int
        Samples that there are.

    Raises
    ------
    ValueError
        For another number of labels, or one that is missing (None or NaN).

    Examples
    --------
    >>> rows_by_group(["b", "a", "b"], 3)
    {'a': array([1]), 'b': array([0, 2])}
    """
    if groups is None:
        raise ValueError("groups must be one label for each sample, got None")
    labels = np.asarray(groups)
    if labels.dtype.kind == "U" and not hasattr(groups, "dtype"):
        labels = np.asarray(groups, object)  # a list of both numbers and text
    labels = column_or_1d(labels)
    if len(labels) != n_samples:
        raise ValueError(f"groups must be one label for each of {n_samples} samples, got {len(labels)}")
    values = labels.tolist() if labels.dtype.kind in "OUSbiuf" else list(labels)
    missing = [i for i, value in enumerate(values) if value is None or value != value]
    if missing:
        raise ValueError(f"groups must not be missing, got {values[missing[0]]} for sample {missing[0]}")
    found: dict[Any, list[int]] = {}
    for i, value in enumerate(values):
        found.setdefault(value, []).append(i)
    try:
        order = sorted(found)
    except TypeError:
        order = list(found)
    return {group: np.array(found[group], np.int64) for group in order}


def require_known(groups: Any, known: Any) -> None:
    """Reject groups that nothing was fitted for, by name."""
    unknown = [group for group in groups if group not in known]
    if unknown:
        others = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        names = ", ".join(map(repr, unknown[:NAMED]))
        raise ValueError(f"groups has groups that were not there in fit: {names}{others}")
