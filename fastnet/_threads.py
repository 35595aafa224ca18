"""Teams of threads: one compiled call per thread, all running at once, meeting at barriers of their own.

The threads are Python threads inside one compiled function that has let go of the interpreter lock. They
are made for a call and end with it. So every thread of a team certainly runs (which a barrier needs, and
a pool that is shared or nested cannot promise), two callers never share a team, a forked child has
nothing to inherit, and no threading layer has to be installed. Starting a thread costs some tens of
microseconds: a team is for calls that take a millisecond or more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

LINE = 16
"""Elements of a barrier's array between its counters: two cache lines, so that they do not share one."""

STOP = 2 * LINE
"""Index of the element of a barrier's array that tells waiting threads to leave."""


def resolve_threads(n_threads: int | None) -> int:
    """Return the thread count to use: the one given, whatever the limits, or as many as they allow."""
    if n_threads is None:
        from fastnet._cores import available_cores  # here, for it is nothing that compiled code is made from

        return available_cores()
    if isinstance(n_threads, bool) or not isinstance(n_threads, int | np.integer):
        raise TypeError(f"n_threads must be an integer or None, got {type(n_threads).__name__}")
    if n_threads < 1:
        raise ValueError(f"n_threads must be at least 1, got {n_threads}")
    return int(n_threads)


def make_barrier() -> npt.NDArray[np.int64]:
    """Return what the threads of a team meet at."""
    return np.zeros(3 * LINE, np.int64)


def run_team(
    worker: Callable[..., None], n_threads: int, *args: Any, barrier: npt.NDArray[np.int64] | None = None
) -> None:
    """Call `worker(thread, n_threads, barrier, *args)` in `n_threads` threads at once and wait for all.

    The caller is thread 0. If it is interrupted before its own part has begun, or a thread fails,
    `barrier[STOP]` is raised, on which all that wait at the barrier leave the worker.
    """
    barrier = make_barrier() if barrier is None else barrier
    if n_threads == 1:
        worker(0, 1, barrier, *args)
        return
    errors: list[BaseException] = []

    def run(thread: int) -> None:
        try:
            worker(thread, n_threads, barrier, *args)
        except BaseException as error:
            barrier[STOP] = 1
            errors.append(error)

    team = [threading.Thread(target=run, args=(thread,), daemon=True) for thread in range(1, n_threads)]
    started = []
    try:
        for member in team:
            member.start()
            started.append(member)
        worker(0, n_threads, barrier, *args)
    except BaseException:
        barrier[STOP] = 1
        raise
    finally:
        for member in started:
            member.join()
    if errors:
        raise errors[0]
