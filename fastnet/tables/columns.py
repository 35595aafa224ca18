"""What the columns of a table are: numbers or categories, learnt from one table and read from others like it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastnet.tables.cells import Cells, cells_of, table_of
from fastnet.tables.chosen import categories_asked
from fastnet.validation.frames import Names, listed, order_of

Kind = Literal["number", "category"]
Category = str | bool | int | float

_EXACT = 2.0**53
"""Whole numbers up to here are kept as integers."""


@dataclass(frozen=True)
class TableColumns:
    """What the columns of a table are called, what they hold, and the categories of those that hold categories.

    Parameters
    ----------
    names : tuple of str
        Names of the columns; x0, x1 and so on where the table has none.
    kinds : tuple of {"number", "category"}
        What each of them holds.
    categories : tuple of tuples of str, bool, int or float
        For each column of categories, in the order of the columns, its categories in ascending order.
    is_named : bool
        Whether the table had names, with which columns of data frames are matched.

    Raises
    ------
    TypeError, ValueError
        For names, kinds and categories that do not belong together.

    Examples
    --------
    >>> columns = TableColumns.learn([["red", 1.5], ["blue", None]])
    >>> columns.kinds, columns.categories
    (('category', 'number'), (('blue', 'red'),))
    >>> numbers, codes = columns.read([["red", 2.0], ["green", 3.0]])
    >>> numbers.tolist(), codes.tolist()
    ([[2.0], [3.0]], [[1], [-1]])
    """

    names: Names
    kinds: tuple[Kind, ...]
    categories: tuple[tuple[Category, ...], ...]
    is_named: bool = True

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names) or not _are(str, self.names):
            raise ValueError(f"names must be different texts, one or more, got {self.names!r:.80}")
        if len(self.kinds) != len(self.names) or not set(self.kinds) <= {"number", "category"}:
            raise ValueError(
                f"kinds must be 'number' or 'category' for {len(self.names)} names, got {self.kinds!r:.80}"
            )
        if len(self.categories) != self.kinds.count("category"):
            raise ValueError(f"{len(self.categories)} lists of categories for {self.kinds.count('category')} columns")
        for categories in self.categories:
            if not (_are(str, categories) or _are(bool, categories) or _are((int, float), categories)):
                raise TypeError(f"categories must be texts, booleans or numbers, got {categories!r:.80}")
            if len(set(categories)) != len(categories):
                raise ValueError(f"categories must be different, got {categories!r:.80}")

    @property
    def number_names(self) -> Names:
        """Names of the columns that hold numbers."""
        return tuple(name for name, kind in zip(self.names, self.kinds, strict=True) if kind == "number")

    @property
    def category_names(self) -> Names:
        """Names of the columns that hold categories."""
        return tuple(name for name, kind in zip(self.names, self.kinds, strict=True) if kind == "category")

    @classmethod
    def learn(cls, X: Any, categorical_features: Any = None, name: str = "X") -> TableColumns:
        """Learn what the columns of a table are.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features), or data frame
            An array of numbers or of objects, a list of rows, a data frame of pandas or polars, a table of Arrow.
        categorical_features : None, or array_like of bool, int or str
            None: text, booleans and categories are categories, numbers are numbers. A mask, indices or names: those
            columns are categories, and no others.
        name : str
            What errors call X.

        Returns
        -------
        TableColumns
            Columns in the order of X. None, NaN and what data frames call null are gaps, and no category.

        Raises
        ------
        TypeError
            For columns of dates, bytes, lists, or of values of several kinds, all of which it names.
        ValueError
            For infinity, names that are there twice, and a table without rows or columns.
        """
        names, columns, n_rows = table_of(name, X)
        if not n_rows or not columns:
            raise ValueError(f"{name} must have at least one row and one column, got shape ({n_rows}, {len(columns)})")
        is_named = names is not None
        names = names or [f"x{i}" for i in range(len(columns))]
        repeated = [column for column, count in Counter(names).items() if count > 1]
        if repeated:
            raise ValueError(f"{name}: repeated columns {listed(repeated)}, expected each name once")
        asked = categories_asked(categorical_features, names, is_named)
        found = [cells_of(name, *column) for column in zip(names, columns, strict=True)]
        kinds, categories = [], []
        for i, cells in enumerate(found):
            is_category = cells.is_category if asked is None else i in asked
            kinds.append(_checked_kind(name, cells, is_category))
            if is_category:
                categories.append(_categories(cells))
        return cls(tuple(names), tuple(kinds), tuple(categories), is_named)

    def read(self, X: Any, name: str = "X") -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Read a table that has these columns: by their names, in any order, where both have names.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features), or data frame
            As for `learn`.
        name : str
            What errors call X.

        Returns
        -------
        numbers : ndarray of float64, shape (n_samples, n_number_columns)
            NaN where they are missing.
        codes : ndarray of int64, shape (n_samples, n_category_columns)
            Places of categories among those known, -1 for those that are missing or unknown.

        Raises
        ------
        TypeError
            For text where numbers are expected, and numbers where text is.
        ValueError
            For missing and unknown columns, which it lists, and for infinity.
        """
        names, columns, n_rows = table_of(name, X)
        if names is not None and self.is_named:
            columns = [columns[i] for i in order_of(names, self.names, name)]
        elif len(columns) != len(self.names):
            raise ValueError(f"{name} has {len(columns)} features, expected {len(self.names)}: {listed(self.names)}")
        numbers = np.empty((n_rows, len(self.number_names)))
        codes = np.empty((n_rows, len(self.category_names)), np.int64)
        n_numbers = n_categories = 0
        for column_name, kind, column in zip(self.names, self.kinds, columns, strict=True):
            cells = cells_of(name, column_name, column)
            if kind == "number":
                numbers[:, n_numbers] = _numbers(name, cells)
                n_numbers += 1
            else:
                codes[:, n_categories] = _codes(name, cells, self.categories[n_categories])
                n_categories += 1
        return numbers, codes

    def to_document(self) -> dict[str, Any]:
        """Return what `from_document` takes: lists, texts, numbers and booleans, as JSON holds them."""
        return {
            "names": list(self.names),
            "kinds": list(self.kinds),
            "categories": [list(categories) for categories in self.categories],
            "is_named": self.is_named,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> TableColumns:
        """Return the columns of a document; TypeError, ValueError or KeyError if something about it is wrong."""
        categories = tuple(tuple(one) for one in document["categories"])
        if document["is_named"] not in (True, False):
            raise TypeError(f"is_named must be a boolean, got {document['is_named']!r:.80}")
        return cls(tuple(document["names"]), tuple(document["kinds"]), categories, document["is_named"])


def _are(kinds: type | tuple[type, ...], values: Sequence[Any]) -> bool:
    """Whether all values are of these types; booleans are no numbers."""
    return all(isinstance(value, kinds) and (kinds is bool or not isinstance(value, bool)) for value in values)


def _checked_kind(where: str, cells: Cells, is_category: bool) -> Kind:
    if not is_category and cells.content == "text":
        raise TypeError(f"{where}: column {cells.name!r} holds text, expected it among categorical_features")
    return "category" if is_category else "number"


def _categories(cells: Cells) -> tuple[Category, ...]:
    """Return the different values of a column, in ascending order, as Python's own."""
    if isinstance(cells.values, np.ndarray):
        numbers = np.unique(cells.values[~np.isnan(cells.values)]).tolist()
        return tuple(int(value) if value.is_integer() and abs(value) <= _EXACT else value for value in numbers)
    if cells.content == "bool":
        return tuple(sorted({bool(value) for value in set(cells.values) if isinstance(value, (bool, np.bool))}))
    return tuple(sorted({str(value) for value in set(cells.values) if isinstance(value, str)}))


def _numbers(where: str, cells: Cells) -> npt.NDArray[np.float64]:
    if isinstance(cells.values, np.ndarray):
        return cells.values
    if cells.content == "text" and any(isinstance(value, str) for value in cells.values):
        raise TypeError(f"{where}: column {cells.name!r} holds text, expected numbers")
    return np.array([value if isinstance(value, (bool, np.bool)) else np.nan for value in cells.values], np.float64)


def _codes(where: str, cells: Cells, categories: Sequence[Category]) -> npt.NDArray[np.int64]:
    """Return the place of each value among categories, -1 for any other."""
    values = cells.values.tolist() if isinstance(cells.values, np.ndarray) else cells.values
    places = {category: place for place, category in enumerate(categories)}
    codes = np.fromiter(map(places.get, values, repeat(-1)), np.int64, len(values))
    if categories and isinstance(categories[0], str) != (cells.content == "text") and _has_values(cells):
        known = "text" if isinstance(categories[0], str) else "booleans or numbers"
        raise TypeError(
            f"{where}: column {cells.name!r} holds {cells.content}, expected {known}, as it was learnt from"
        )
    return codes


def _has_values(cells: Cells) -> bool:
    """Whether something in a column is not missing."""
    if isinstance(cells.values, np.ndarray):
        return bool((~np.isnan(cells.values)).any())
    return any(isinstance(value, (str, bool, np.bool)) for value in cells.values)
