"""Work in items that threads claim one by one, so that a thread which comes late, or never, keeps nobody waiting.

The caller is thread 0, and works from the beginning; others help when they get there. Items have an order: one may
need others, which come before it, to be done. At the end the caller waits for those that others are still at. Where
that took longer than it would have taken alone, because the scheduler took a helper off in the middle of an item, the
calls that follow do without helpers for a while.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.compiler.policy import inlined
from fastnet.kernels.codegen.barrier import add, load, wait_a_little
from fastnet.kernels.codegen.speed import clock
from fastnet.machine.threads import IN_USE, LINE, computing, employ, fixed_sizes

CLAIMED, DONE, PRESENT, FIXED, OF_CALLER = (i * LINE for i in range(5))
"""Where in an array for a call its counts are: items claimed and done, threads present; threads that take turns
instead of claiming, 0 if they claim; and what thread 0 notes for itself, in the order that follows."""

N_OWN, BEGAN, ENDED, WAITED = (OF_CALLER + i for i in range(4))
"""Items that it did; ticks of the clock at begin and end, and those spent waiting."""

FIRST_REST, LONGEST_REST = 0.02, 0.6
"""Seconds without helpers after they did harm, and where they do so again and again."""


@inlined
def partition(count: int, part: int, n_parts: int) -> tuple[int, int]:
    """First and last (exclusive) of the items of a part, where so many are partitioned as evenly as can be."""
    return count * part // n_parts, count * (part + 1) // n_parts


@inlined
def claim(control: Any, thread: int, before: int) -> int:
    """Return the next item of a thread, after one that it has done, or -1; thread 0 begins with its first claim."""
    turns = control[FIXED]
    if before < 0:
        if thread == 0:
            control[BEGAN] = clock()
        if turns != 0:
            add(control, PRESENT, 1)
            spins = 0
            while load(control, PRESENT) < turns:
                spins = wait_a_little(spins)
            return thread
    elif thread == 0:
        control[N_OWN] += 1
    return before + turns if turns != 0 else add(control, CLAIMED, 1)  # type: ignore[no-any-return]


@inlined
def done(control: Any) -> None:
    """Tell that an item is done."""
    add(control, DONE, 1)


@inlined
def wait_for(control: Any, thread: int, count: int) -> None:
    """Wait until so many items are done."""
    if load(control, DONE) < count:
        start, spins = clock(), 0
        while load(control, DONE) < count:
            spins = wait_a_little(spins)
        if thread == 0:
            control[WAITED] += clock() - start


@inlined
def leave(control: Any, thread: int, count: int) -> None:
    """Return when there is nothing left to claim; thread 0, when all of so many items are done."""
    if thread == 0:
        wait_for(control, thread, count)
        control[ENDED] = clock()


class _Rest:
    """Until when calls do without helpers."""

    until = 0.0
    length = 0.0


def make_control() -> npt.NDArray[np.int64]:
    """Return the numbers that threads share during a call."""
    return np.zeros(OF_CALLER + LINE, np.int64)


def share_work(
    worker: Callable[..., None], n_threads: int, *args: Any, fixed: bool = False,
    control: npt.NDArray[np.int64] | None = None,
) -> None:  # fmt: skip
    """Call `worker(thread, control, *args)` here as thread 0, and in up to `n_threads - 1` others as they get there.

    Who is `fixed` takes turns at the items, and waits for all threads to come.
    """
    control = make_control() if control is None else control
    if n_threads == 1:
        worker(0, control, *args)
        return
    with computing(n_threads):
        in_turns = n_threads if fixed or fixed_sizes(n_threads) else 0
        if in_turns == 0:
            n_threads = _without_harm(n_threads)
        control[FIXED] = in_turns
        for thread in range(1, n_threads):
            employed = employ(functools.partial(worker, thread, control, *args))
            if in_turns != 0 and not employed:
                control[PRESENT] = n_threads  # who waits for all goes on
                raise RuntimeError(f"{n_threads} threads were asked for, and the system starts no more than {thread}")
        worker(0, control, *args)
        if in_turns == 0 and n_threads > 1:
            _judge(control)


def _without_harm(n_threads: int) -> int:
    """Count the threads that a call should have: its part of the processors; one, for a while after harm was done."""
    if time.monotonic() < _Rest.until:
        return 1
    n_calls, cores = (int(i) for i in IN_USE)
    return n_threads if n_calls <= 1 else min(n_threads, max(1, cores // n_calls))


def _judge(control: npt.NDArray[np.int64]) -> None:
    """See whether the caller would have been done earlier alone."""
    elapsed, n_own = control[ENDED] - control[BEGAN], int(control[N_OWN])
    alone = (elapsed - control[WAITED]) * int(control[DONE]) / max(n_own, 1)
    if n_own > 0 and elapsed > alone:
        _Rest.length = min(max(2 * _Rest.length, FIRST_REST), LONGEST_REST)
        _Rest.until = time.monotonic() + _Rest.length
    elif n_own < control[DONE]:
        _Rest.length = 0.0
