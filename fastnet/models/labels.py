"""What the classes of a model are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = tuple[str, ...] | tuple[int, ...]


def labels_of(classes: npt.ArrayLike) -> Labels | None:
    """Return the names of the classes of an estimator: text, or numbers, None for those that are counted from 0.

    Examples
    --------
    >>> labels_of(["no", "yes"]), labels_of([-1.0, 1.0]), labels_of([False, True])
    (('no', 'yes'), (-1, 1), None)
    """
    array = np.asarray(classes)
    if array.dtype.kind not in "biuf":
        return tuple(map(str, array.tolist()))
    numbers = tuple(map(int, array.tolist()))  # floats are whole: others are no classes
    return None if numbers == tuple(range(len(numbers))) else numbers


def check_labels(labels: Any, n_names: int, by_output: bool) -> Labels | None:
    """Return names of classes as a tuple, all text or all numbers; ValueError if they are not `n_names` such names."""
    if labels is None:
        return None
    names = tuple(labels) if isinstance(labels, Sequence) and not isinstance(labels, str) else ()
    texts = all(isinstance(name, str) for name in names)
    if len(names) != n_names or not (texts or all(type(name) is int for name in names)):
        reason = "one for each output" if by_output else "one for each of two classes"
        raise ValueError(f"labels must be {n_names} names, text or numbers, {reason}")
    return names
