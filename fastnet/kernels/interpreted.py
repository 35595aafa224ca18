"""Stand-ins for emitted code where NUMBA_DISABLE_JIT is set: the same functions as plain Python.

They are slow and only there so that every other line of the kernels can be run, and seen by coverage, without
a compiler. Results agree with compiled ones to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def make_tile(rows: int, columns_of: Callable[[int], int]) -> Any:
    """Return the tile of so many rows, and of `columns_of(itemsize)` columns."""

    def view(array: Any, start: int, shape: tuple[int, int], strides: tuple[int, int]) -> Any:
        in_bytes = tuple(stride * array.itemsize for stride in strides)
        return np.lib.stride_tricks.as_strided(array.reshape(-1)[start:], shape, in_bytes)

    def tile(
        a: Any, a0: int, a_row: int, a_red: int, b: Any, b0: int, b_red: int, n_red: int,
        init: Any, init0: int, init_row: int, c: Any, c0: int, c_row: int,
    ) -> None:  # fmt: skip
        columns = columns_of(c.itemsize)
        total = view(init, init0, (rows, columns), (init_row, 1)).copy()
        if n_red > 0:
            total += view(a, a0, (rows, n_red), (a_row, a_red)) @ view(b, b0, (n_red, columns), (b_red, 1))
        view(c, c0, (rows, columns), (c_row, 1))[:] = total

    return tile


def fma_chains(_rounds: int, start: Any) -> Any:
    """There is no roof to measure."""
    return start


def exp(x: Any) -> Any:
    """exp, inf where it overflows."""
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow."""
    small = exp(-abs(x))
    return (small if x <= 0 else type(x)(1)) / (1 + small)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return np.tanh(x)


def meet(_barrier: Any, _n_threads: int) -> bool:
    """Teams are of one thread."""
    return True
