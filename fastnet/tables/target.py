"""The column that is predicted: classes, or numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastnet.tables.cells import Cells

Task = Literal["classification", "regression"]

MOST_NUMBERED_CLASSES = 100
"""More different whole numbers than these are no classes, unless each stands in as many rows on average."""


@dataclass(frozen=True, eq=False)
class Target:
    """What is to be predicted, a value for each row.

    Attributes
    ----------
    name : str
        What the column is called.
    values : ndarray
        Places of classes, int32; or numbers, float64.
    labels : tuple of str or None
        What the classes are called, in order; None for numbers.
    """

    name: str
    values: npt.NDArray[Any]
    labels: tuple[str, ...] | None

    @property
    def task(self) -> Task:
        """Whether classes or numbers are predicted."""
        return "regression" if self.labels is None else "classification"


def are_values(n_different: int, n_rows: int) -> bool:
    """Whether so many different whole numbers are values to predict, and no classes.

    Examples
    --------
    >>> are_values(10, 100), are_values(600, 1400), are_values(1000, 1_000_000)
    (False, True, False)
    """
    return n_different > MOST_NUMBERED_CLASSES and n_rows < MOST_NUMBERED_CLASSES * n_different


def task_of(cells: Cells) -> Task:
    """Tell the task from the column.

    Text and booleans are classes. Numbers with fractions are values, and whole numbers are classes if there are at most
    100 different ones, or if each stands in 100 rows or more on average.
    """
    if not isinstance(cells.values, np.ndarray):
        return "classification"
    present = cells.values[~np.isnan(cells.values)]
    if (present != np.floor(present)).any() or are_values(len(np.unique(present)), len(present)):
        return "regression"
    return "classification"


def read_target(cells: Cells, task: str, where: str, labels: Sequence[str] | None = None) -> Target:
    """Return a column as what is to be predicted.

    Parameters
    ----------
    cells : Cells
        The column.
    task : {"classification", "regression"}
        What it is to be.
    where : str
        Begins every error.
    labels : sequence of str, optional
        Names of the classes, in order; sorted ones of the column if not given.

    Returns
    -------
    Target
        Classes are called as the column has them, whole numbers without a fraction.

    Raises
    ------
    ValueError
        For gaps, text where numbers are to be predicted, unknown classes, and fewer than two of them.
    """
    where = f"{where}: column {cells.name!r}"
    if task == "regression":
        if not isinstance(cells.values, np.ndarray):
            raise ValueError(f"{where} holds {cells.content}, expected numbers for regression")
        _check_whole(np.isnan(cells.values), where)
        return Target(cells.name, cells.values, None)
    names = [_class_name(value) for value in cells.values]
    _check_whole(np.array([name is None for name in names]), where)
    known = _sorted(cells) if labels is None else tuple(labels)
    if len(known) < 2:
        raise ValueError(f"{where}: all labels are the same class, {known[0]}; expected two classes or more")
    places = {name: place for place, name in enumerate(known)}
    unknown = next((name for name in names if name not in places), None)
    if unknown is not None:
        raise ValueError(f"{where}: class {unknown!r} is none of the {len(known)} that were trained on")
    return Target(cells.name, np.array([places[str(name)] for name in names], np.int32), known)


def _check_whole(gaps: npt.NDArray[np.bool_], where: str) -> None:
    if gaps.any():
        rows = f"{gaps.sum():,} of {len(gaps):,} rows, row {int(gaps.argmax())} (from 0) among them"
        raise ValueError(f"{where} has no value in {rows}: expected one in each, to learn or to compare with")


def _class_name(value: Any) -> str | None:
    """Return what a class is called, None for a gap."""
    if isinstance(value, (bool, np.bool)):
        return str(bool(value))
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return None
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _sorted(cells: Cells) -> tuple[str, ...]:
    """Return the names of classes: numbers in their order, text in that of the alphabet."""
    if isinstance(cells.values, np.ndarray):
        return tuple(str(_class_name(value)) for value in np.unique(cells.values).tolist())
    return tuple(sorted({name for value in cells.values if (name := _class_name(value)) is not None}))
