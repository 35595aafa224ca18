"""Tables as inputs of a network: numbers standardised, gaps filled, categories one-hot; learnt from the training part.

Sources: one-hot inputs for categories, and -1 and 1 for two of them, are customary since Hastie, Tibshirani and
Friedman, "The elements of statistical learning", 2009, section 2.2; indicators of gaps are from Little and Rubin,
"Statistical analysis with missing data", 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.output.reprs import short_repr
from fastnet.preprocessing import Preprocessing
from fastnet.tables.columns import Category, TableColumns
from fastnet.validation.frames import Names, order_of

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class TableEncoding:
    """How the columns of a table become inputs of a network.

    A number becomes (x - shift) * scale, with the median of the training part in place of a gap; where that part had
    gaps, an input beside it is 1 for a gap and else 0. Two categories become one input, -1 for the first and 1 for the
    second; any other number of categories an input each, 1 for that which is there and else 0. Categories that are
    missing or unknown are zeros.

    Parameters
    ----------
    columns : TableColumns
        What the columns are.
    fill, shift, scale : array_like, shape (n_number_columns,)
        What stands in place of gaps, and what numbers are shifted and scaled by; finite.
    with_gaps : tuple of str
        Names of the columns of numbers that have an input for gaps.
    ignored : tuple of str
        Columns of the training data that were left out: tables may have them, too.

    Raises
    ------
    TypeError, ValueError
        For what does not fit the columns.

    Examples
    --------
    >>> encoding = TableEncoding.fit([["red", 1.0], ["blue", 3.0], ["red", None]])
    >>> encoding.input_names
    ('x0=red', 'x1', 'x1 missing')
    >>> encoding([["blue", None], ["green", 3.0]]).round(3).tolist()
    [[-1.0, 0.0, 1.0], [0.0, 1.225, 0.0]]
    """

    columns: TableColumns
    fill: Array
    shift: Array
    scale: Array
    with_gaps: Names = ()
    ignored: Names = ()

    __repr__ = short_repr

    def __post_init__(self) -> None:
        names = self.columns.number_names
        for name in ("fill", "shift", "scale"):
            vector = np.ascontiguousarray(getattr(self, name), np.float64)
            if vector.shape != (len(names),) or not np.isfinite(vector).all():
                raise ValueError(f"{name} must be {len(names)} finite numbers, got shape {vector.shape}")
            object.__setattr__(self, name, vector)
        if not set(self.with_gaps) <= set(names):
            raise ValueError(f"with_gaps must be columns of numbers, got {self.with_gaps!r:.80}")
        if not all(isinstance(name, str) for name in self.ignored):
            raise TypeError(f"ignored must be names, got {self.ignored!r:.80}")
        if not self.n_inputs:
            raise ValueError("no column has a value: expected numbers, or categories, that are not all missing")

    @classmethod
    def fit(
        cls, X: Any, kind: str = "standardize", columns: TableColumns | None = None, ignored: Names = ()
    ) -> TableEncoding:
        """Learn from a table.

        Parameters
        ----------
        X : array_like or data frame, shape (n_samples, n_features)
            As `TableColumns.learn` takes it.
        kind : {"standardize", "minmax", "none"}
            What is done to numbers, as `Preprocessing.fit` does it.
        columns : TableColumns, optional
            What the columns are; learnt from X if not given.
        ignored : tuple of str
            Columns that were left out.

        Returns
        -------
        TableEncoding
            What brings such tables to inputs.
        """
        columns = TableColumns.learn(X) if columns is None else columns
        numbers, _ = columns.read(X)
        gaps = np.isnan(numbers)
        fill = np.array([_median(numbers[~gaps[:, i], i]) for i in range(numbers.shape[1])])
        shift, scale = np.zeros(len(fill)), np.ones(len(fill))
        if kind != "none" and len(fill):
            with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is refused
                fitted = Preprocessing.fit(np.where(gaps, fill, numbers), kind)
            shift, scale = fitted.shift, fitted.scale
        with_gaps = tuple(name for i, name in enumerate(columns.number_names) if gaps[:, i].any())
        return cls(columns, fill, shift, scale, with_gaps, ignored)

    @property
    def groups(self) -> dict[str, Names]:
        """Names of the inputs that each column becomes, in order."""
        categories = iter(self.columns.categories)
        found: dict[str, Names] = {}
        for name, kind in zip(self.columns.names, self.columns.kinds, strict=True):
            if kind == "number":
                found[name] = (name, f"{name} missing") if name in self.with_gaps else (name,)
            else:
                found[name] = tuple(f"{name}={one}" for one in _with_inputs(next(categories)))
        return found

    @property
    def input_names(self) -> Names:
        """A name for each input: of the column, and of the category or "missing"; numbered where one is there twice."""
        names, counts = [], dict[str, int]()
        for name in (name for group in self.groups.values() for name in group):
            counts[name] = counts.get(name, 0) + 1
            names.append(name if counts[name] == 1 else f"{name} ({counts[name]})")
        return tuple(names)

    @property
    def places(self) -> dict[str, list[int]]:
        """Places of the inputs that each column becomes."""
        found, at = dict[str, list[int]](), 0
        for name, group in self.groups.items():
            found[name] = list(range(at, at + len(group)))
            at += len(group)
        return found

    @property
    def n_inputs(self) -> int:
        """How many inputs there are."""
        return sum(map(len, self.groups.values()))

    def __call__(self, X: Any, dtype: npt.DTypeLike = np.float64, name: str = "X") -> Array:
        """Return a table as inputs (n_samples, n_inputs); errors are those of `TableColumns.read`."""
        return self.encode(*self.columns.read(self._without_ignored(X), name), dtype, name)

    def row(self, x: Any, name: str = "x") -> Array:
        """Return one row as inputs (1, n_inputs): a mapping of names to values, or values in the columns' order."""
        if hasattr(x, "keys"):  # a mapping, or a row of pandas
            found = [key for key in x.keys() if key not in self.ignored or key in self.columns.names]  # noqa: SIM118
            order_of(found, self.columns.names, name)
            x = [x[key] for key in self.columns.names]
        elif isinstance(x, (str, bytes)) or not hasattr(x, "__len__"):
            raise TypeError(f"{name} must be a row of values, or a mapping of names to values, got {x!r:.40}")
        return self([list(x)], name=name)

    def encode(self, numbers: Array, codes: Array, dtype: npt.DTypeLike = np.float64, name: str = "X") -> Array:
        """Return numbers and codes, as `TableColumns.read` returns them, as inputs.

        ValueError for numbers that a dtype takes for infinity, though they may be near others of their column.
        """
        self._require_within(numbers, np.dtype(dtype), name)
        inputs = np.zeros((len(numbers), self.n_inputs), dtype)
        at, number, category = 0, 0, 0
        for column, kind in zip(self.columns.names, self.columns.kinds, strict=True):
            if kind == "number":
                at = self._put_number(inputs, at, column, number, numbers[:, number])
                number += 1
            else:
                at = _put_category(inputs, at, codes[:, category], len(self.columns.categories[category]))
                category += 1
        return inputs

    def to_document(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return what `from_document` takes: arrays by name, and what JSON holds."""
        arrays = {name: getattr(self, name) for name in ("fill", "shift", "scale")}
        texts = {"with_gaps": list(self.with_gaps), "ignored": list(self.ignored)}
        return arrays, {"columns": self.columns.to_document(), **texts}

    @classmethod
    def from_document(cls, arrays: Mapping[str, Array], document: Mapping[str, Any]) -> TableEncoding:
        """Return the encoding of a document; TypeError, ValueError or KeyError if something about it is wrong."""
        columns = TableColumns.from_document(document["columns"])
        fill, shift, scale = (arrays[name] for name in ("fill", "shift", "scale"))
        return cls(columns, fill, shift, scale, tuple(document["with_gaps"]), tuple(document["ignored"]))

    def _require_within(self, numbers: Array, dtype: Any, name: str) -> None:
        beyond = np.abs(numbers) > np.finfo(dtype).max
        if beyond.any():
            row, i = np.argwhere(beyond)[0]
            raise ValueError(
                f"{name}: column {self.columns.number_names[i]!r}, row {row} (from 0): {numbers[row, i]}, "
                f"expected a finite number ({dtype})"
            )

    def _put_number(self, inputs: Array, at: int, name: str, column: int, numbers: Array) -> int:
        gaps = np.isnan(numbers)
        filled = np.where(gaps, self.fill[column], numbers)
        with np.errstate(over="ignore"):  # the network names the sample
            inputs[:, at] = (filled - self.shift[column]) * self.scale[column]
        if name not in self.with_gaps:
            return at + 1
        inputs[:, at + 1] = gaps
        return at + 2

    def _without_ignored(self, X: Any) -> Any:
        """Leave the columns out of a data frame that were left out of the training data."""
        from fastnet.validation.frames import names_of

        names = names_of("X", X) if self.ignored and self.columns.is_named else None
        if names is None or not set(names) & set(self.ignored):
            return X
        import narwhals as nw

        kept = [name for name in names if name not in self.ignored or name in self.columns.names]
        return nw.from_native(X, eager_only=True)[kept].to_native()


def _median(numbers: Array) -> float:
    return float(np.median(numbers)) if numbers.size else 0.0


def _with_inputs(categories: tuple[Category, ...]) -> tuple[Category, ...]:
    """Return the categories that have an input of their own: of two, the second tells both."""
    return categories[1:] if len(categories) == 2 else categories


def _put_category(inputs: Array, at: int, codes: Array, n_categories: int) -> int:
    known = np.flatnonzero(codes >= 0)
    if n_categories == 2:
        inputs[known, at] = 2 * codes[known] - 1
        return at + 1
    inputs[known, at + codes[known]] = 1
    return at + n_categories
