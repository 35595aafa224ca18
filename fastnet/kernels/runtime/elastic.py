"""Teams that change their size between turns, since results do not depend on it.

A team is a caller, thread 0, and helpers that it takes in and lets go. How many it is to have, the caller learns from
the time that its turns take (`fastnet.kernels.runtime.pace`).

Nobody waits for a helper that is not there. The caller asks, by making a number odd; helpers that are out look at it
now and then, asleep in between, and those that are awake answer. Only then are they taken in, at the end of a turn.

Sizes are planned by the caller at the beginning of each turn, before its first barrier, and read by all after it. There
are two such plans, for turns of even and of odd numbers: who is slow to read one has not come to the next barrier yet,
so the caller cannot have got to the turn that writes it again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.compiler.policy import inlined
from fastnet.kernels.codegen.barrier import load, sleep, store, wait_a_little
from fastnet.kernels.codegen.speed import clock
from fastnet.kernels.runtime.pace import (
    ASKED_AT,
    ELAPSED,
    ENDING,
    FEWEST_WINDOWS,
    LAST,
    RATE,
    REACH,
    SAMPLES,
    SHORT_PAUSE,
    UNTIL,
    WANTED,
    WINDOWS,
    does_harm,
    fall_back,
    look_at_clock,
    try_more,
    want,
)
from fastnet.machine.threads import LINE

_LINES: list[Any] = [np.int64(i * LINE) for i in (0, 2, 4, 5, 6, 7)]
IN_TURN, AT_JOIN, CALL, ASKED, PLANS, MEMBERS = _LINES
"""Where in the array of a team its numbers are: two barriers, one for the threads of a turn and one for those that
begin the next one; calls begun and ended; questions asked and withdrawn; two plans; a line for each thread."""

_PLACES: list[Any] = [np.int64(i) for i in range(4)]
ANSWER, TURN, INDEX, SIZE = _PLACES
"""In a thread's line: the question that it answered last; one more than the turn at whose end it is taken in, or 0; and
as what, into a team of what size."""

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
        want(pace, int(pace[WANTED]))  # what was seen before may hold no longer
    pace[LAST], pace[ASKED_AT] = start - pace[ENDING], start
    wanted = min(int(pace[WANTED]), _allowed(in_use, team))
    if wanted > 1:
        _ask(control)
        while _count_answers(control, team) < wanted - 1 and clock() - start < GRACE * pace[RATE]:
            pass


@inlined
def withdraw(control: Any) -> None:
    """Withdraw a question that nobody needs to answer any more, if there is one."""
    if control[ASKED] % 2 != 0:
        store(control, ASKED, control[ASKED] + 1)


@inlined
def plan(control: Any, pace: Any, in_use: Any, team: int, size: int, turn: int, n_samples: int) -> int:
    """Return the size after this turn, for a team that may choose; who is taken in has been told."""
    look_at_clock(pace, size, n_samples)
    allowed = _allowed(in_use, team)
    if size > allowed:
        want(pace, allowed)
        return allowed
    if does_harm(pace, n_samples):
        return min(size, fall_back(pace, int(pace[WANTED])))
    if size >= allowed:
        withdraw(control)
        return size
    if size >= pace[WANTED]:
        if pace[WINDOWS] < FEWEST_WINDOWS or pace[LAST] < pace[UNTIL]:
            return size
        try_more(pace, size, min(allowed, team if size >= pace[REACH] else int(pace[REACH])))
    return _grow(control, pace, team, size, min(int(pace[WANTED]), allowed), turn)


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
