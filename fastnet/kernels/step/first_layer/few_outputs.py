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

import numpy as np

from fastnet.compiler.policy import inlined
from fastnet.kernels.runtime import arrays
from fastnet.kernels.runtime.arrays import read_only
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.first_layer.few_outputs_tiles import OUTPUTS, SAMPLES, SPILL_BYTES
from fastnet.kernels.step.first_layer.interface import FirstLayer, Given, Working
from fastnet.kernels.step.layout import Room, row_elements
from fastnet.kernels.tile.moves import CHUNK_BYTES
from fastnet.kernels.tile.packing import VECTOR_BYTES, padded
from fastnet.machine.threads import LINE

MOST_OUTPUTS = 10
"""Outputs up to which the lanes run along the inputs: more of them fill two vectors of eight well enough."""

FEWEST_INPUTS = 256

WIDEST_PANEL = 2
"""Chunks of the widest micro-panel: two vectors of 512 bits."""

SLAB_INPUTS, MOST_SLABS = 192, 2
"""Inputs that a slab has at least, since each ends in sums over lanes, and the count of slabs at
most: `add_sums` knows one and two."""


class Plan(NamedTuple):
    """How the first layer lies; `groups` is 0 where it lies in micro-panels as all others."""

    groups: int  # of `OUTPUTS` outputs
    stride: int  # elements from one output's weights, or one gathered sample, to the next
    sums: int  # elements from one sample's sums to the next: the outputs, and what is written past them
    slabs: int
    chunks: int  # of a row
    direct: int  # whether samples are read where they are


class FewOutputs(NamedTuple):
    """What the stages of a few-output first layer work on."""

    plan: Plan
    rows: Any  # what is read: the samples, or those gathered
    sums: Any  # of each slab, for a block of samples
    places: Any  # (n_threads, ...): where the samples of a block begin, and those of the next
    outputs: Any  # (n_threads, ...): where the outputs lie


def empty(dtype: Any) -> FewOutputs:
    """Return what there is where outputs are not few, or it does not matter."""
    nothing, places = np.empty(0, dtype), np.empty((0, 0), np.int64)
    return FewOutputs(Plan(0, 0, 0, 0, 0, 0), read_only(nothing), nothing, places, places)


def suits(given: Given) -> bool:
    """Tell whether lanes along the inputs are the better way."""
    return given.n_out <= MOST_OUTPUTS and given.n_in >= FEWEST_INPUTS


def _plan(given: Given) -> Plan:
    """Decide how the first layer lies."""
    itemsize = given.dtype.itemsize
    chunk = CHUNK_BYTES // itemsize
    chunks = -(-given.n_in // chunk)
    slabs = max(1, min(MOST_SLABS, given.n_in // SLAB_INPUTS))
    groups = -(-given.n_out // OUTPUTS)
    sums = padded(groups * OUTPUTS + SPILL_BYTES // itemsize, chunk // 2)
    return Plan(groups, chunks * chunk, sums, slabs, chunks, int(given.as_they_are and given.n_in % chunk == 0))


def room(given: Given) -> Room:
    """Count the elements of the weights and biases, of their gradient, which is always stored, and of a sample."""
    plan, chunk = _plan(given), CHUNK_BYTES // given.dtype.itemsize
    packed = plan.groups * OUTPUTS * plan.stride + WIDEST_PANEL * chunk  # biases are read a whole micro-panel at a time
    return Room(packed, packed, row_elements(given.n_in, given.dtype.itemsize))


def make(empty: FirstLayer, given: Given, working: Working) -> FirstLayer:
    """Make room for the sums of a block and what may be written or read past them, and for the places of its samples.

    Samples that are gathered lie where other layers have their activations.
    """
    plan, capacity, team = _plan(given), working.capacity, working.team
    n_sums = plan.slabs * (capacity + SAMPLES) * plan.sums + WIDEST_PANEL * CHUNK_BYTES
    own = FewOutputs(
        plan=plan,
        rows=working.x if plan.direct else read_only(working.values),
        sums=arrays.empty(n_sums, given.dtype),
        places=arrays.empty((team, 4 * capacity + 2 * LINE), np.int64),
        outputs=arrays.empty((team, 2 * LINE), np.int64),
    )
    own_slabs = plan.slabs if plan.direct else 0  # else a thread would gather over what others still read
    return empty._replace(synchronises=int(not plan.direct), own_slabs=own_slabs, few_outputs=own)


@inlined
def biases(plan: Plan) -> int:
    """Where the biases lie."""
    return plan.groups * OUTPUTS * plan.stride


@inlined
def pack_rows(plan: Plan, thread: int, n_threads: int, n_in: int, n_out: int, flat: Any, packed: Any) -> None:
    """Copy a thread's partition of the inputs' weights, and the biases, from W (n_in, n_out) and b in a flat vector."""
    first, last = partition(n_in + 1, thread, n_threads)
    for k in range(first, last):
        for o in range(n_out):
            packed[o * plan.stride + k if k < n_in else biases(plan) + o] = flat[k * n_out + o]


@inlined
def unpack_rows(plan: Plan, thread: int, n_threads: int, n_in: int, n_out: int, packed: Any, flat: Any) -> None:
    """Copy a thread's partition back."""
    first, last = partition(n_in + 1, thread, n_threads)
    for k in range(first, last):
        for o in range(n_out):
            flat[k * n_out + o] = packed[o * plan.stride + k if k < n_in else biases(plan) + o]


@inlined
def own_run(plan: Plan, i: int, n_out: int, thread: int, n_threads: int, itemsize: int) -> tuple[int, int]:
    """Start, and count of vectors, of the weights that a thread owns: of output i or, after the last, the biases."""
    chunk, per_chunk = CHUNK_BYTES // itemsize, CHUNK_BYTES // VECTOR_BYTES
    first, last = partition(plan.chunks, thread, n_threads)
    if i < n_out:
        return i * plan.stride + first * chunk, (last - first) * per_chunk
    count = (plan.groups * OUTPUTS + chunk - 1) // chunk * per_chunk
    return biases(plan), count * int(thread == n_threads - 1)
