"""Stacks of matrices as kernels see them: flat memory, where each matrix begins, and two strides."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.kernels.runtime.arrays import flat, read_only

Shape = tuple[int, ...]

MOST_KEPT = 4096
"""Matrices of a stack, at most, for which it is kept where they begin: small stacks come again and again."""


class Stack(NamedTuple):
    """A stack of matrices in one flat array: element (i, j) of matrix s is flat[starts[s] + i * row + j * column]."""

    flat: Any
    starts: Any
    row: int
    column: int


_ONE_MATRIX: Any = read_only(np.zeros(1, np.int64))
"""Where the only matrix of a stack begins."""


def stack_of(x: npt.NDArray[Any], batch_shape: Shape) -> tuple[Any, Any, int, int]:
    """Return the fields of a `Stack` of `x` (..., rows, columns): a tuple of names takes longer than a small product.

    It is copied only where neither rows nor columns lie one after the other.
    """
    shape = x.shape
    columns = shape[-1]
    starts = starts_of(shape[:-2], batch_shape, shape[-2] * columns) if batch_shape else _ONE_MATRIX
    if not x.flags.c_contiguous:
        transposed = x.swapaxes(-1, -2)
        if transposed.flags.c_contiguous:
            return flat(transposed), starts, 1, shape[-2]
    return flat(x), starts, columns, 1


def starts_of(shape: Shape, batch_shape: Shape, size: int) -> npt.NDArray[np.int64]:
    """Return where the matrices of a stack begin, each as often as it is used."""
    return (_kept_starts if math.prod(batch_shape) <= MOST_KEPT else _starts)(shape, batch_shape, size)


def _starts(shape: Shape, batch_shape: Shape, size: int) -> npt.NDArray[np.int64]:
    own = np.arange(math.prod(shape), dtype=np.int64).reshape(shape) * size
    starts: npt.NDArray[np.int64] = flat(np.broadcast_to(own, batch_shape))
    return starts


_kept_starts = functools.lru_cache(maxsize=64)(_starts)
