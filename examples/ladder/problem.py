"""What all rungs compute, and how a rung is checked and timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

M, K, N = 256, 768, 1024
"""Rows, depth and columns of the product: whole tiles of any width of vectors, so that no rung needs to treat edges."""

rng = np.random.default_rng(0)
A, B = rng.standard_normal((M, K), np.float32), rng.standard_normal((K, N), np.float32)
BIAS = rng.standard_normal(N, np.float32)


class Rung(NamedTuple):
    """A rung of the ladder."""

    run: Callable[[], np.ndarray]  # computes; what it returns the first time is checked
    expected: Callable[[], np.ndarray]  # the same, in NumPy
    flop: int
    n_threads: int = 1


def check(rung: Rung) -> None:
    """Hold a rung's result against NumPy's; sums of other orders differ by rounding."""
    actual, expected = rung.run(), rung.expected()
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def gflops(rung: Rung, seconds: float) -> float:
    """Return the best rate of some runs, in GFLOP/s."""
    best, end = np.inf, time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        rung.run()
        now = time.perf_counter()
        best = min(best, now - start)
        if now > end:
            return rung.flop / best / 1e9
