"""How many threads to take: no more than any of the machine, the container, the environment and Dask allows.

More threads than there is processor time for are worse than useless: they wait for each other at every barrier while
one of them waits for a processor.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from fastnet.machine.cgroups import Quota, cpu_quota

COUNT = re.compile(r"\s*0*([1-9][0-9]{0,8})\s*")
"""A whole number of at least 1, perhaps between spaces."""

VARIABLES = ("FASTNET_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS")

_fixed: int | None = None


class Limit(NamedTuple):
    """A number of threads that should not be exceeded, and why."""

    threads: int
    reason: str


def limits() -> list[Limit]:
    """Return all that limits the threads of a call that does not say how many it wants; the least of them decides.

    Returns
    -------
    list of Limit
        Those there are of: the processors that this process may run on; the CPU quota of its control groups, as it was
        a second ago at most; `FASTNET_NUM_THREADS`, `NUMBA_NUM_THREADS` and `OMP_NUM_THREADS`, which joblib and Dask's
        nanny set in the processes that they start; the threads of the Dask worker whose task this is.

    Raises
    ------
    ValueError
        If `FASTNET_NUM_THREADS` is no whole number of at least 1. The other variables are other libraries': what cannot
        be understood there is ignored.

    Examples
    --------
    >>> from fastnet.machine.cores import available_cores, limits
    >>> limits()[0].reason
    'processors of this process'
    >>> min(limit.threads for limit in limits()) == available_cores()
    True
    """
    if _fixed is not None:
        return [Limit(_fixed, "fixed")]
    return [*_of_the_machine(), *_of_the_environment(), *_of_dask()]


def available_cores() -> int:
    """Threads that a call takes if it does not say how many it wants: the least of `limits`."""
    return min(limit.threads for limit in limits())


def machine_cores() -> int:
    """Processors that this process may use, by its affinity and its CPU quota, whatever variables say."""
    return min(limit.threads for limit in _of_the_machine())


@contextmanager
def fixed_cores(count: int) -> Iterator[None]:
    """Let calls that do not say how many threads they want take `count` of them, whatever the limits."""
    global _fixed
    before, _fixed = _fixed, count
    try:
        yield
    finally:
        _fixed = before


def _of_the_machine() -> list[Limit]:
    processors = Limit(_processors() or 1, "processors of this process")
    quota = _quota_of(int(time.monotonic()))
    return [processors, *([Limit(quota.cores, f"CPU quota ({quota.source})")] if quota else [])]


def _processors() -> int | None:
    if sys.version_info >= (3, 13):
        return os.process_cpu_count()
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # AttributeError: macOS, Windows
        return os.cpu_count()


@functools.lru_cache(maxsize=1)
def _quota_of(second: int) -> Quota | None:
    """Return the quota, read once in a second: containers are resized while they run, and files take their time."""
    return cpu_quota()


def _of_the_environment() -> list[Limit]:
    found = []
    for name in VARIABLES:
        text = os.environ.get(name)
        if not text:
            continue
        # OpenMP's may be a list: its first number is for threads that are not nested in others
        count = COUNT.fullmatch(text.partition(",")[0] if name == "OMP_NUM_THREADS" else text)
        if count:
            found.append(Limit(int(count[1]), name))
        elif name == "FASTNET_NUM_THREADS":
            raise ValueError(f"{name} must be a whole number of at least 1, got {text!r}")
    return found


def _of_dask() -> list[Limit]:
    """Return the threads of the Dask worker that runs this task, which no variable tells if it has no nanny."""
    module = sys.modules.get("distributed.worker")
    if module is None:
        return []
    try:
        return [Limit(module.get_worker().state.nthreads, "threads of the Dask worker")]
    except (AttributeError, ValueError):  # AttributeError: another thread is importing it. ValueError: this is no task
        return []
