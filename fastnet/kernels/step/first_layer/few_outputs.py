"""How a few-output first layer lies, for tiles whose lanes run along the inputs.

Weights are transposed: a row for each output, then the biases. A thread owns columns of the weights: it makes their
gradient and updates them. Forward, the inputs are cut into a fixed number of slabs, one or two, whose sums for each
sample are added in order, so they do not depend on the threads. Two threads take a slab each, which are the columns
that they own; other teams partition the samples of the slabs.

Samples are read where they are if nothing is to be done to them; else, or where a row ends within a chunk, they are
converted and scaled into rows of whole chunks first. What pads these rows, and those of the weights, is multiplied
along: it is zero at first, and no step changes it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet.compiler.policy import inlined
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.first_layer.few_outputs_tiles import OUTPUTS, SAMPLES, SPILL_BYTES
from fastnet.kernels.tile.moves import CHUNK_BYTES
from fastnet.kernels.tile.packing import VECTOR_BYTES, padded

MOST_OUTPUTS = 10
"""Outputs up to which the lanes run along the inputs: more of them fill two vectors of eight well enough."""

FEWEST_INPUTS = 256

WIDEST_PANEL = 2
"""Chunks of the widest micro-panel: two vectors of 512 bits."""

SLAB_INPUTS, MOST_SLABS = 192, 2
"""Inputs that a slab has at least, since each ends in sums over lanes, and the count of slabs at
most: `add_sums` knows one and two."""


class FewOutputs(NamedTuple):
    """How the first layer lies; `groups` is 0 where it lies in micro-panels as all others."""

    groups: int  # of `OUTPUTS` outputs
    stride: int  # elements from one output's weights, or one gathered sample, to the next
    sums: int  # elements from one sample's sums to the next: the outputs, and what is written past them
    slabs: int
    chunks: int  # of a row
    direct: int  # whether samples are read where they are


PANELS = FewOutputs(0, 0, 0, 0, 0, 0)


def plan(n_in: int, n_out: int, itemsize: int, as_they_are: bool) -> FewOutputs:
    """Decide how the first layer lies; `as_they_are` tells that the samples need no conversion."""
    if n_out > MOST_OUTPUTS or n_in < FEWEST_INPUTS:
        return PANELS
    chunk = CHUNK_BYTES // itemsize
    chunks = -(-n_in // chunk)
    slabs = max(1, min(MOST_SLABS, n_in // SLAB_INPUTS))
    groups = -(-n_out // OUTPUTS)
    sums = padded(groups * OUTPUTS + SPILL_BYTES // itemsize, chunk // 2)
    return FewOutputs(groups, chunks * chunk, sums, slabs, chunks, int(as_they_are and n_in % chunk == 0))


def packed_size(few_outputs: FewOutputs, itemsize: int) -> int:
    """Count the elements of the weights and biases."""
    rows = few_outputs.groups * OUTPUTS
    chunk = CHUNK_BYTES // itemsize
    return rows * few_outputs.stride + WIDEST_PANEL * chunk  # biases are read a whole micro-panel at a time


def sums_size(few_outputs: FewOutputs, capacity: int) -> int:
    """Count the elements for the sums of a block of `capacity` rows, and what may be written or read past them."""
    return few_outputs.slabs * (capacity + SAMPLES) * few_outputs.sums + WIDEST_PANEL * CHUNK_BYTES


@inlined
def biases(few_outputs: FewOutputs) -> int:
    """Where the biases lie."""
    return few_outputs.groups * OUTPUTS * few_outputs.stride


@inlined
def owns_columns(few_outputs: FewOutputs, n_threads: int) -> bool:
    """Tell whether a thread multiplies just those weights forward that it has updated, so that it need not wait."""
    return few_outputs.direct != 0 and few_outputs.slabs % n_threads == 0


@inlined
def pack_rows(
    few_outputs: FewOutputs, thread: int, n_threads: int, n_in: int, n_out: int, flat: Any, packed: Any
) -> None:
    """Copy a thread's partition of the inputs' weights, and the biases, from W (n_in, n_out) and b in a flat vector."""
    first, last = partition(n_in + 1, thread, n_threads)
    for k in range(first, last):
        for o in range(n_out):
            packed[o * few_outputs.stride + k if k < n_in else biases(few_outputs) + o] = flat[k * n_out + o]


@inlined
def unpack_rows(
    few_outputs: FewOutputs, thread: int, n_threads: int, n_in: int, n_out: int, packed: Any, flat: Any
) -> None:
    """Copy a thread's partition back."""
    first, last = partition(n_in + 1, thread, n_threads)
    for k in range(first, last):
        for o in range(n_out):
            flat[k * n_out + o] = packed[o * few_outputs.stride + k if k < n_in else biases(few_outputs) + o]


@inlined
def own_run(few_outputs: FewOutputs, i: int, n_out: int, thread: int, n_threads: int, itemsize: int) -> tuple[int, int]:
    """Start, and count of vectors, of the weights that a thread owns: of output i or, after the last, the biases."""
    chunk, per_chunk = CHUNK_BYTES // itemsize, CHUNK_BYTES // VECTOR_BYTES
    first, last = partition(few_outputs.chunks, thread, n_threads)
    if i < n_out:
        return i * few_outputs.stride + first * chunk, (last - first) * per_chunk
    count = (few_outputs.groups * OUTPUTS + chunk - 1) // chunk * per_chunk
    return biases(few_outputs), count * int(thread == n_threads - 1)
