"""What is known of the speed of teams, and when that says that one should be smaller, or may be larger.

On a busy machine the scheduler takes threads off for milliseconds, and at a barrier the others wait for that long:
beside two busy processes a team of two that always waits takes tens of times as long as one thread. So the caller
compares the time that the team takes with the least that a smaller team, one thread at first, was seen to take for as
many samples. What it takes longer adds up, what it takes less is subtracted, down to a limit (the cumulative sum of
Page, 1954): where the sum says that the team does harm, it is made smaller. After a pause, longer each time that it
fails, the team grows again.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.compiler.policy import inlined, kernel
from fastnet.kernels.codegen.speed import clock

RATE, LAST, ENDING, ASKED_AT, WANTED, BASE, REACH, PAUSE, UNTIL, HELD, TAKEN, LOST, REGRET = range(13)
ELAPSED, SAMPLES, WINDOWS, LEAST, EXPECTED = range(13, 18)
"""What the caller keeps from call to call; times are ticks of the clock.

Ticks in a microsecond; when the clock was read; what the call before took after that; when helpers were asked for. The
size that the team is to have, the one to fall back to, the one to try next; for how long, until when, it does not
grow. Since it is to have its size: the time that it had it, the samples in that time, how much longer it took than a
smaller team would have, and the same with little credit for gains. The time and samples of the present window, the
windows before, and the least that a sample took in one of them. Then for each size what a sample took in the smaller
team before, on average and at least."""

WINDOW = 200
"""Microseconds that are looked at together to learn the speed of a size."""

FEWEST_WINDOWS = 4
"""Windows that it takes to know: the scheduler may take the caller off in one."""

SHORT_PAUSE, FIRST_PAUSE, LONGEST_PAUSE = 20_000, 100_000, 1_000_000
"""Microseconds before a team that was made smaller grows again: one that had been of use, one that had not, and at most
where it fails again and again."""

MOST_REGRET, MOST_CREDIT = 1_000, 4_000
"""Microseconds lost at which a team is made smaller, and those gained that count against losses to come."""

MEMORY = 1_000_000
"""Microseconds in which the mean speed of a smaller team is forgotten: company changes."""


@functools.lru_cache(maxsize=64)
def make_pace(n_threads: int, *_of: Any) -> npt.NDArray[np.float64]:
    """Return what is known of the speed of teams for something: nothing at first, so they begin with one thread."""
    pace = np.zeros(EXPECTED + 2 * (n_threads + 1))
    pace[LEAST] = pace[EXPECTED:] = np.inf
    pace[RATE], pace[WANTED], pace[BASE], pace[REACH] = ticks_per_microsecond(), 1, 1, n_threads
    return pace


@kernel
def _read_clock() -> int:
    return clock()  # type: ignore[no-any-return]


@functools.cache
def ticks_per_microsecond() -> float:
    """Measure the rate of the kernels' clock, for a millisecond."""
    _read_clock()  # compiles
    start, ticks = time.perf_counter_ns(), _read_clock()
    while time.perf_counter_ns() - start < 1_000_000:
        pass
    return 1e3 * (_read_clock() - ticks) / (time.perf_counter_ns() - start)


@inlined
def end_call(pace: Any) -> None:
    """Note the time since the last block."""
    pace[ENDING] = clock() - pace[LAST]


@inlined
def look_at_clock(pace: Any, size: int, n_samples: int) -> None:
    """Learn from a turn of so many samples how fast the team is, and what it loses against a smaller one."""
    if n_samples == 0:
        return  # its time counts with the turn that follows
    now = clock()
    ticks, pace[LAST] = now - pace[LAST], now
    if pace[WANTED] > 1:
        _count_regret(pace, int(pace[WANTED]), ticks, n_samples)
    if size != pace[WANTED]:
        return
    pace[HELD] += ticks
    pace[TAKEN] += n_samples
    pace[ELAPSED] += ticks
    pace[SAMPLES] += n_samples
    if pace[ELAPSED] >= WINDOW * pace[RATE]:
        pace[LEAST] = min(pace[LEAST], pace[ELAPSED] / pace[SAMPLES])
        pace[ELAPSED] = pace[SAMPLES] = 0
        pace[WINDOWS] += 1


@inlined
def _count_regret(pace: Any, size: int, ticks: float, n_samples: int) -> None:
    """Add what a team took longer than a smaller one would have.

    The mean of that one's time was taken in the company of that time, and is forgotten: it becomes the least.
    """
    expected, least = pace[EXPECTED + 2 * size], pace[EXPECTED + 2 * size + 1]
    lost = ticks - expected * n_samples
    pace[LOST] += lost
    pace[REGRET] = max(pace[REGRET] + lost, -MOST_CREDIT * pace[RATE])
    memory = min(ticks / (MEMORY * pace[RATE]), 1.0) if pace[RATE] > 0 else 0.0
    if expected < np.inf:
        pace[EXPECTED + 2 * size] = expected + (least - expected) * memory


@inlined
def want(pace: Any, size: int) -> None:
    """Want another size from now on."""
    pace[WANTED] = size
    pace[HELD] = pace[TAKEN] = pace[LOST] = pace[REGRET] = 0
    pace[ELAPSED] = pace[SAMPLES] = pace[WINDOWS] = 0
    pace[LEAST] = np.inf


@inlined
def does_harm(pace: Any, n_samples: int) -> bool:
    """Tell whether a team, or waiting for it, loses more than some turns may take longer than others."""
    if pace[WANTED] == 1:
        return False
    turn = pace[EXPECTED + 2 * int(pace[WANTED])] * n_samples
    return pace[REGRET] > max(MOST_REGRET * pace[RATE], 3 * turn)  # type: ignore[no-any-return]


@inlined
def fall_back(pace: Any, size: int) -> int:
    """Want a smaller team: half of it, or the one before where the larger one has lost more than it had gained."""
    after = size // 2
    if pace[LOST] > 0:
        after = min(int(pace[BASE]), size - 1)
        pace[PAUSE] = min(max(4 * pace[PAUSE], FIRST_PAUSE * pace[RATE]), LONGEST_PAUSE * pace[RATE])
        pace[REACH] = max(after + 1, (after + size) // 2)
    else:
        pace[PAUSE] = SHORT_PAUSE * pace[RATE]
    pace[UNTIL] = pace[LAST] + pace[PAUSE]
    pace[BASE] = max(after // 2, 1)
    for i in range(2):  # of a size that it has not grown to: what is known of one still smaller
        before = EXPECTED + 2 * int(pace[WANTED]) + i
        pace[EXPECTED + 2 * after + i] = min(pace[EXPECTED + 2 * after + i], pace[before])
    want(pace, after)
    return after


@inlined
def try_more(pace: Any, size: int, wanted: int) -> None:
    """Want a larger team, and note what it has to be better than."""
    pace[BASE], pace[ASKED_AT] = size, pace[LAST]
    seen_long = pace[HELD] >= SHORT_PAUSE * pace[RATE]
    pace[EXPECTED + 2 * wanted] = pace[HELD] / pace[TAKEN] if seen_long else pace[LEAST]
    pace[EXPECTED + 2 * wanted + 1] = min(pace[EXPECTED + 2 * wanted + 1], pace[LEAST])
    want(pace, wanted)
