"""The first layer where its outputs are few: the parts of a training step on `fastnet.kernels.narrow_tiles`.

Weights are transposed: a row for each output, then the biases. Threads share out the inputs, forward as well as in
the gradient, so that each reads its own columns of the samples, twice, and owns its columns of the weights; what it
passes on is a few sums for each sample. These sums come from a fixed number of slabs of the inputs, and are added in
order, so they do not depend on the threads.

Samples are read where they are if nothing is to be done to them; else, or where a row ends within a chunk, they are
converted and scaled into rows of whole chunks first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fastnet._jit import called, inlined
from fastnet.kernels.gemm import VECTOR_BYTES, padded, panels_of, share
from fastnet.kernels.moves import CHUNK_BYTES, copy_chunk, prefetch
from fastnet.kernels.narrow_tiles import OUTPUTS, SAMPLES, SPILL_BYTES, dot_tile, outer_tile
from fastnet.kernels.simd import TILE_VECTORS, update_run
from fastnet.kernels.updates import NONE

if TYPE_CHECKING:
    from fastnet.kernels.passes import Samples, Step, Weights

MOST_OUTPUTS = 10
"""Outputs up to which the lanes run along the inputs: more of them fill two vectors of eight well enough."""

FEWEST_INPUTS = 256

WIDEST_PANEL = 2
"""Chunks of the widest panel: two vectors of 512 bits."""

ROWS_AHEAD = 8
"""Samples between the one that is gathered and the one that is fetched from memory."""

SLAB_INPUTS, MOST_SLABS = 192, 2
"""Inputs that a slab has at least, since each ends in sums over lanes, and the count of slabs at
most: `add_sums` knows one and two."""


class Narrow(NamedTuple):
    """How the first layer lies; `groups` is 0 where it lies in panels as all others."""

    groups: int  # of `OUTPUTS` outputs
    stride: int  # elements from one output's weights, or one gathered sample, to the next
    sums: int  # elements from one sample's sums to the next: the outputs, and what is written past them
    slabs: int
    chunks: int  # of a row
    direct: int  # whether samples are read where they are


PANELS = Narrow(0, 0, 0, 0, 0, 0)


def plan(n_in: int, n_out: int, itemsize: int, as_they_are: bool) -> Narrow:
    """Decide how the first layer lies; `as_they_are` tells that the samples need no conversion."""
    if n_out > MOST_OUTPUTS or n_in < FEWEST_INPUTS:
        return PANELS
    chunk = CHUNK_BYTES // itemsize
    chunks = -(-n_in // chunk)
    slabs = max(1, min(MOST_SLABS, n_in // SLAB_INPUTS))
    groups = -(-n_out // OUTPUTS)
    sums = padded(groups * OUTPUTS + SPILL_BYTES // itemsize, chunk // 2)
    return Narrow(groups, chunks * chunk, sums, slabs, chunks, int(as_they_are and n_in % chunk == 0))


def packed_size(narrow: Narrow, itemsize: int) -> int:
    """Count the elements of the weights and biases."""
    rows = narrow.groups * OUTPUTS
    chunk = CHUNK_BYTES // itemsize
    return rows * narrow.stride + WIDEST_PANEL * chunk  # biases are read a whole panel at a time


def sums_size(narrow: Narrow, capacity: int) -> int:
    """Count the elements for the sums of a block of `capacity` rows, and what may be written or read past them."""
    return narrow.slabs * (capacity + SAMPLES) * narrow.sums + WIDEST_PANEL * CHUNK_BYTES


@inlined
def biases(narrow: Narrow) -> int:
    """Where the biases lie."""
    return narrow.groups * OUTPUTS * narrow.stride


@inlined
def owns_columns(narrow: Narrow, n_threads: int) -> bool:
    """Tell whether a thread multiplies just those weights forward that it has updated, so that it need not wait."""
    return narrow.direct != 0 and narrow.slabs % n_threads == 0


@called
def pack_rows(narrow: Narrow, thread: int, n_threads: int, n_in: int, n_out: int, flat: Any, packed: Any) -> None:
    """Copy a thread's share of the inputs' weights, and the biases, from W (n_in, n_out) and b in a flat vector."""
    first, last = share(n_in + 1, thread, n_threads)
    for k in range(first, last):
        for o in range(n_out):
            packed[o * narrow.stride + k if k < n_in else biases(narrow) + o] = flat[k * n_out + o]


@called
def unpack_rows(narrow: Narrow, thread: int, n_threads: int, n_in: int, n_out: int, packed: Any, flat: Any) -> None:
    """Copy a thread's share back."""
    first, last = share(n_in + 1, thread, n_threads)
    for k in range(first, last):
        for o in range(n_out):
            flat[k * n_out + o] = packed[o * narrow.stride + k if k < n_in else biases(narrow) + o]


@inlined
def find_rows(
    narrow: Narrow, samples: Samples, n_in: int, start: int, n_rows: int, following: int, places: Any, capacity: int,
    chunk: int,
) -> None:  # fmt: skip
    """Write where the samples of a block begin, where those of the next one do, and what tiles bring nearer.

    Half of the next block's samples come from memory while the products are made, half during the gradients: spread
    out, they keep the tiles' own loads waiting least. What else the gradients bring nearer is the next chunk of
    their own samples, from the second-level cache.
    """
    for r in range(n_rows):
        at = ahead = r * narrow.stride
        if narrow.direct != 0:
            at = samples.order[start + r] * n_in
            ahead = samples.order[min(following + r, samples.order.size - 1)] * n_in
        places[r] = at
        places[capacity + r] = ahead
        places[2 * capacity + r] = ahead if r % 4 == 2 or (r % 4 == 3 and narrow.groups == 1) else at + chunk
        places[3 * capacity + r] = ahead if r % 4 == 3 else at + chunk


@called
def gather_columns(
    narrow: Narrow, samples: Samples, n_in: int, thread: int, n_threads: int, start: int, n_rows: int, values: Any
) -> None:
    """Copy a thread's columns of a block of samples, converted and scaled."""
    chunk = CHUNK_BYTES // values.itemsize
    first, last = share(narrow.chunks, thread, n_threads)
    begin, count = first * chunk, min(last * chunk, n_in) - first * chunk
    real = values.dtype.type
    scale = real(samples.scale)
    size = samples.x.itemsize
    for r in range(n_rows):
        at = samples.order[start + r] * n_in + begin
        soon = samples.order[min(start + r + ROWS_AHEAD, samples.order.size - 1)] * n_in + begin
        for line in range(0, count * size, CHUNK_BYTES):
            prefetch(samples.x, soon * size + line)
        target = r * narrow.stride + begin
        for k in range(0, count - chunk + 1, chunk):
            copy_chunk(samples.x, at + k, values, target + k, scale)
        for k in range(count // chunk * chunk, count):
            values[target + k] = real(samples.x[at + k]) * scale


@called
def dot_products(
    narrow: Narrow, thread: int, n_threads: int, n_rows: int, x: Any, places: Any, capacity: int, packed: Any, sums: Any
) -> None:
    """Multiply a thread's slabs of the inputs, or its samples where there are more threads, with the weights."""
    chunk = CHUNK_BYTES // packed.itemsize
    pairs = (n_rows + SAMPLES - 1) // SAMPLES
    first, last = share(narrow.slabs * pairs, thread, n_threads)
    step = narrow.sums
    for item in range(first, last):
        slab, pair = item // pairs, item % pairs
        first_chunk, last_chunk = share(narrow.chunks, slab, narrow.slabs)
        k, r = first_chunk * chunk, pair * SAMPLES
        x0, x1 = places[r] + k, places[min(r + 1, n_rows - 1)] + k
        ahead = places[capacity + r - r % 4 // 2] + k  # of four samples, the first two
        for group in range(narrow.groups):
            w0 = group * OUTPUTS * narrow.stride + k
            s0 = item * SAMPLES * step + group * OUTPUTS
            dot_tile(x, x0, x1, ahead, packed, w0, narrow.stride, last_chunk - first_chunk, sums, s0, step)
            ahead = x0


@called
def add_sums(
    narrow: Narrow, first: int, last: int, n_rows: int, n_out: int, sums: Any, packed: Any, values: Any, v1: int,
    capacity: int,
) -> None:  # fmt: skip
    """Write the layer's sums for rows [first, last): those of all slabs, in order, and the bias."""
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    step, slab_step = narrow.sums, (n_rows + SAMPLES - 1) // SAMPLES * SAMPLES * narrow.sums
    for panel in range(panels_of(n_out, values.itemsize)):
        bias = packed[biases(narrow) + panel * width : biases(narrow) + (panel + 1) * width]
        for r in range(first, last):
            target = values[v1 + (panel * capacity + r) * width : v1 + (panel * capacity + r + 1) * width]
            source = sums[r * step + panel * width :]
            if narrow.slabs == 1:
                for o in range(width):
                    target[o] = source[o] + bias[o]
            else:
                other = sums[slab_step + r * step + panel * width :]
                for o in range(width):
                    target[o] = source[o] + other[o] + bias[o]


@called
def update_columns(
    narrow: Narrow, thread: int, n_threads: int, n_out: int, step: Step, x: Any, places: Any, d_at: Any,
    gradients: Any, v1: int, capacity: int, weights: Weights,
) -> None:  # fmt: skip
    """Gradient and update of the weights of a thread's columns; the last thread's of the biases too."""
    chunk, width = CHUNK_BYTES // gradients.itemsize, TILE_VECTORS * VECTOR_BYTES // gradients.itemsize
    first, last = share(narrow.chunks, thread, n_threads)
    for group in range(narrow.groups):
        for i in range(OUTPUTS):
            o = min(group * OUTPUTS + i, n_out - 1)
            d_at[group * OUTPUTS + i] = v1 + o // width * capacity * width + o % width
    for tile in range(first, last):
        for group in range(narrow.groups):
            g0 = group * OUTPUTS * narrow.stride + tile * chunk
            ahead = places[2 * capacity :] if group == 0 else places[3 * capacity :]
            outer_tile(
                x, places, ahead, tile * chunk, step.n_rows, gradients, d_at[group * OUTPUTS :], width,
                weights.gradient, g0, narrow.stride, step.goes_on,
            )  # fmt: skip
    if thread == n_threads - 1:
        _sum_rows(step, n_out, gradients, v1, capacity, weights.gradient[biases(narrow) : biases(narrow) + n_out])
    if step.code != NONE:
        for i in range(n_out + 1):
            start, count = own_run(narrow, i, n_out, thread, n_threads, gradients.itemsize)
            update_run(
                step.code, step.coefficients, weights.packed, weights.slot0, weights.slot1, start, weights.gradient,
                start, count,
            )  # fmt: skip


@inlined
def own_run(narrow: Narrow, i: int, n_out: int, thread: int, n_threads: int, itemsize: int) -> tuple[int, int]:
    """Start, and count of vectors, of the weights that a thread owns: of output i or, after the last, the biases."""
    chunk, per_chunk = CHUNK_BYTES // itemsize, CHUNK_BYTES // VECTOR_BYTES
    first, last = share(narrow.chunks, thread, n_threads)
    if i < n_out:
        return i * narrow.stride + first * chunk, (last - first) * per_chunk
    count = (narrow.groups * OUTPUTS + chunk - 1) // chunk * per_chunk
    return biases(narrow), count * int(thread == n_threads - 1)


@inlined
def _sum_rows(step: Step, n_out: int, gradients: Any, v1: int, capacity: int, out: Any) -> None:
    """Sum the layer's gradients over the rows of a block, on top of what is stored if the block goes on."""
    width = TILE_VECTORS * VECTOR_BYTES // gradients.itemsize
    if not step.goes_on:
        for o in range(n_out):
            out[o] = 0
    for panel in range(panels_of(n_out, gradients.itemsize)):
        target = out[panel * width : min((panel + 1) * width, n_out)]
        for r in range(step.n_rows):
            row = gradients[v1 + panel * capacity * width + r * width :]
            for o in range(target.size):
                target[o] += row[o]
