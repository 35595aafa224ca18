"""What the roof of a machine is measured with: multiply-adds with nothing to load, loads with nothing to compute."""

from __future__ import annotations

from typing import Any

from fastnet._jit import kernel
from fastnet._threads import LINE
from fastnet.kernels.claims import claim, done, leave, share
from fastnet.kernels.measure import fma_chains, read_vectors


@kernel
def compute(thread: int, control: Any, n_threads: int, rounds: int, out: Any) -> None:
    """Run chains of multiply-adds in every thread at once."""
    item = claim(control, thread, -1)
    if item < n_threads:
        out[LINE * thread] = fma_chains(rounds, out[LINE * thread])
        done(control)
    leave(control, thread, n_threads)


@kernel
def read(thread: int, control: Any, n_threads: int, array: Any, times: int, step: int, out: Any) -> None:
    """Read a thread's share of the array, `step` elements at a time, some times."""
    item = claim(control, thread, -1)
    if item < n_threads:
        first, last = share(array.size // step, item, n_threads)
        for _ in range(times):
            out[LINE * thread] += read_vectors(array, first * step, last - first)
        done(control)
    leave(control, thread, n_threads)
