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
from dataclasses import dataclass, field, replace
from typing import TypedDict, TypeVar

T = TypeVar("T")

CONFIDENCE = 0.98
"""With which an interval should hold the median."""

FEWEST_PAIRS = 7
"""Pairs from which on the widest interval has that confidence."""

SHORTEST = 1e-3
"""Seconds that one timing takes at least; shorter calls are repeated in it."""

PAUSE = 0.1
"""Seconds before a timing in which the threads of the library before it stop spinning."""


class Spread(TypedDict):
    """The median of some values, and two of them between which it lies with a probability of `confidence`."""

    median: float
    low: float
    high: float
    n: int
    confidence: float


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
        Median, interval, count, and the interval's probability, as JSON has them.

    Examples
    --------
    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'low': 1.0, 'high': 3.0, 'n': 3, 'confidence': 0.75}
    >>> spread([float(i) for i in range(1, 22)])["low"]
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
    low, high = ordered[chosen], ordered[n - 1 - chosen]
    return Spread(median=statistics.median(ordered), low=low, high=high, n=n, confidence=max(covered, 0.0))


def ratios_to(own: Sequence[float], others: Sequence[float]) -> Spread:
    """Return the spread of what others took to what fastnet took in the same rounds."""
    return spread([other / one for one, other in zip(own, others, strict=True)])


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


def best_of(run: Callable[[], object], seconds: float) -> float:
    """Return the least time of a run, over some seconds."""
    run()  # compiles
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        best = min(best, seconds_of(run, 1))
    return best


def in_loops(call: Callable[[], object], shortest: float = SHORTEST) -> Callable[[], float]:
    """Return what times a call, so many of them in a row that they take `shortest` seconds."""
    loops = loops_for(call, shortest)
    return lambda: seconds_of(call, loops) / loops


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


def settle() -> None:
    """Wait until the threads of the library that was timed before have stopped spinning."""
    time.sleep(PAUSE)


@dataclass(frozen=True)
class Harness:
    """How measurements are taken, whatever is measured: so often, for so long, with so many threads.

    Attributes
    ----------
    rounds : int
        Timings of everything that is compared.
    seconds : float
        After which no further round begins; two are taken in any case, if so many were asked for.
    n_threads : int, optional
        For everyone; as many as the kernels take by themselves if not given.
    progress : callable
        Is told what runs.
    check : callable
        Called before each timing; raises what is to end the measurement.

    Examples
    --------
    >>> Harness(3).times({"a": lambda: 1.0, "b": lambda: 2.0})
    {'a': [1.0, 1.0, 1.0], 'b': [2.0, 2.0, 2.0]}
    >>> [(item, one.seconds <= 0.5) for item, one in Harness(3, 1.0).shares(["x", "y"])]
    [('x', True), ('y', False)]
    """

    rounds: int
    seconds: float = math.inf
    n_threads: int | None = None
    progress: Callable[[str], object] = field(default=lambda text: None)
    check: Callable[[], object] = field(default=lambda: None)

    def turns(self) -> Iterator[int]:
        """Yield 1 for each round that goes forwards, A B C, and -1 for those that go backwards, C B A."""
        end = time.perf_counter() + self.seconds
        for i in range(self.rounds):
            yield 1 if i % 2 == 0 else -1
            if i >= 1 and time.perf_counter() > end:
                return

    def times(self, runs: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
        """Call runs alternately; return what each of them returned, round by round."""
        found: dict[str, list[float]] = {name: [] for name in runs}
        for turn in self.turns():
            for name in list(runs)[::turn]:
                self.check()
                found[name].append(runs[name]())
        return found

    def shares(self, work: Sequence[T]) -> Iterator[tuple[T, Harness]]:
        """Yield what is to be measured one after the other, each with its share of the seconds that are left."""
        end = time.perf_counter() + self.seconds
        for i, item in enumerate(work):
            yield item, replace(self, seconds=max(0.0, end - time.perf_counter()) / (len(work) - i))


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
