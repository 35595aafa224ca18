"""What a network's inputs are made of from the columns of a table: one-hot, centred, scaled, and kept near zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.tables.columns import TableColumns

Array = npt.NDArray[Any]

BOUND = 3.0
"""What no input exceeds: it is approached as a column's values grow."""

QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class Encoding:
    """Inputs from columns: numbers first, and then categories, in the order of the table.

    A column of two categories becomes one of 1 and -1, one of more becomes a column of 0 and 1 for each category; 0
    stands for what is missing or unknown. Every column is then s * (x - median), with s = 1 / interquartile range, or
    2 / (max - min) where that is 0, or 0 where the column is constant, and ends as x / sqrt(1 + (x / 3)**2). Missing
    numbers are 0 then, as the median is.

    Attributes
    ----------
    n_categories : tuple of int
        Of each column of categories.
    medians, scales : ndarray of float64, shape (n_inputs,)
        Of the columns after one-hot encoding.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and boosted trees on tabular data",
    NeurIPS 2024, section 3.
    """

    n_categories: tuple[int, ...]
    medians: Array
    scales: Array

    @classmethod
    def learn(cls, columns: TableColumns, numbers: Array, codes: Array, weights: Array | None = None) -> Encoding:
        """Learn medians and scales from rows of a table, as `TableColumns.read` returns them.

        Whole `weights` count as so many rows; others do not enter medians and scales.
        """
        n_categories = tuple(map(len, columns.categories))
        if weights is not None and not np.array_equal(weights, np.round(weights)):
            weights = None
        found = [_center_and_scale(column, weights) for column in _columns(numbers, codes, n_categories)]
        medians, scales = np.array(found, np.float64).reshape(-1, 2).T
        return cls(n_categories, medians, scales)

    @property
    def n_inputs(self) -> int:
        """Count the inputs of the network."""
        return int(self.medians.size)

    @np.errstate(over="ignore", invalid="ignore")
    def encode(self, numbers: Array, codes: Array, dtype: Any) -> Array:
        """Return inputs (n_samples, n_inputs) of a dtype, none of them NaN."""
        inputs = np.empty((len(numbers), self.n_inputs), dtype)
        for i, column in enumerate(_columns(numbers, codes, self.n_categories)):
            x = np.clip((column - self.medians[i]) * self.scales[i], -1e100, 1e100)
            inputs[:, i] = np.where(np.isnan(x), 0.0, x / np.hypot(1.0, x / BOUND))
        return inputs


def _columns(numbers: Array, codes: Array, n_categories: tuple[int, ...]) -> Any:
    """Yield one column of numbers after another, NaN where they are missing."""
    yield from numbers.T
    for own, count in zip(codes.T, n_categories, strict=True):
        if count == 1:
            yield np.where(own == 0, 1.0, -1.0)
        elif count == 2:
            yield (own == 0) - 1.0 * (own == 1)
        else:  # a column of gaps alone is one of zeros
            for category in range(max(count, 1)):
                yield 1.0 * (own == category)


@np.errstate(over="ignore")
def _center_and_scale(column: Array, weights: Array | None) -> tuple[float, float]:
    present = ~np.isnan(column)
    values = column[present]
    if not values.size:
        return 0.0, 0.0
    low, median, high = np.quantile(values, QUARTILES) if weights is None else _repeated(values, weights[present])
    spread = high - low
    if spread == 0:
        spread = 0.5 * (values.max() - values.min())
    return float(median), float(1.0 / spread) if spread > 0 else 0.0


def _repeated(values: Array, weights: Array) -> Array:
    """Return the quartiles of values that are there as often as their weights say."""
    order = np.argsort(values, kind="stable")
    ends, sorted_values = np.cumsum(weights[order]), values[order]
    places = np.array(QUARTILES) * (ends[-1] - 1)
    floors = np.floor(places)
    below, above = (sorted_values[np.searchsorted(ends, at, side="right")] for at in (floors, np.ceil(places)))
    quartiles: Array = below + (places - floors) * (above - below)
    return quartiles
