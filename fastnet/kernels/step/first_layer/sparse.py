"""Sparse inputs: bitmasks that tell where the non-zeros are, and a list of these.

A zero adds nothing to a sum, neither forward nor to a gradient: four of five multiply-adds of a first layer on images
of digits are for nothing. So sparse samples are described so once, and the first layer's products go through
their non-zeros alone (`fastnet.kernels.step.first_layer.sparse_tiles`). An accumulator of fused multiply-adds from
which zeros are left out has the same bits, as long as the numbers that they would be multiplied with are finite.

The idea of leaving out zeros in training on a processor's vector units is that of SparseTrain (Gong, Ji, Fletcher,
Hughes and Torrellas, 2020), there for activations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.compiler.policy import inlined, kernel
from fastnet.kernels.codegen.bits import HALF, WORD, lowest_bit, row_bitmask
from fastnet.kernels.runtime import arrays
from fastnet.kernels.runtime.arrays import flat, read_only
from fastnet.kernels.runtime.claims import claim, done, leave, partition, share_work
from fastnet.kernels.step.first_layer.few_outputs import MOST_OUTPUTS
from fastnet.kernels.step.first_layer.interface import FirstLayer, Given, Working
from fastnet.kernels.step.first_layer.sparse_tiles import MOST_PANELS
from fastnet.kernels.step.layout import Room, room_of_panels
from fastnet.kernels.tile.micro_panels import panel_width
from fastnet.kernels.tile.moves import CHUNK_BYTES, prefetch
from fastnet.kernels.tile.packing import padded
from fastnet.kernels.tile.products import threads_for
from fastnet.machine.threads import LINE

BLOCK_BYTES = 32 * 1024
"""Bytes of what is picked from before the next is: weights of a block of columns, gradients of a block of rows. A
first-level cache."""

FEWEST_NONZEROS = 16
"""Non-zeros of a sample that a block should hold, on average: its sums are stored between two blocks."""

LARGEST_DENSITY = 0.35
"""Fraction of inputs that are not zero up to which it pays: a non-zero takes about twice the time of a tile's
product."""

MOST_BYTES = 1 << 30
"""Memory that nobody asked for."""

N_PROBED = 64
"""Samples whose zeros are counted to see whether it pays."""

PREFETCH_DISTANCE = 6
"""Samples between the one that is read and the one that is prefetched."""

FLOP_PER_INPUT = 30
"""Operations that a core could do in the time that looking at an input takes."""

ONE_BIT = np.uint64(1)


class Nonzeros(NamedTuple):
    """The non-zeros of all samples: the inputs that are not zero."""

    bitmasks: Any  # (n_samples, n_bitmasks): bit j of bitmask i tells whether input 64 * i + j is not zero
    starts: Any  # of the samples in the values, and the end of these
    values: Any  # of the non-zeros, converted and scaled, by ascending columns; with gaps between threads' pieces
    n_bitmasks: int  # of a sample; 0 where there is no description
    block_bitmasks: int  # of a block of columns


class Sparse(NamedTuple):
    """What the stages of a first layer work on whose inputs are sparse."""

    samples: Nonzeros
    bitmasks: Any  # of the rows of a block; zero at first, for rows up to whole tiles
    positions: Any  # of each bitmask's first value
    cursors: Any  # (n_threads, ...): where the values of 64 rows are
    bits: Any  # (n_threads, ...): of 64 rows, column by column
    half_gradients: Any  # (n_threads, ...): of the weights of half a bitmask of columns


def no_samples(n_in: int, dtype: Any) -> Nonzeros:
    """Return the description of no samples of so many inputs."""
    bitmasks = np.empty((0, -(-n_in // WORD)), np.uint64)
    starts, values = np.zeros(1, np.int64), np.empty(0, dtype)
    return Nonzeros(read_only(bitmasks), read_only(starts), read_only(values), bitmasks.shape[1], 1)


def empty(dtype: Any) -> Sparse:
    """Return what there is where inputs are not sparse, or it does not matter."""
    bits, places = np.empty((0, 0), np.uint64), np.empty((0, 0), np.int64)
    none = no_samples(0, dtype)
    return Sparse(none, bits.reshape(-1), places.reshape(-1), places, bits, np.empty((0, 0), dtype))


def room(given: Given) -> Room:
    """Count the elements of the weights, which lie as in other layers; samples are read where they are described."""
    return room_of_panels(given.n_in, given.n_out, given.dtype.itemsize)._replace(values=0)


def make(empty: FirstLayer, given: Given, working: Working) -> FirstLayer:
    """Make room for the bitmasks of a block, and what each thread transposes and sums of half of one."""
    samples, team, width = given.described, working.team, panel_width(given.dtype.itemsize)
    own = Sparse(
        samples=samples,
        bitmasks=arrays.zeros(working.capacity * samples.n_bitmasks, np.uint64),
        positions=arrays.empty(working.capacity * samples.n_bitmasks, np.int64),
        cursors=arrays.empty((team, WORD + LINE), np.int64),
        bits=arrays.empty((team, HALF + LINE), np.uint64),
        half_gradients=arrays.empty((team, (HALF + 1) * MOST_PANELS * width), given.dtype),
    )
    return empty._replace(sparse=own)


def pays(x: npt.NDArray[Any], n_out: int, dtype: Any) -> bool:
    """Tell whether a first layer of `n_out` outputs takes less time on the non-zeros of `x` than on all of it."""
    if x.size == 0 or n_out <= MOST_OUTPUTS:
        return False
    density = _count_nonzeros(x) / x.shape[1]
    return bool(density <= LARGEST_DENSITY and x.size * (1 / 8 + density * dtype.itemsize) <= MOST_BYTES)


def _count_nonzeros(x: npt.NDArray[Any]) -> float:
    """Count the non-zeros of a sample, on average over some that are spread out."""
    probed = x[:: -(-len(x) // N_PROBED)]
    return np.count_nonzero(probed) / len(probed)


def _block_bitmasks(n_in: int, n_out: int, n_nonzeros: float, itemsize: int) -> int:
    """Choose how many bitmasks of columns make a block, for samples of so many non-zeros on average."""
    width = panel_width(itemsize)
    row_bytes = min(MOST_PANELS * width, padded(n_out, width)) * itemsize
    columns = max(BLOCK_BYTES // row_bytes, int(n_in * FEWEST_NONZEROS / max(n_nonzeros, 1.0)), WORD)
    return min(columns // WORD, -(-n_in // WORD))


@kernel
def _describe(
    thread: int, control: Any, x: Any, n_in: int, scale: Any, bitmasks: Any, starts: Any, values: Any, counts: Any
) -> None:  # fmt: skip
    """Write where the non-zeros of samples are, and their values, to as many places as there are counts."""
    item = claim(control, thread, -1)
    while item < counts.size:
        counts[item] = _describe_some(item, counts.size, x, n_in, scale, bitmasks, starts, values)
        done(control)
        item = claim(control, thread, item)
    leave(control, thread, counts.size)


@inlined
def _describe_some(
    item: int, n_items: int, x: Any, n_in: int, scale: Any, bitmasks: Any, starts: Any, values: Any
) -> int:
    """Describe one item's samples while there is room for their non-zeros; return their count, or -1."""
    real = values.dtype.type
    n_samples, n_bitmasks = bitmasks.shape
    first, last = partition(n_samples, item, n_items)
    begin, end = partition(values.size, item, n_items)
    at = begin
    for r in range(first, last):
        if end - at < n_in:
            return -1
        starts[r], soon = at, (r + PREFETCH_DISTANCE) * n_in * x.itemsize
        for line in range(soon, soon + n_in * x.itemsize, CHUNK_BYTES):
            prefetch(x, line)
        for i in range(n_bitmasks):
            bitmask = row_bitmask(x, r * n_in, n_in, i)
            bitmasks[r, i] = bitmask
            while bitmask != 0:
                values[at] = real(x[r * n_in + i * WORD + lowest_bit(bitmask)]) * scale
                at += 1
                bitmask &= bitmask - ONE_BIT
    return at - begin


def from_array(x: npt.NDArray[Any], n_out: int, scale: float, dtype: Any, n_threads: int | None) -> Nonzeros:
    """Describe an array (n_samples, n_in): read once, where room for half as many again as were probed is enough."""
    n_samples, n_in = x.shape
    team, inputs = threads_for(FLOP_PER_INPUT * x.size, n_threads), flat(x)
    bitmasks, starts = arrays.empty((n_samples, -(-n_in // WORD)), np.uint64), arrays.empty(n_samples + 1, np.int64)
    counts = np.zeros(_items(team), np.int64)
    for room in (min(int(1.5 * _count_nonzeros(x) * n_samples), x.size), x.size):
        values = arrays.empty(room + counts.size * (n_in + 1), dtype)
        share_work(_describe, team, inputs, n_in, dtype.type(scale), bitmasks, starts, values, counts)
        if counts.min() >= 0:
            break
    starts[-1] = values.size
    block = _block_bitmasks(n_in, n_out, counts.sum() / n_samples, dtype.itemsize)
    return Nonzeros(read_only(bitmasks), read_only(starts), read_only(values), bitmasks.shape[1], block)


def _items(team: int) -> int:
    """Count the items of samples that threads claim: a few for each, so that who comes late finds some left."""
    return 4 * team if team > 1 else 1


@kernel
def _mark(thread: int, control: Any, n_items: int, starts: Any, columns: Any, bitmasks: Any) -> None:
    """Set the bits of the non-zeros of samples."""
    n_samples, n_bitmasks = bitmasks.shape
    item = claim(control, thread, -1)
    while item < n_items:
        first, last = partition(n_samples, item, n_items)
        for r in range(first, last):
            for i in range(n_bitmasks):
                bitmasks[r, i] = 0
            for at in range(starts[r], starts[r + 1]):
                bitmasks[r, columns[at] // WORD] |= ONE_BIT << np.uint64(columns[at] % WORD)
        done(control)
        item = claim(control, thread, item)
    leave(control, thread, n_items)


def from_csr(x: Any, n_out: int, scale: float, dtype: Any, n_threads: int | None) -> Nonzeros:
    """Describe a CSR matrix in canonical format. Zeros that it stores count as non-zeros, and do no harm."""
    (n_samples, n_in), starts = x.shape, x.indptr.astype(np.int64)
    bitmasks = arrays.empty((n_samples, -(-n_in // WORD)), np.uint64)
    team = threads_for(FLOP_PER_INPUT * (x.nnz + bitmasks.size), n_threads)
    columns = read_only(x.indices.astype(np.int64, copy=False))
    share_work(_mark, team, _items(team), read_only(starts), columns, bitmasks)
    values = x.data.astype(dtype) * dtype.type(scale)
    block = _block_bitmasks(n_in, n_out, x.nnz / max(n_samples, 1), dtype.itemsize)
    return Nonzeros(read_only(bitmasks), read_only(starts), read_only(values), bitmasks.shape[1], block)
