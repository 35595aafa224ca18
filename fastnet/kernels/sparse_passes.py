"""The parts of a training step of a first layer whose inputs are in lists (`fastnet.kernels.sparse`).

Forward, each run of a sample's entries picks rows of W, and adds them to the sample's sums. For the gradient it is the
other way round: the sample's gradient is added to the rows that the run picks. Both go through all rows of the batch a
block of columns at a time, so that those rows of W, or of its gradient, stay in the first-level cache. As each row of W
is then met in the order of the batch, its chain of sums is that of a tile.
"""

from __future__ import annotations

import functools
from typing import Any

from fastnet._jit import inlined, part
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, panels_of, share
from fastnet.kernels.moves import CHUNK_BYTES, prefetch
from fastnet.kernels.simd import TILE_VECTORS
from fastnet.kernels.sparse import COLUMN_BYTES, MOST_PANELS
from fastnet.kernels.sparse_tiles import (
    gather_tile_1,
    gather_tile_2,
    gather_tile_3,
    gather_tile_4,
    scatter_tile_1,
    scatter_tile_2,
    scatter_tile_3,
    scatter_tile_4,
)
from fastnet.kernels.update_passes import Ahead, rows_ahead
from fastnet.kernels.updates import NONE
from fastnet.kernels.vector_updates import update_run

ROWS_AHEAD = 8
"""Rows between the one whose run is used and the one whose run is brought nearer."""


@inlined
def _gather(
    panels: int, columns: Any, entries: Any, start: int, count: int, matrix: Any, m0: int, m_panel: int, row: Any,
    r0: int, r_panel: int, goes_on: bool,
) -> None:  # fmt: skip
    """Add the rows that some entries pick to a row, or start it with them."""
    if panels == 4:
        gather_tile_4(columns, entries, start, count, matrix, m0, m_panel, row, r0, r_panel, goes_on)
    elif panels == 3:
        gather_tile_3(columns, entries, start, count, matrix, m0, m_panel, row, r0, r_panel, goes_on)
    elif panels == 2:
        gather_tile_2(columns, entries, start, count, matrix, m0, m_panel, row, r0, r_panel, goes_on)
    else:
        gather_tile_1(columns, entries, start, count, matrix, m0, m_panel, row, r0, r_panel, goes_on)


@inlined
def _scatter(
    panels: int, columns: Any, entries: Any, start: int, count: int, matrix: Any, m0: int, m_panel: int, row: Any,
    r0: int, r_panel: int,
) -> None:  # fmt: skip
    """Add a row to the rows that some entries pick."""
    if panels == 4:
        scatter_tile_4(columns, entries, start, count, matrix, m0, m_panel, row, r0, r_panel, True)
    elif panels == 3:
        scatter_tile_3(columns, entries, start, count, matrix, m0, m_panel, row, r0, r_panel, True)
    elif panels == 2:
        scatter_tile_2(columns, entries, start, count, matrix, m0, m_panel, row, r0, r_panel, True)
    else:
        scatter_tile_1(columns, entries, start, count, matrix, m0, m_panel, row, r0, r_panel, True)


@inlined
def _prefetch_run(columns: Any, entries: Any, begin: int, end: int) -> None:
    """Ask for the cache lines of a run."""
    for line in range(begin * COLUMN_BYTES, end * COLUMN_BYTES, CHUNK_BYTES):
        prefetch(columns, line)
    for line in range(begin * entries.itemsize, end * entries.itemsize, CHUNK_BYTES):
        prefetch(entries, line)


@inlined
def _prefetch_ahead(lists: Any, order: Any, ahead: Ahead) -> Ahead:
    """Ask for a cache line of columns, and the values that go with it, of the samples that are gathered next."""
    row, line, last = ahead
    if row >= last:
        return ahead
    chunk, sample = CHUNK_BYTES // COLUMN_BYTES, order[row]
    begin, end = lists.starts[sample * lists.n_blocks] + line, lists.starts[(sample + 1) * lists.n_blocks]
    _prefetch_run(lists.columns, lists.values, begin, min(begin + chunk, end))
    line += chunk
    if begin + chunk >= end:
        row, line = row + 1, 0
    return Ahead(row, line, last)


@inlined
def _count_groups(panels: int) -> int:
    """Count the groups of panels that a tile takes at once."""
    return (panels + MOST_PANELS - 1) // MOST_PANELS


@part
def find_lists(s: Any, start: int, first: int, last: int) -> int:
    """Note where the runs of rows [first, last) of the block at `start` begin and end: they are read where they are."""
    runs, starts, order, n_blocks = s.memory.runs, s.samples.lists.starts, s.samples.order, s.samples.lists.n_blocks
    labels = s.samples.labels
    for r in range(first, last):
        sample = order[start + r]
        for block in range(n_blocks + 1):
            runs[r * (n_blocks + 1) + block] = starts[sample * n_blocks + block]
        prefetch(labels, sample * labels.itemsize)
    return 0


@part
def multiply(s: Any, _layer: int, first: int, last: int, first_panel: int, last_panel: int, _back: int) -> int:
    """Write the first layer's sums, some panels of some rows; the biases are the last product of every chain."""
    lists, runs, values, packed = s.samples.lists, s.memory.runs, s.memory.values, s.weights.packed
    columns, entries, n_blocks = lists.columns, lists.values, lists.n_blocks
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    step, depth = s.run.capacity * width, s.layout.depth[0] * width
    n_groups, bias = _count_groups(last_panel - first_panel), columns.size - 1
    for group in range(n_groups):
        begin, end = share(last_panel - first_panel, group, n_groups)
        panel, panels = first_panel + begin, end - begin
        b0, c0 = s.layout.packed[0] + panel * depth, s.layout.values[1] * s.run.capacity + panel * step
        for block in range(n_blocks):
            for r in range(first, last):
                at, run = c0 + r * width, r * (n_blocks + 1) + block
                _gather(
                    panels, columns, entries, runs[run], runs[run + 1] - runs[run], packed, b0, depth, values, at, step,
                    block > 0,
                )  # fmt: skip
        for r in range(first, last):
            _gather(panels, columns, entries, bias, FIRST + 1, packed, b0, depth, values, c0 + r * width, step, True)
    return 0


@functools.cache
def make_update(code: int, penalised: int) -> Any:
    """Return the part that makes the gradient of a thread's own weights and updates them, or stores it.

    Threads take turns at blocks of columns and groups of panels; or share out the panels, if they did so forward.
    """

    @part
    def update(s: Any, thread: int, n_threads: int, following: int, n_rows: int, goes_on: int) -> int:
        ahead = rows_ahead(s, following, thread, n_threads)
        first_panel, last_panel = FIRST, panels_of(s.layout.n_out[0], s.weights.packed.itemsize)
        item, turn = thread, n_threads
        if s.run.by_columns[0] != 0:
            first_panel, last_panel = share(last_panel, thread, n_threads)
            item, turn = FIRST, FIRST + 1
        n_groups = _count_groups(last_panel - first_panel)
        while item < n_groups * s.samples.lists.n_blocks:
            block, group = item // n_groups, item % n_groups
            begin, end = share(last_panel - first_panel, group, n_groups)
            ahead = _update_block(
                code, penalised, s, thread, block, first_panel + begin, end - begin, n_rows, goes_on != 0, ahead
            )
            item += turn
        return 0

    return update


@inlined
def _start(goes_on: bool, stored: Any, gradient: Any) -> None:
    """Let a gradient go on from what is stored, or start at zero."""
    zero = gradient.dtype.type(0)
    for i in range(gradient.size):
        gradient[i] = stored[i] if goes_on else zero


@inlined
def _update_block(
    code: int, penalised: int, s: Any, thread: int, block: int, panel: int, panels: int, n_rows: int, goes_on: bool,
    ahead: Ahead,
) -> Ahead:  # fmt: skip
    """Gradient and update of the weights of a block of columns, in some panels."""
    weights, n_in, n_blocks = s.weights, s.layout.n_in[0], s.samples.lists.n_blocks
    lanes = VECTOR_BYTES // weights.packed.itemsize
    width, depth = TILE_VECTORS * lanes, s.layout.depth[0] * (TILE_VECTORS * lanes)
    first, last = share(n_in, block, n_blocks)
    rows = last - first + int(block == n_blocks - 1)  # with that of the biases
    start = s.layout.packed[0] + panel * depth + first * width
    target, t0, t_panel = weights.gradient, start, depth
    if code != NONE:
        target, t0, t_panel = s.memory.block_gradients[thread], FIRST, rows * width
    for i in range(panels):
        if not goes_on or code != NONE:
            stored = weights.gradient[start + i * depth : start + i * depth + rows * width]
            _start(goes_on, stored, target[t0 + i * t_panel : t0 + i * t_panel + rows * width])
    ahead = _add_gradients(s, block, panel, panels, n_rows, target, t0 - first * width, t_panel, ahead)
    if code != NONE:
        for i in range(panels):
            update_run(
                code, penalised, (last - first) * TILE_VECTORS, s.memory.coefficients[thread], weights.packed,
                weights.slot0, weights.slot1, start + i * depth, target, t0 + i * t_panel, rows * TILE_VECTORS, lanes,
            )  # fmt: skip
    return ahead


@inlined
def _add_gradients(
    s: Any, block: int, panel: int, panels: int, n_rows: int, target: Any, t0: int, t_panel: int, ahead: Ahead
) -> Ahead:
    """Add what all rows give to the gradient of a block of columns; column 0 would lie at t0."""
    lists, runs, gradients = s.samples.lists, s.memory.runs, s.memory.gradients
    columns, entries, n_blocks = lists.columns, lists.values, lists.n_blocks
    width = TILE_VECTORS * VECTOR_BYTES // gradients.itemsize
    step = s.run.capacity * width
    d0 = s.layout.values[1] * s.run.capacity + panel * step
    for r in range(n_rows):
        soon, run = min(r + ROWS_AHEAD, n_rows - 1) * (n_blocks + 1) + block, r * (n_blocks + 1) + block
        _prefetch_run(columns, entries, runs[soon], runs[soon + 1])
        ahead = _prefetch_ahead(lists, s.samples.order, ahead)
        _scatter(
            panels, columns, entries, runs[run], runs[run + 1] - runs[run], target, t0, t_panel, gradients,
            d0 + r * width, step,
        )  # fmt: skip
    if block == n_blocks - 1:
        for r in range(n_rows):
            _scatter(
                panels, columns, entries, columns.size - 1, FIRST + 1, target, t0, t_panel, gradients, d0 + r * width,
                step,
            )  # fmt: skip
    return ahead
