"""Timing on a machine that is shared and noisy: alternate, pair, and say how far a median can be trusted.

A time means little by itself; the ratio of two that were taken one after the other means more. Runs alternate
A B, B A, so that a drift favours nobody. The median of the paired ratios is given with the interval between two
of them that holds the true median with a stated probability, whatever their distribution: the interval of the
sign test (Conover, "Practical Nonparametric Statistics", 1999, section 3.2).
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

CONFIDENCE = 0.98
"""With which an interval should hold the median."""

FEWEST_PAIRS = 7
"""Pairs from which on the widest interval has that confidence."""

SHORTEST = 1e-3
"""Seconds that one timing takes at least; shorter calls are repeated in it."""


class Spread(NamedTuple):
    """The median of some values, and two of them between which it lies with a probability of `confidence`."""

    median: float
    low: float
    high: float
    n: int
    confidence: float

    @property
    def width(self) -> float:
        """Width of the interval, relative to the median."""
        return (self.high - self.low) / self.median


def spread(values: Sequence[float], confidence: float = CONFIDENCE) -> Spread:
    """Summarise measurements by their median and its interval.

    Parameters
    ----------
    values : sequence of float
        The measurements, at least one.
    confidence : float
        Wanted probability that the interval holds the median. The narrowest interval that has it is chosen, and the
        widest, with the lesser probability that it has, if the values are too few.

    Returns
    -------
    Spread
        Median, interval, count, and the interval's probability.

    Examples
    --------
    >>> spread([3.0, 1.0, 2.0])
    Spread(median=2.0, low=1.0, high=3.0, n=3, confidence=0.75)
    >>> spread([float(i) for i in range(1, 22)]).low
    5.0
    """
    ordered, n = sorted(values), len(values)
    if not ordered:
        raise ValueError("values must hold at least one measurement, got none")
    chosen, covered, outside = 0, 1 - 2 * 0.5**n, 0.0
    for k in range((n + 1) // 2):
        outside += math.comb(n, k) / 2**n  # probability that at most k values lie below the median
        if 1 - 2 * outside < confidence:
            break
        chosen, covered = k, 1 - 2 * outside
    return Spread(statistics.median(ordered), ordered[chosen], ordered[n - 1 - chosen], n, max(covered, 0.0))


def loops_for(call: Callable[[], object], shortest: float = SHORTEST) -> int:
    """Return how many calls in a row take at least `shortest` seconds; calls at least three times."""
    call()
    loops = 1
    while True:
        seconds = seconds_of(call, loops)
        if seconds >= shortest:
            return loops
        loops = max(2 * loops, math.ceil(1.2 * loops * shortest / max(seconds, 1e-7)))


def seconds_of(call: Callable[[], object], loops: int) -> float:
    """Time some calls in a row."""
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return time.perf_counter() - start


def pairs(
    first: Callable[[], object], second: Callable[[], object], loops: tuple[int, int] | None = None
) -> Iterator[tuple[float, float]]:
    """Time two calls alternately, without end: yields the seconds of one call of each.

    Parameters
    ----------
    first, second : callable
        What to time.
    loops : (int, int), optional
        Calls in one timing of each; as many as take `SHORTEST` seconds if not given.

    Yields
    ------
    (float, float)
        Seconds of one call of `first` and of `second`, from neighbouring timings.
    """
    counts = loops or (loops_for(first), loops_for(second))
    while True:
        one = seconds_of(first, counts[0])
        two = seconds_of(second, counts[1])
        yield one / counts[0], two / counts[1]
        two = seconds_of(second, counts[1])
        one = seconds_of(first, counts[0])
        yield one / counts[0], two / counts[1]


def alternate(runs: Mapping[str, Callable[[], float]], rounds: int) -> Iterator[dict[str, float]]:
    """Call several runs, A B C and then C B A; yield what each of them returned in a round."""
    for i in range(rounds):
        names = list(runs) if i % 2 == 0 else list(runs)[::-1]
        yield {name: runs[name]() for name in names}


@contextmanager
def limited_threads(n_threads: int | None) -> Iterator[None]:
    """Give the kernels, and the libraries behind NumPy, so many threads; as many as they choose if None."""
    if n_threads is None:
        yield
        return
    from threadpoolctl import threadpool_limits

    from fastnet.machine.cores import fixed_cores

    with fixed_cores(n_threads), threadpool_limits(n_threads):
        yield
