"""Labels: integers from 0 as they come, and names of classes, which become integers in the names' order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.datasets.files import MixedTableError

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int32]
Names = tuple[str, ...]

MAX_LABEL = int(np.iinfo(np.int32).max)


def as_labels(y: Array, where: str) -> Labels:
    """Return `y` as int32 labels of shape (n_samples,); a column of shape (n_samples, 1) is accepted."""
    y = _as_column(y, where)
    if y.dtype.kind not in "buif":
        raise TypeError(f"{where}: labels of dtype {y.dtype}, expected integers")
    good = (y >= 0) & (y <= MAX_LABEL)
    if y.dtype.kind == "f":
        good &= y == np.floor(y)
    if not good.all():
        row = int(np.argmin(good))
        raise MixedTableError(f"{where}: label {y[row]} in row {row} (from 0), expected an integer from 0")
    return np.ascontiguousarray(y, dtype=np.int32)


def _as_column(y: Array, where: str) -> Array:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"{where}: labels of shape {y.shape}, expected (n_samples,)")
    return y


def numbered(labels: Iterable[str], names: Names) -> Labels:
    """Return the place in `names` of each label."""
    places = {name: place for place, name in enumerate(names)}
    return np.fromiter((places[label] for label in labels), np.int32)


def classes_of(*parts: Sequence[str] | None) -> Names:
    """Return the names that occur, sorted."""
    return tuple(sorted(set().union(*(part for part in parts if part is not None))))


def without_names(y: Array | None, y_test: Array | None, where: str) -> tuple[Array | None, Array | None, Names | None]:
    """Replace names of classes by numbers: arrays of text in both parts, or in none."""
    given = [_as_column(part, where) for part in (y, y_test) if part is not None and part.dtype.kind == "U"]
    if not given:
        return y, y_test, None
    if len(given) != sum(part is not None for part in (y, y_test)):
        raise ValueError(f"{where}: labels are names in one part and numbers in the other, expected the same in both")
    parts: list[list[str]] = [part.tolist() for part in given]
    names = classes_of(*parts)
    if "" in names:
        raise ValueError(f"{where}: empty label, expected the name of a class")
    first, *rest = [numbered(part, names) for part in parts]
    if y is None:
        return None, first, names
    return first, rest[0] if rest else None, names


def check_names(names: Names, labels: Iterable[Labels | None], where: str) -> None:
    """Refuse names of classes that are repeated, or fewer than the labels need."""
    if len(set(names)) != len(names) or "" in names:
        raise ValueError(f"{where}: names of classes must be distinct and not empty")
    top = max((int(part.max()) for part in labels if part is not None and part.size), default=-1)
    if top >= len(names):
        raise ValueError(f"{where}: label {top}, but only {len(names)} names of classes")
