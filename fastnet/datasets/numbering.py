"""Classes that are there, counted from 0: labels with gaps keep their numbers as names, one-hot rows become labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastnet.datasets.labels import MAX_LABEL, Array, Labels, Names


def without_gaps(
    y: Labels | None, y_test: Labels | None, names: Names | None, where: str
) -> tuple[Labels | None, Labels | None, Names | None]:
    """Return the labels of both parts counted among the classes of the training part, and the classes' names.

    Labels that are exactly 0 to n - 1 stay as they are, without names; so do those that names are given for. A class
    of the test part that no training sample has is a ValueError, which names it.
    """
    first = y if y is not None else y_test
    if first is None or not first.size:
        return y, y_test, names
    classes = _present(first)
    if y is not None and y_test is not None and y_test.size:
        _check_known(_present(y_test), classes, names, where)
    if names is not None or classes[-1] == classes.size - 1:
        return y, y_test, names
    y, y_test = (None if part is None else np.searchsorted(classes, part).astype(np.int32) for part in (y, y_test))
    return y, y_test, tuple(map(str, classes.tolist()))


def _present(labels: Labels) -> Labels:
    """Return the labels that occur, in order: by counting them, where that is less than sorting."""
    if labels.max() < 2 * labels.size + 1000:
        return np.flatnonzero(np.bincount(labels)).astype(np.int32)
    return np.unique(labels)


def _check_known(found: Labels, classes: Labels, names: Names | None, where: str) -> None:
    unknown = np.setdiff1d(found, classes)
    if unknown.size:
        shown = str(unknown[0]) if names is None or unknown[0] >= len(names) else repr(names[unknown[0]])
        more = f" and {unknown.size - 1:,} others" if unknown.size > 1 else ""
        raise ValueError(f"{where}: class {shown}{more} in the test part, expected only classes of the training part")


def without_one_hot(y: Array | None, y_test: Array | None, where: str) -> tuple[Array | None, Array | None]:
    """Return labels for one-hot rows in either part, and other labels as they are."""
    _check_same_width((y, y_test), where)
    first, second = (
        _from_one_hot(part, where) if part is not None and part.ndim == 2 and part.shape[1] > 1 else part
        for part in (y, y_test)
    )
    return first, second


def _from_one_hot(y: Array, where: str) -> Array:
    """Return the column that holds the one of every row, for rows of zeros and a single one."""
    if y.dtype.kind not in "buif":
        raise TypeError(f"{where}: labels of dtype {y.dtype} and shape {y.shape}, expected integers (n_samples,)")
    ones = y == 1
    counts = ones.sum(axis=1)
    good = (counts == 1) & ((y == 0).sum(axis=1) == y.shape[1] - 1)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f"{where}: labels of shape {y.shape}, expected (n_samples,), or one-hot rows: "
            f"row {row} (from 0) has {counts[row]} ones among {y.shape[1]} numbers"
        )
    labels: Array = ones.argmax(axis=1).astype(np.int32)
    return labels


def _check_same_width(parts: Sequence[Array | None], where: str) -> None:
    """Refuse one-hot labels of different numbers of classes in the two parts."""
    widths = [part.shape[1:] for part in parts if part is not None]
    if len(set(widths)) > 1 and all(len(width) == 1 and width[0] > 1 for width in widths):
        raise ValueError(f"{where}: one-hot labels of {widths[1][0]} classes in the test part, expected {widths[0][0]}")


def are_numbers(names: Names) -> bool:
    """Whether names of classes are the numbers that `without_gaps` made names of."""
    digits = all(name.isascii() and name.isdigit() and len(name) <= len(str(MAX_LABEL)) for name in names)
    return digits and all(str(int(name)) == name and int(name) <= MAX_LABEL for name in names)


def original_labels(y: Labels, names: Names | None) -> Array:
    """Return labels as they were before they were numbered: numbers, or text."""
    if names is None:
        return y
    if are_numbers(names):
        return np.array([int(name) for name in names], np.int64)[y]
    return np.array(names, np.str_)[y]
