"""Shards of a batch, pieces of a vector, and the perfect binary tree in which what belongs to them is added."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.validation import training as training_checks

Array = npt.NDArray[Any]

DEFAULT_SHARDS = 8
"""Shards of a batch where ranks are asked for and nothing is said of shards: eight ranks may then share them."""

RANKS = ("mpi",)
"""What may carry messages between ranks."""


def check(shards: int | None, ranks: str | None) -> int | None:
    """Return the shards of a batch: those asked for, the default where only ranks are, or None without either.

    Raises
    ------
    TypeError, ValueError
        For a number of shards that is no power of two, and for ranks of an unknown kind.

    Examples
    --------
    >>> check(None, "mpi"), check(4, None), check(None, None)
    (8, 4, None)
    """
    if ranks is not None:
        training_checks.choice("ranks", ranks, RANKS)
    if shards is None:
        return None if ranks is None else DEFAULT_SHARDS
    training_checks.whole("shards", shards, 1)
    if shards & (shards - 1):
        raise ValueError(f"shards must be a power of two, got {shards}")
    return int(shards)


def bounds(n_rows: int, shards: int) -> list[tuple[int, int]]:
    """Cut rows into shards that differ by one row at most: (first, last), the last exclusive.

    Examples
    --------
    >>> bounds(10, 4)
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    return [(i * n_rows // shards, (i + 1) * n_rows // shards) for i in range(shards)]


def piece_bounds(size: int, shards: int) -> list[int]:
    """Cut a vector into as many pieces as there are shards; the last ones may be short or empty.

    Examples
    --------
    >>> piece_bounds(10, 4)
    [0, 3, 6, 9, 10]
    """
    length = -(-size // shards)
    return [min(i * length, size) for i in range(shards + 1)]


def tree_sum(values: Array) -> Any:
    """Add what lies along the first axis, a power of two of it, in a perfect binary tree.

    Examples
    --------
    >>> float(tree_sum(np.array([1e16, 1.0, -1e16, 1.0])))
    0.0
    """
    while len(values) > 1:
        values = values[0::2] + values[1::2]
    return values[0]


class GradientTree:
    """Adds the gradients of consecutive shards, each as it comes, in the tree of `tree_sum`.

    Each comes in the same vector, `leaf`, in which their sum is after the last one. Sums that wait for their sibling
    are kept: one for each level of the tree.

    Examples
    --------
    >>> leaf = np.empty(1)
    >>> tree = GradientTree(leaf, 4)
    >>> for i, value in enumerate([1e16, 1.0, -1e16, 1.0]):
    ...     leaf[:] = value
    ...     tree.add(i)
    >>> leaf
    array([0.])
    """

    def __init__(self, leaf: Array, n_leaves: int) -> None:
        self._leaf = leaf
        self._waiting = [np.empty_like(leaf) for _ in range(n_leaves.bit_length() - 1)]

    def add(self, i: int) -> None:
        """Add leaf number i."""
        level = 0
        while i & 1:
            np.add(self._waiting[level], self._leaf, out=self._leaf)
            level, i = level + 1, i >> 1
        if level < len(self._waiting):
            self._waiting[level][...] = self._leaf
