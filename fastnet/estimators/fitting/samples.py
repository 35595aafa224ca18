"""Samples as the kernels take them: dense arrays and sparse matrices as they are, or made dense some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

Array = npt.NDArray[Any]

DENSE_BYTES = 32 << 20
"""Memory for the dense copy of a part of a sparse matrix."""

BITS_BYTES = 1 << 30
"""Memory for the bits, one for each input, by which epochs find the entries of a sparse matrix."""


class Samples(NamedTuple):
    """Inputs, what is to be answered, and weights if there are any."""

    X: Any  # C-contiguous ndarray, or CSR
    y: Array
    weights: npt.NDArray[np.float64] | None

    def most_rows(self) -> int:
        """Count the rows that may be handed over at once."""
        if not self.is_sparse():
            return max(len(self.X), 1)
        row_bytes = max(int(self.X.shape[1]), 1) * int(self.X.dtype.itemsize)
        return max(1, DENSE_BYTES // row_bytes)

    def is_sparse(self) -> bool:
        """Tell whether the inputs are a sparse matrix."""
        return bool(sparse.issparse(self.X))

    def in_parts(self) -> bool:
        """Tell whether the inputs are too many to be trained on as they are."""
        return self.is_sparse() and self.X.shape[0] * self.X.shape[1] > 8 * BITS_BYTES

    def dense(self) -> Samples:
        """Return the samples with dense inputs."""
        return self._replace(X=self.X.toarray()) if self.is_sparse() else self

    def take(self, rows: npt.NDArray[np.int64]) -> Samples:
        """Copy some of the samples."""
        return Samples(self.X[rows], self.y[rows], None if self.weights is None else self.weights[rows])


def inputs(X: Any, dtype: Any) -> Any:
    """Return a C-contiguous array, or CSR in canonical format, of the dtype."""
    if sparse.issparse(X):
        rows = X.tocsr().astype(dtype, copy=False)
        if not rows.has_canonical_format:
            rows = rows.copy()  # the caller's stay as they are
            rows.sum_duplicates()
        return rows
    return np.ascontiguousarray(X, dtype=dtype)


def dense_parts(X: Any) -> Iterator[Array]:
    """Yield inputs as dense arrays, all at once if they are one already."""
    if not sparse.issparse(X):
        yield X
        return
    step = Samples(X, np.empty(0), None).most_rows()
    for start in range(0, max(X.shape[0], 1), step):
        yield X[start : start + step].toarray()
