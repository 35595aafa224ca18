"""What the roof of a machine is measured with: multiply-adds with nothing to load, loads with nothing to compute."""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import kernel
from fastnet.kernels.codegen.speed import multiply_adds, read_vectors
from fastnet.kernels.runtime.claims import claim, done, leave, partition
from fastnet.machine.threads import LINE


@kernel
def compute(thread: int, control: Any, n_threads: int, rounds: int, out: Any) -> None:
    """Run independent multiply-adds in every thread at once."""
    item = claim(control, thread, -1)
    if item < n_threads:
        out[LINE * thread] = multiply_adds(rounds, out[LINE * thread])
        done(control)
    leave(control, thread, n_threads)


@kernel
def read(thread: int, control: Any, n_threads: int, array: Any, times: int, stride: int, out: Any) -> None:
    """Read a thread's partition of the array, `stride` elements at a time, some times."""
    item = claim(control, thread, -1)
    if item < n_threads:
        first, last = partition(array.size // stride, item, n_threads)
        for _ in range(times):
            out[LINE * thread] += read_vectors(array, first * stride, last - first)
        done(control)
    leave(control, thread, n_threads)
