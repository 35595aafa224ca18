"""Teams that change their size between turns, since results do not depend on it.

A team is a caller, thread 0, and helpers that it takes in and lets go. On a busy machine the scheduler takes threads
off for milliseconds, and at a barrier the others wait for that long: beside two busy processes a team of two that
always waits takes tens of times as long as one thread. So the caller compares the time that the team takes with the
least that a smaller team, one thread at first, was seen to take for as many samples. What it takes longer adds up, what
it takes less is subtracted, down to a limit (the cumulative sum of Page, 1954): where the sum says that the team does
harm, it is made smaller. After a pause, longer each time that it fails, the team grows again.

Nobody waits for a helper that is not there. The caller asks, by making a number odd; helpers that are out look at it
now and then, asleep in between, and those that are awake answer. Only then are they taken in, at the end of a turn.

Sizes are planned by the caller at the beginning of each turn, before its first barrier, and read by all after it. There
are two such plans, for turns of even and of odd numbers: who is slow to read one has not come to the next barrier yet,
so the caller cannot have got to the turn that writes it again.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.compiler.policy import inlined, kernel
from fastnet.kernels.codegen.barrier import load, sleep, store, wait_a_little
from fastnet.kernels.codegen.speed import clock
from fastnet.machine.threads import LINE

_LINES: list[Any] = [np.int64(i * LINE) for i in (0, 2, 4, 5, 6, 7)]
IN_TURN, AT_JOIN, CALL, ASKED, PLANS, MEMBERS = _LINES
"""Where in the array of a team its numbers are: two barriers, one for the threads of a turn and one for those that
begin the next one; calls begun and ended; questions asked and withdrawn; two plans; a line for each thread."""

_PLACES: list[Any] = [np.int64(i) for i in range(4)]
ANSWER, TURN, INDEX, SIZE = _PLACES
"""In a thread's line: the question that it answered last; one more than the turn at whose end it is taken in, or 0; and
as what, into a team of what size."""

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

PATIENCE = 2_000
"""Microseconds after which those are taken in that are there, not all."""

GRACE = 100
"""Microseconds at most that a call waits at its beginning for those who took part in the one before."""

LINGER, FIRST_NAP, LONGEST_NAP, LAST_NAP = 500, 50, 1000, 16
"""Microseconds that a helper stays awake when it is let go, for the next call often follows at once; that it then
sleeps between two looks, at first and at most; how many naps without a call before it leaves."""


def make_control(n_threads: int) -> npt.NDArray[np.int64]:
    """Return the numbers that a team of at most so many threads shares."""
    return np.zeros(int(MEMBERS) + LINE * n_threads, np.int64)


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
def _count_answers(control: Any, team: int) -> int:
    """Count the helpers that are out and awake."""
    asked, count = load(control, ASKED), 0
    for member in range(1, team):
        count += int(load(control, MEMBERS + member * LINE + ANSWER) == asked)
    return count


@inlined
def _ask(control: Any) -> None:
    """Ask for helpers, if nobody has been asked yet."""
    if control[ASKED] % 2 == 0:
        store(control, ASKED, control[ASKED] + 1)


@inlined
def _take_in(control: Any, team: int, size: int, most: int, turn: int) -> int:
    """Take in helpers that have answered, and withdraw the question; return the size after this turn."""
    asked, after = load(control, ASKED), min(most, size + _count_answers(control, team))
    index = size
    for member in range(1, team):
        own = MEMBERS + member * LINE
        if index < after and load(control, own + ANSWER) == asked:
            control[own + INDEX], control[own + SIZE] = index, after
            store(control, own + TURN, turn + 1)
            index += 1
    store(control, ASKED, asked + 1)
    return after


@inlined
def _allowed(in_use: Any, team: int) -> int:
    """Count the threads that a team may have beside other calls that compute at this moment."""
    return team if in_use[0] <= 1 else max(1, min(team, in_use[1] // in_use[0]))


@inlined
def begin_call(control: Any, pace: Any, in_use: Any, team: int) -> None:
    """Begin a call alone, and wait a little for those who took part in the one before."""
    start = clock()
    if start - pace[LAST] > SHORT_PAUSE * pace[RATE]:
        _want(pace, int(pace[WANTED]))  # what was seen before may hold no longer
    pace[LAST], pace[ASKED_AT] = start - pace[ENDING], start
    wanted = min(int(pace[WANTED]), _allowed(in_use, team))
    if wanted > 1:
        _ask(control)
        while _count_answers(control, team) < wanted - 1 and clock() - start < GRACE * pace[RATE]:
            pass


@inlined
def end_call(pace: Any) -> None:
    """Note the time since the last block."""
    pace[ENDING] = clock() - pace[LAST]


@inlined
def withdraw(control: Any) -> None:
    """Withdraw a question that nobody needs to answer any more, if there is one."""
    if control[ASKED] % 2 != 0:
        store(control, ASKED, control[ASKED] + 1)


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
def _want(pace: Any, size: int) -> None:
    """Want another size from now on."""
    pace[WANTED] = size
    pace[HELD] = pace[TAKEN] = pace[LOST] = pace[REGRET] = 0
    pace[ELAPSED] = pace[SAMPLES] = pace[WINDOWS] = 0
    pace[LEAST] = np.inf


@inlined
def _does_harm(pace: Any, n_samples: int) -> bool:
    """Tell whether a team, or waiting for it, loses more than some turns may take longer than others."""
    if pace[WANTED] == 1:
        return False
    turn = pace[EXPECTED + 2 * int(pace[WANTED])] * n_samples
    return pace[REGRET] > max(MOST_REGRET * pace[RATE], 3 * turn)  # type: ignore[no-any-return]


@inlined
def _fall_back(pace: Any, size: int) -> int:
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
    _want(pace, after)
    return after


@inlined
def plan(control: Any, pace: Any, in_use: Any, team: int, size: int, turn: int, n_samples: int) -> int:
    """Return the size after this turn, for a team that may choose; who is taken in has been told."""
    look_at_clock(pace, size, n_samples)
    allowed = _allowed(in_use, team)
    if size > allowed:
        _want(pace, allowed)
        return allowed
    if _does_harm(pace, n_samples):
        return min(size, _fall_back(pace, int(pace[WANTED])))
    if size >= allowed:
        withdraw(control)
        return size
    if size >= pace[WANTED]:
        if pace[WINDOWS] < FEWEST_WINDOWS or pace[LAST] < pace[UNTIL]:
            return size
        _try_more(pace, size, min(allowed, team if size >= pace[REACH] else int(pace[REACH])))
    return _grow(control, pace, team, size, min(int(pace[WANTED]), allowed), turn)


@inlined
def _try_more(pace: Any, size: int, wanted: int) -> None:
    """Want a larger team, and note what it has to be better than."""
    pace[BASE], pace[ASKED_AT] = size, pace[LAST]
    seen_long = pace[HELD] >= SHORT_PAUSE * pace[RATE]
    pace[EXPECTED + 2 * wanted] = pace[HELD] / pace[TAKEN] if seen_long else pace[LEAST]
    pace[EXPECTED + 2 * wanted + 1] = min(pace[EXPECTED + 2 * wanted + 1], pace[LEAST])
    _want(pace, wanted)


@inlined
def _grow(control: Any, pace: Any, team: int, size: int, wanted: int, turn: int) -> int:
    """Ask for helpers, and take them in when all are there, or after a while those that are."""
    _ask(control)
    count, waited = _count_answers(control, team), pace[LAST] - pace[ASKED_AT]
    if count == 0 or (count < wanted - size and waited < PATIENCE * pace[RATE]):
        return size
    pace[ELAPSED] = pace[SAMPLES] = 0
    return _take_in(control, team, size, wanted, turn)


@inlined
def plan_fixed(control: Any, team: int, size: int, turn: int, wanted: int) -> int:
    """Return the size after this turn where it is given, once so many threads are there."""
    if wanted <= size:
        return wanted
    _ask(control)
    spins = 0
    while _count_answers(control, team) < wanted - size:
        spins = wait_a_little(spins)
    return _take_in(control, team, size, wanted, turn)


@inlined
def wait_to_be_taken_in(control: Any, member: int, rate: float) -> bool:
    """Sleep until the caller asks, answer, and return when it has taken this helper in; False if no call comes."""
    own, naps, nap, start = MEMBERS + member * LINE, 0, FIRST_NAP, clock()
    while naps <= LAST_NAP:
        asked, in_call = load(control, ASKED), load(control, CALL) % 2 != 0
        if asked % 2 != 0:
            store(control, own + ANSWER, asked)
            spins = 0
            while load(control, ASKED) == asked:
                spins = wait_a_little(spins)
            if load(control, own + TURN) > 0:
                return True
        elif clock() - start > LINGER * rate or rate == 0:
            naps = 0 if in_call else naps + 1
            sleep(nap)
            nap = min(2 * nap, LONGEST_NAP)
    return False
