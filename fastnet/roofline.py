"""The roof of this machine: how many floating-point operations it can do right now.

A time means little on a shared machine whose clock moves; the fraction of what the machine could do next to
it means a lot.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet._jit import INTERPRETED, inlined, kernel, vector_bits
from fastnet._threads import resolve_threads, run_team
from fastnet.kernels.barrier import meet
from fastnet.kernels.measure import FMA_CHAINS, fma_chains

ROUNDS = 20_000


@inlined
def _spin(rounds: int, out: Any, index: int) -> None:
    out[index] = fma_chains(rounds, out[index])


@kernel
def _burn(thread: int, n_threads: int, barrier: Any, rounds: int, out: Any) -> None:
    if meet(barrier, n_threads):
        _spin(rounds, out, 16 * thread)


def fma_peak(dtype: npt.DTypeLike = np.float32, n_threads: int | None = None, seconds: float = 0.05) -> float:
    """Measure the rate of fused multiply-adds on operands that stay in registers.

    Parameters
    ----------
    dtype : {float32, float64}
        Precision of the arithmetic.
    n_threads : int, optional
        Threads that compute at once; all available processors if not given.
    seconds : float
        How long to measure, roughly.

    Returns
    -------
    float
        GFLOP/s of all threads together, a multiply-add counted as two operations; the best of many short
        runs.

    Examples
    --------
    >>> from fastnet.roofline import fma_peak
    >>> fma_peak(seconds=0.001) > 0
    True
    """
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {dtype}")
    team = resolve_threads(n_threads)
    rounds = 1 if INTERPRETED else ROUNDS
    out = np.full(16 * team, 0.5, dtype)
    flop = 2 * rounds * FMA_CHAINS * (vector_bits() // (8 * dtype.itemsize)) * team
    run_team(_burn, team, rounds, out)  # compiles
    best, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run_team(_burn, team, rounds * 20, out)
        best = min(best, time.perf_counter() - start)
    return 20 * flop / best / 1e9
