"""The stages of a training step of a first layer whose inputs are sparse.

Forward, the non-zeros of a sample pick rows of W, whose sum the sample's outputs are. For the gradient it is the other
way round: the non-zeros of a column pick samples, whose gradients are summed. Where these are tells the same square of
bits, transposed. Forward goes through all rows a block of columns at a time, the gradient of 32 columns through up to
64 rows at a time, so that what is picked lies in the first-level cache.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.codegen.bits import HALF, WORD, count_bits, transpose_bits
from fastnet.kernels.codegen.optimizer_formulas import NONE
from fastnet.kernels.codegen.optimizer_vectors import Update, update_run
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.first_layer.interface import Kind
from fastnet.kernels.step.first_layer.sparse import BLOCK_BYTES, make, room
from fastnet.kernels.step.first_layer.sparse_tiles import MOST_PANELS, Bitmasks, column_sums, row_sums
from fastnet.kernels.step.update import rows_to_prefetch
from fastnet.kernels.tile.micro_panels import TILE_VECTORS
from fastnet.kernels.tile.moves import CHUNK_BYTES, prefetch
from fastnet.kernels.tile.operands import Panels, from_element
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES, panels_of

SHIFT, NO_SHIFT, FIRST_HALF = (np.uint64(i) for i in (HALF, 0, (1 << HALF) - 1))


class PrefetchedValues(NamedTuple):
    """How far the values of the samples that are gathered next were prefetched."""

    row: int  # of the order
    last: int
    line: int  # in bytes of the values
    end: int  # of the row before


@inlined
def _pieces(count: int, size: int) -> int:
    """Count the pieces of at most so many that something is divided into."""
    return (count + size - 1) // size


class Group(NamedTuple):
    """Micro-panels that a tile takes at once: the first, their count, and that of the vectors of their columns."""

    first: int
    panels: int
    vectors: int


@inlined
def _group(i: int, n_groups: int, first_panel: int, last_panel: int, n_out: int, lanes: int) -> Group:
    """Return one of the groups that some micro-panels are divided into evenly."""
    first, last = partition(last_panel - first_panel, i, n_groups)
    first, last, width = first_panel + first, first_panel + last, TILE_VECTORS * lanes
    return Group(first, last - first, _pieces(min(n_out, last * width) - first * width, lanes))


@stage
def find_nonzeros(s: Any, _thread: int, _n_threads: int, start: int, first: int, last: int, _n_rows: int) -> int:
    """Note where the non-zeros of rows [first, last) of the block at `start` are; values are read where they lie."""
    sparse, order, labels, rows = s.first_layer.sparse, s.samples.order, s.samples.labels, s.run.capacity
    bitmasks, positions, n_bitmasks = sparse.bitmasks, sparse.positions, sparse.samples.n_bitmasks
    all_bitmasks, starts = sparse.samples.bitmasks, sparse.samples.starts
    for r in range(first, last):
        sample = order[start + r]
        position = starts[sample]
        for i in range(n_bitmasks):
            bitmask = all_bitmasks[sample, i]
            bitmasks[i * rows + r], positions[i * rows + r] = bitmask, position
            position += count_bits(bitmask)
        prefetch(labels, sample * labels.itemsize)
    return 0


@stage
def multiply(s: Any, _layer: int, first: int, last: int, first_panel: int, last_panel: int, _back: int) -> int:
    """Write the first layer's sums, some micro-panels of some rows."""
    sparse, samples, values, packed = (
        s.first_layer.sparse,
        s.first_layer.sparse.samples,
        s.memory.values,
        s.weights.packed,
    )
    bitmasks, positions = sparse.bitmasks, sparse.positions
    n_bitmasks, block_bitmasks, nonzeros = samples.n_bitmasks, samples.block_bitmasks, samples.values
    lanes = VECTOR_BYTES // values.itemsize
    width = TILE_VECTORS * lanes
    stride, depth, n_in = s.run.capacity * width, s.layout.depth[0] * width, s.layout.n_in[0]
    n_groups, zero = _pieces(last_panel - first_panel, MOST_PANELS), values.dtype.type(0)
    for item in range(n_groups):
        group = _group(item, n_groups, first_panel, last_panel, s.layout.n_out[0], lanes)
        b0 = s.layout.packed[0] + group.first * depth
        c0 = s.layout.values[1] * s.run.capacity + group.first * stride
        for i in range(group.panels):
            panel = values[c0 + i * stride + first * width : c0 + i * stride + last * width]
            for j in range(panel.size):
                panel[j] = zero
        for begin in range(0, n_bitmasks, block_bitmasks):
            count = min(block_bitmasks, n_bitmasks - begin)
            weights = Panels(packed, b0 + begin * WORD * width, depth)
            for r in range(first, last):
                of_row = Bitmasks(bitmasks, positions, begin * s.run.capacity + r, s.run.capacity, count)
                row_sums(group.vectors, of_row, nonzeros, weights, Panels(values, c0 + r * width, stride))
        for i in range(group.panels):
            bias = packed[b0 + i * depth + n_in * width : b0 + i * depth + (n_in + 1) * width]
            _add_bias(bias, s.run.bias_value, first, last, values[c0 + i * stride : c0 + (i + 1) * stride])
    return 0


@inlined
def _add_bias(bias: Any, bias_value: float, first: int, last: int, panel: Any) -> None:
    """Add the biases, times one or zero, to some rows of a micro-panel: the last product of every accumulator."""
    one = panel.dtype.type(bias_value)
    for r in range(first, last):
        row = panel[r * bias.size : (r + 1) * bias.size]
        for j in range(bias.size):
            row[j] += one * bias[j]


@functools.cache
def make_update(code: int, penalised: int) -> Any:
    """Return the stage that makes the gradient of a thread's own weights and updates them, or stores it.

    Threads take turns at halves of bitmasks of columns and groups of micro-panels; or partition the micro-panels, if
    they did so forward.
    """

    @stage
    def update(s: Any, thread: int, n_threads: int, following: int, n_rows: int, accumulate: int) -> int:
        rows = rows_to_prefetch(s, following, thread, n_threads)
        prefetched = PrefetchedValues(rows.row, rows.last, FIRST, FIRST)
        first_panel, last_panel = FIRST, panels_of(s.layout.n_out[0], s.weights.packed.itemsize)
        item, turn, lanes = thread, n_threads, VECTOR_BYTES // s.weights.packed.itemsize
        if s.run.output_parallel[0] != 0:
            first_panel, last_panel = partition(last_panel, thread, n_threads)
            item, turn = FIRST, FIRST + 1
        n_groups, n_halves = _pieces(last_panel - first_panel, MOST_PANELS), _pieces(s.layout.n_in[0], HALF)
        while item < n_groups * n_halves:
            group = _group(item // n_halves, n_groups, first_panel, last_panel, s.layout.n_out[0], lanes)
            prefetched = _update_half(
                code, penalised, s, thread, item % n_halves, group, n_rows, accumulate != 0, prefetched
            )
            item += turn
        return 0

    return update


@inlined
def _start(accumulate: bool, stored: Any, gradient: Any) -> None:
    """Let a gradient accumulate on what is stored, or start at zero."""
    zero = gradient.dtype.type(0)
    for i in range(gradient.size):
        gradient[i] = stored[i] if accumulate else zero


@inlined
def _update_half(
    code: int, penalised: int, s: Any, thread: int, half: int, group: Group, n_rows: int, accumulate: bool,
    prefetched: PrefetchedValues,
) -> PrefetchedValues:  # fmt: skip
    """Gradient and update of the weights of half a bitmask of columns, in some micro-panels."""
    weights, n_in, first = s.weights, s.layout.n_in[0], half * HALF
    lanes = VECTOR_BYTES // weights.packed.itemsize
    width, depth = TILE_VECTORS * lanes, s.layout.depth[0] * (TILE_VECTORS * lanes)
    columns = min(HALF, n_in - first)
    rows = columns + int(first + HALF >= n_in)  # with that of the biases
    start = s.layout.packed[0] + group.first * depth + first * width
    target = Panels(weights.gradient, start, depth)
    if code != NONE:
        target = Panels(s.first_layer.sparse.half_gradients[thread], FIRST, (HALF + 1) * width)
    for i in range(group.panels):
        if not accumulate or code != NONE:
            stored = weights.gradient[start + i * depth : start + i * depth + rows * width]
            begin = target.start + i * target.stride
            _start(accumulate, stored, target.array[begin : begin + rows * width])
    n_blocks = _pieces(n_rows, max(min(WORD, BLOCK_BYTES // (group.panels * width * weights.packed.itemsize)), 1))
    for block in range(n_blocks):
        row, last = partition(n_rows, block, n_blocks)
        _gather_bits(s, thread, half, row, last - row)
        prefetched = _add_gradients(s, thread, columns, group, row, target, prefetched)
        if rows > columns:
            _add_bias_gradients(s, group, row, last, from_element(target, target.start + columns * width))
    if code != NONE:
        for i in range(group.panels):
            update_run(
                code, penalised, columns * TILE_VECTORS,
                Update(s.memory.coefficients[thread], weights.packed, weights.m, weights.v, start + i * depth),
                target.array, target.start + i * target.stride, rows * TILE_VECTORS, lanes,
            )  # fmt: skip
    return prefetched


@inlined
def _gather_bits(s: Any, thread: int, half: int, row: int, n_rows: int) -> None:
    """Note for up to 64 rows which of them have a non-zero in each column, and where the first one of each lies."""
    sparse, place = s.first_layer.sparse, half // 2 * s.run.capacity + row
    bitmasks, positions, nonzeros = sparse.bitmasks, sparse.positions, sparse.samples.values
    bits, cursors = sparse.bits[thread], sparse.cursors[thread]
    for i in range(HALF):
        bits[i] = 0
    for r in range(n_rows):
        bitmask, position = bitmasks[place + r], positions[place + r]
        if half % 2 != 0:
            position += count_bits(bitmask & FIRST_HALF)
            bitmask >>= SHIFT
        bits[r % HALF] |= (bitmask & FIRST_HALF) << (SHIFT if r >= HALF else NO_SHIFT)
        cursors[r] = position
        prefetch(nonzeros, position * nonzeros.itemsize)
    transpose_bits(bits)


@inlined
def _add_gradients(
    s: Any, thread: int, columns: int, group: Group, row: int, target: Panels, prefetched: PrefetchedValues
) -> PrefetchedValues:
    """Add what up to 64 rows give to the gradient of half a bitmask of columns."""
    gradients, sparse = s.memory.gradients, s.first_layer.sparse
    nonzeros, bits, cursors = sparse.samples.values, sparse.bits[thread], sparse.cursors[thread]
    width = TILE_VECTORS * VECTOR_BYTES // gradients.itemsize
    stride = s.run.capacity * width
    own = Panels(gradients, s.layout.values[1] * s.run.capacity + group.first * stride + row * width, stride)
    for k in range(columns):
        if bits[k] != 0:
            of_column = from_element(target, target.start + k * width)
            column_sums(group.vectors, bits[k], cursors, nonzeros, own, of_column)
        prefetched = _prefetch_values(sparse.samples, s.samples.order, prefetched)
    return prefetched


@inlined
def _add_bias_gradients(s: Any, group: Group, first: int, last: int, target: Panels) -> None:
    """Add what some rows give to the gradient of the biases: one times it, or zero times."""
    gradients, width = s.memory.gradients, TILE_VECTORS * VECTOR_BYTES // s.memory.gradients.itemsize
    one, stride = gradients.dtype.type(s.run.bias_value), s.run.capacity * width
    for i in range(group.panels):
        d0 = s.layout.values[1] * s.run.capacity + (group.first + i) * stride
        own = target.array[target.start + i * target.stride :]
        for r in range(first, last):
            given = gradients[d0 + r * width : d0 + (r + 1) * width]
            for j in range(width):
                own[j] += one * given[j]


@inlined
def _prefetch_values(samples: Any, order: Any, prefetched: PrefetchedValues) -> PrefetchedValues:
    """Prefetch a cache line more of the samples that are gathered next."""
    row, last, line, end = prefetched
    if line >= end:
        if row >= last:
            return prefetched
        sample, size = order[row], samples.values.itemsize
        start, following = samples.starts[sample], samples.starts[sample + 1]
        line, end, row = start * size, min(following, start + WORD * samples.n_bitmasks) * size, row + 1
        prefetch(samples.bitmasks, sample * samples.n_bitmasks * (WORD // 8))
    prefetch(samples.values, line)
    return PrefetchedValues(row, last, line + CHUNK_BYTES, end)


KIND = Kind(
    gather=(find_nonzeros, find_nonzeros),
    products=None,
    forward=multiply,
    applies_relu=False,
    output_parallel=True,
    make_update=make_update,
    room=room,
    make=make,
)
