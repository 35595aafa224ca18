"""Threads that help the one that calls: kept by the process, asleep until there is work, waited for by nobody.

A compiled call lets go of the interpreter lock, and threads of Python's run it at once. The caller does not wait for
its helpers to come: on a busy machine that takes as long as other processes please. Who comes late finds less work,
or none. A thread that has been taken into a team, though, is waited for (`fastnet.kernels.runtime.elastic`).
"""

from __future__ import annotations

import _thread
import contextlib
import os
import queue
import threading
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

LINE = 16
"""Elements of 8 bytes between what different threads write to: two cache lines, so that they do not share one."""

_lock = threading.Lock()
_idle: list[queue.SimpleQueue[Callable[[], None]]] = []
"""Where threads without work wait for some."""

_sizes: tuple[int, ...] = ()

IN_USE: npt.NDArray[np.int64] = np.zeros(2, np.int64)
"""Calls that compute at this moment, in any thread of this process; and the processors that they share."""

_computing: set[int] = set()
"""The threads that they are in. A call that Ctrl-C ends between two lines may stay until its thread's next one."""


def resolve_threads(n_threads: int | None) -> int:
    """Return the thread count to use: the one given, whatever the limits, or as many as they allow."""
    if n_threads is None:
        from fastnet.machine.cores import available_cores  # here, for it is nothing that compiled code is made from

        return available_cores()
    if isinstance(n_threads, bool) or not isinstance(n_threads, int | np.integer):
        raise TypeError(f"n_threads must be an integer or None, got {type(n_threads).__name__}")
    if n_threads < 1:
        raise ValueError(f"n_threads must be at least 1, got {n_threads}")
    return int(n_threads)


def fixed_sizes(n_threads: int) -> tuple[int, ...]:
    """Return the sizes that teams are to have, turn by turn and again from the first; none if they may choose.

    `FASTNET_ELASTIC=0` asks for teams that keep all their threads, and wait for them.
    """
    if _sizes:
        return _sizes
    elastic = os.environ.get("FASTNET_ELASTIC") or "1"
    if elastic not in ("0", "1"):
        raise ValueError(f"FASTNET_ELASTIC must be 0 or 1, got {elastic!r}")
    return (n_threads,) if elastic == "0" else ()


@contextlib.contextmanager
def team_sizes(*sizes: int) -> Iterator[None]:
    """Let all teams have these sizes, turn by turn: for measuring and testing."""
    global _sizes
    before, _sizes = _sizes, sizes
    try:
        yield
    finally:
        _sizes = before


@contextlib.contextmanager
def computing(n_threads: int) -> Iterator[None]:
    """Count a call among those that compute at this moment; the processors are counted for those that want several."""
    from fastnet.machine.cores import machine_cores

    cores = machine_cores() if n_threads > 1 else 0
    thread = threading.get_ident()
    try:
        with _lock:
            _computing.add(thread)
            IN_USE[0], IN_USE[1] = len(_computing), cores or IN_USE[1]
        yield
    finally:
        with _lock:
            _computing.discard(thread)
            IN_USE[0] = len(_computing)


def employ(task: Callable[[], None]) -> bool:
    """Let another thread do a task that raises nothing, some time soon; return False if no thread can be started."""
    try:
        waiting = _idle.pop()
    except IndexError:
        waiting = queue.SimpleQueue()
        try:
            _thread.start_new_thread(_serve, (waiting,))
        except RuntimeError:
            return False
    waiting.put(task)
    return True


def _serve(waiting: queue.SimpleQueue[Callable[[], None]]) -> None:
    """Do one task after another."""
    while True:
        task = waiting.get()
        task()
        del task  # and what it refers to
        _idle.append(waiting)


def _forget() -> None:
    """Begin anew in a forked child, which has inherited no threads."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()
    _computing.clear()
    IN_USE[0] = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
