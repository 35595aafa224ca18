"""The columns of whatever holds a table: arrays, lists of rows, and data frames of any kind that narwhals knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastnet.validation.frames import Names, names_of

Content = Literal["number", "bool", "text", "nothing"]

_GAPS = ("NoneType", "NAType", "NaTType")
"""Types of a value that is missing: Python's, and two of pandas. NaN is missing too."""


@dataclass(frozen=True, eq=False)
class Cells:
    """One column.

    Attributes
    ----------
    name : str
        What it is called.
    content : {"number", "bool", "text", "nothing"}
        What its values are; nothing where all of them are missing and no dtype tells more.
    is_category : bool
        Whether its dtype, or what its values are, makes it one of categories.
    values : ndarray of float64, or list
        Numbers, NaN where they are missing; texts and booleans, and anything else where they are missing.
    """

    name: str
    content: Content
    is_category: bool
    values: npt.NDArray[np.float64] | list[Any]

    def take(self, rows: npt.NDArray[np.int64]) -> Cells:
        """Return the values of some rows."""
        if isinstance(self.values, np.ndarray):
            return replace(self, values=self.values[rows])
        return replace(self, values=[self.values[row] for row in rows.tolist()])


@dataclass(frozen=True, eq=False)
class CellTable:
    """A table whose columns are known to be numbers, texts or booleans, as readers of files return it."""

    names: Names
    cells: tuple[Cells, ...]
    n_rows: int
    is_named: bool = True

    def take(self, rows: npt.NDArray[np.int64]) -> CellTable:
        """Return some of the rows."""
        return replace(self, cells=tuple(cells.take(rows) for cells in self.cells), n_rows=len(rows))

    def column(self, name: str) -> Cells:
        """Return a column by its name."""
        return self.cells[self.names.index(name)]

    def select(self, names: Sequence[str]) -> CellTable:
        """Return some of the columns, in this order."""
        return replace(self, names=tuple(names), cells=tuple(map(self.column, names)))


def table_of(name: str, X: Any) -> tuple[list[str] | None, list[Any], int]:
    """Return the names of the columns, None where they have none; the columns as they came; and how many rows.

    Raises
    ------
    TypeError, ValueError
        For what is no table.
    """
    if isinstance(X, CellTable):
        return list(X.names) if X.is_named else None, list(X.cells), X.n_rows
    if hasattr(X, "nnz") and hasattr(X, "toarray"):
        raise TypeError(f"{name} must be a dense table, got a sparse {type(X).__name__}: expected X.toarray()")
    if isinstance(X, (list, tuple)):
        X = _array_of_rows(name, X)
    if isinstance(X, np.ndarray) or not hasattr(X, "columns"):
        array = X if isinstance(X, np.ndarray) else np.asarray(X)
        if array.ndim != 2:
            raise ValueError(f"{name} must have shape (n_samples, n_features), got {array.shape}")
        return None, list(array.T), len(array)
    import narwhals as nw

    try:
        frame = nw.from_native(X, eager_only=True)
    except TypeError as error:
        raise TypeError(f"{name} must be an array or a data frame in memory, got {type(X).__name__}") from error
    names = names_of(name, X)
    columns = [frame[:, i] for i in range(frame.shape[1])]
    return None if names is None else list(names), columns, len(frame)


def _array_of_rows(name: str, rows: Sequence[Any]) -> npt.NDArray[Any]:
    """Return rows as an array of objects: anything else would make text of numbers beside text."""
    if all(isinstance(row, np.ndarray) and row.dtype.kind in "biuf" for row in rows):
        return np.asarray(rows)
    lengths = {len(row) if isinstance(row, (list, tuple, np.ndarray)) else -1 for row in rows}
    if len(lengths) != 1 or -1 in lengths:
        raise ValueError(f"{name} must be rows of one length, got {'rows of several' if lengths else 'none'}")
    array = np.empty((len(rows), lengths.pop()), object)
    for i, row in enumerate(rows):
        array[i, :] = row if isinstance(row, (list, tuple)) else row.tolist()
    return array


def cells_of(where: str, name: str, column: Any) -> Cells:
    """Return a column's values as numbers, texts or booleans.

    Raises
    ------
    TypeError
        For values of any other kind, such as dates, and for texts among numbers; it names the column.
    ValueError
        For infinity.
    """
    if isinstance(column, Cells):
        return column
    where = f"{where}: column {name!r}"
    if isinstance(column, np.ndarray):
        if column.dtype.kind in "iuf":
            return Cells(name, "number", False, _finite(where, column.astype(np.float64)))
        if column.dtype.kind in "bUTO":
            return _from_values(where, name, column.tolist(), False)
        raise TypeError(f"{where} of dtype {column.dtype}, expected numbers, booleans or text")
    return _from_series(where, name, column)


def _from_series(where: str, name: str, series: Any) -> Cells:
    """Return a column of a data frame."""
    import narwhals as nw

    dtype = series.dtype
    if dtype.is_numeric():
        return Cells(name, "number", False, _finite(where, series.cast(nw.Float64).to_numpy()))
    if isinstance(dtype, (nw.String, nw.Boolean)):
        return Cells(name, "text" if dtype == nw.String else "bool", True, series.to_list())
    if isinstance(dtype, (nw.Categorical, nw.Enum, nw.Object, nw.Unknown)):
        return _from_values(where, name, series.to_list(), isinstance(dtype, (nw.Categorical, nw.Enum)))
    raise TypeError(f"{where} of type {dtype}, expected numbers, booleans, text or categories of them")


def _from_values(where: str, name: str, values: list[Any], is_category: bool) -> Cells:
    """Return values of which only themselves tell what they are."""
    found: dict[Content, type] = {}
    for kind in set(map(type, values)):
        if kind.__name__ in _GAPS:
            continue
        found[_content(where, kind)] = kind
    if "number" in found and len(found) > 1 and not any(_is_number(value) for value in values):
        del found["number"]  # NaN is a number, but here it stands for what is missing
    if len(found) > 1:
        kinds = " and ".join(sorted(kind.__name__ for kind in found.values()))
        raise TypeError(f"{where} holds values of type {kinds}, expected one kind: .astype(str) makes categories")
    content: Content = next(iter(found), "nothing")
    if content == "number":
        try:
            numbers = np.array([value if _is_number(value) else np.nan for value in values], np.float64)
        except OverflowError:
            raise ValueError(f"{where} holds a number beyond float64") from None
        return Cells(name, content, is_category, _finite(where, numbers))
    return Cells(name, content, True, values)  # of nothing at all, too: no category is learnt, and none missed


def _content(where: str, kind: type) -> Content:
    if issubclass(kind, str):
        return "text"
    if issubclass(kind, (bool, np.bool)):
        return "bool"
    if issubclass(kind, (Real, Decimal)):
        return "number"
    raise TypeError(f"{where} holds values of type {kind.__name__}, expected numbers, booleans or text")


def _is_number(value: Any) -> bool:
    """Whether a value is a number, and not NaN."""
    return isinstance(value, (Real, Decimal)) and value == value


def _finite(where: str, numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return numbers among which NaN stands for what is missing; ValueError for infinity."""
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        row = infinite[0]
        raise ValueError(f"{where}, row {row} (from 0): {numbers[row]}, expected finite numbers, or NaN for gaps")
    return numbers
