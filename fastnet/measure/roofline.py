"""The roof of this machine: what it can compute and read right now.

    python -m fastnet.measure.roofline

A time means little on a shared machine whose clock moves; the fraction of what the machine could do next to
it means a lot. Work that loads much for each operation is bound by the bandwidth instead of the multiply-adds
(Williams, Waterman and Patterson, "Roofline", 2009).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.compiler.policy import vector_bits
from fastnet.kernels.codegen.speed import FMA_ACCUMULATORS, READ_ACCUMULATORS
from fastnet.kernels.runtime.claims import share_work
from fastnet.kernels.runtime.roof import compute, read
from fastnet.machine.threads import LINE, resolve_threads
from fastnet.measure.timing import best_of

ROUNDS = 20_000

L2_BYTES = 256 * 1024
"""Read again and again by each thread: more than a first-level cache holds, less than a second-level one."""

MEMORY_BYTES = 128 * 1024 * 1024
"""Read from front to back by all threads: several times what a last-level cache keeps for a core."""


class Roofline(NamedTuple):
    """What the machine can do with so many threads; the best of several short runs each."""

    n_threads: int
    float32_gflops: float
    float64_gflops: float
    l2_gbytes: float
    memory_gbytes: float


def fma_peak(dtype: npt.DTypeLike = np.float32, n_threads: int | None = None, seconds: float = 0.05) -> float:
    """Measure the rate of fused multiply-adds on operands that stay in registers.

    Parameters
    ----------
    dtype : {float32, float64}
        Precision of the arithmetic.
    n_threads : int, optional
        Threads that compute at once; as many as the kernels take by themselves if not given.
    seconds : float
        How long to measure, roughly.

    Returns
    -------
    float
        GFLOP/s of all threads together, a multiply-add counted as two operations; the best of many short
        runs.

    Examples
    --------
    >>> from fastnet.measure.roofline import fma_peak
    >>> fma_peak(seconds=0.001) > 0
    True
    """
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"dtype must be float32 or float64, got {dtype}")
    team = resolve_threads(n_threads)
    rounds = 20 * ROUNDS
    out = np.full(LINE * team, 0.5, dtype)
    flop = 2 * rounds * FMA_ACCUMULATORS * (vector_bits() // (8 * dtype.itemsize)) * team
    return flop / best_of(lambda: share_work(compute, team, team, rounds, out, fixed=True), seconds) / 1e9


def beside_peak(
    run: Callable[[], float], dtype: npt.DTypeLike = np.float32, n_threads: int | None = None
) -> tuple[float, tuple[float, float]]:
    """Call what returns its seconds; return these, and the FMA peak right before and right after."""
    before = fma_peak(dtype, n_threads, 0.02)
    passed = run()
    return passed, (before, fma_peak(dtype, n_threads, 0.02))


def read_bandwidth(size: int = MEMORY_BYTES, n_threads: int | None = None, seconds: float = 0.15) -> float:
    """Measure the rate at which an array is read from front to back, again and again.

    Parameters
    ----------
    size : int
        Bytes of the array, which the threads share out: of a cache, or several times as much to measure memory.
    n_threads : int, optional
        Threads that read at once; as many as the kernels take by themselves if not given.
    seconds : float
        How long to measure, roughly.

    Returns
    -------
    float
        GB/s (10**9 bytes) of all threads together; the best of some runs.

    Examples
    --------
    >>> from fastnet.measure.roofline import read_bandwidth
    >>> read_bandwidth(256 * 1024, seconds=0.001) > 0
    True
    """
    if isinstance(size, bool) or not isinstance(size, int | np.integer):
        raise TypeError(f"size must be an integer, got {type(size).__name__}")
    team = resolve_threads(n_threads)
    step = READ_ACCUMULATORS * vector_bits() // 8 // 4
    if size < 4 * step * team:
        raise ValueError(f"size must be at least {4 * step * team} bytes for {team} threads, got {size}")
    array, out = np.ones(size // (4 * step) * step, np.float32), np.zeros(LINE * team, np.float32)
    times = max(1, 32 * 1024 * 1024 // size)
    best = best_of(lambda: share_work(read, team, team, array, times, step, out, fixed=True), seconds)
    return float(times * array.nbytes / best / 1e9)


def roofline(n_threads: int | None = None) -> Roofline:
    """Measure everything, in under a second once it is compiled.

    Parameters
    ----------
    n_threads : int, optional
        Threads at once; as many as the kernels take by themselves if not given.

    Returns
    -------
    Roofline
        GFLOP/s of fused multiply-adds in float32 and float64, and GB/s read from the second-level caches and
        from memory.
    """
    team = resolve_threads(n_threads)
    return Roofline(
        team,
        fma_peak(np.float32, team),
        fma_peak(np.float64, team),
        read_bandwidth(L2_BYTES * team, team, 0.1),
        read_bandwidth(MEMORY_BYTES, team),
    )


def main() -> None:
    """Print the roofline, as JSON with --json."""
    unknown = [argument for argument in sys.argv[1:] if argument != "--json"]
    if unknown:
        print(f"roofline: unknown argument {unknown[0]}; there is only --json", file=sys.stderr)
        sys.exit(2)
    measured = roofline()
    if "--json" in sys.argv:
        print(json.dumps(measured._asdict()))
        return
    print(f"threads            {measured.n_threads:8d}")
    print(f"float32 FMA        {measured.float32_gflops:8.1f} GFLOP/s")
    print(f"float64 FMA        {measured.float64_gflops:8.1f} GFLOP/s")
    print(f"read from L2       {measured.l2_gbytes:8.1f} GB/s")
    print(f"read from memory   {measured.memory_gbytes:8.1f} GB/s")


if __name__ == "__main__":
    main()
