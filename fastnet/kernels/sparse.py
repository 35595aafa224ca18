"""Inputs that are mostly zeros, as lists of those that are not.

A zero adds nothing to a sum, neither forward nor to a gradient: four of five multiply-adds of a first layer on images of
digits are for nothing. So samples with many zeros are turned into lists once, columns and values of what is left, and the
first layer's products go through these (`fastnet.kernels.sparse_tiles`). A chain of fused multiply-adds from which
zeros are left out has the same bits, as long as the numbers that they would be multiplied with are finite.

The idea of leaving out zeros in training on a processor's vector units is that of SparseTrain (Gong, Ji, Fletcher,
Hughes and Torrellas, 2020), there for activations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet._jit import kernel
from fastnet._threads import run_team
from fastnet.kernels.arrays import flat, locked
from fastnet.kernels.emit import lanes
from fastnet.kernels.gemm import padded, share, threads_for
from fastnet.kernels.simd import panel_width

MOST_PANELS = 4
"""Panels of a tile: six vectors, or twelve of 128 bits, whose chains hide most of the latency of a multiply-add."""

BLOCK_BYTES = 28 * 1024
"""Bytes of the weights of a block of columns, which all rows use before the next: most of a first-level cache."""

SHORTEST_RUN = 16
"""Entries of a sample that a block should hold, on average: its sums are stored between two blocks."""

MOST_FILLED = 0.4
"""Fraction of inputs that are not zero up to which lists pay; a list's entry takes about twice the time of a tile's."""

FEWEST_VECTORS = 4
"""Vectors of outputs from which on lists pay: fewer chains wait for each other."""

MOST_BYTES = 1 << 30
"""Memory for lists that nobody asked for."""

COLUMN_BYTES = 4
"""Of an entry's column; its value comes on top."""

N_PROBED = 256
"""Samples whose zeros are counted to see whether lists pay."""


class Lists(NamedTuple):
    """The entries of all samples that are not zero, one after the other."""

    starts: Any  # of the part of each sample that lies in each block of columns, and the end of the last one
    columns: Any  # of the entries, ascending within a sample; and one more, that of the biases
    values: Any  # of the entries, converted and scaled
    n_blocks: int  # 0 where there are no lists


def no_lists(dtype: Any) -> Lists:
    """Return what stands for lists where inputs lie in panels."""
    return Lists(locked(np.zeros(1, np.int64)), locked(np.empty(0, np.int32)), locked(np.empty(0, dtype)), 0)


def pay(x: npt.NDArray[Any], n_out: int, dtype: Any) -> bool:
    """Tell whether lists would take less time than panels, for samples `x` and a first layer of `n_out` outputs."""
    if len(x) == 0 or n_out <= (FEWEST_VECTORS - 1) * lanes(dtype.itemsize):
        return False
    filled = np.count_nonzero(x[:: -(-len(x) // N_PROBED)]) * N_PROBED
    filled_fraction = filled / (x.shape[1] * min(N_PROBED, len(x[:: -(-len(x) // N_PROBED)])) * N_PROBED)
    return filled_fraction <= MOST_FILLED and filled_fraction * x.size * (COLUMN_BYTES + dtype.itemsize) <= MOST_BYTES


def _count_blocks(n_in: int, n_out: int, n_entries: float, itemsize: int) -> int:
    """Count the blocks of columns for samples of so many entries on average."""
    width = panel_width(itemsize)
    row_bytes = min(MOST_PANELS * width, padded(n_out, width)) * itemsize
    return max(1, min(-(-n_in * row_bytes // BLOCK_BYTES), int(n_entries) // SHORTEST_RUN))


@kernel
def _count(thread: int, n_threads: int, _barrier: Any, x: Any, n_in: int, n_blocks: int, counts: Any) -> None:
    """Count the entries of each block of a thread's samples."""
    first, last = share(counts.size // n_blocks, thread, n_threads)
    for r in range(first, last):
        for block in range(n_blocks):
            begin, end = share(n_in, block, n_blocks)
            count = 0
            for j in range(r * n_in + begin, r * n_in + end):
                count += x[j] != 0
            counts[r * n_blocks + block] = count


@kernel
def _fill(
    thread: int, n_threads: int, _barrier: Any, x: Any, n_in: int, scale: Any, n_blocks: int, starts: Any, columns: Any,
    values: Any,
) -> None:  # fmt: skip
    """Write the entries of a thread's samples: all inputs in turn, each over the one before if that was zero."""
    real = values.dtype.type
    first, last = share((starts.size - 1) // n_blocks, thread, n_threads)
    for r in range(first, last):
        at, end = starts[r * n_blocks], starts[(r + 1) * n_blocks]
        for j in range(n_in):
            if at == end:
                break
            number = x[r * n_in + j]
            columns[at] = j
            values[at] = real(number) * scale
            at += number != 0


def from_array(
    x: npt.NDArray[Any], n_out: int, scale: float, ones: float, dtype: Any, n_threads: int | None
) -> Lists:
    """Make the lists of an array (n_samples, n_in); `ones` is what stands for the inputs of the biases."""
    n_samples, n_in = x.shape
    n_blocks = _count_blocks(n_in, n_out, np.count_nonzero(x[:N_PROBED]) / min(N_PROBED, n_samples), dtype.itemsize)
    team, inputs = threads_for(2 * x.size, n_threads), flat(x)
    starts = np.zeros(n_samples * n_blocks + 1, np.int64)
    run_team(_count, team, inputs, n_in, n_blocks, starts[1:])
    np.cumsum(starts, out=starts)
    columns, values = np.empty(starts[-1] + 1, np.int32), np.empty(starts[-1] + 1, dtype)
    columns[-1], values[-1] = n_in, ones
    run_team(_fill, team, inputs, n_in, dtype.type(scale), n_blocks, locked(starts), columns, values)
    return Lists(locked(starts), locked(columns), locked(values), n_blocks)
