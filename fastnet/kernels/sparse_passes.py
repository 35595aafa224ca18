"""The parts of a training step of a first layer whose inputs are in lists (`fastnet.kernels.sparse`).

Forward, a thread goes through the lists of its rows. For the gradient it needs them the other way round: for each of
its own columns, the rows of the batch that have an entry there. It sorts them by column first.
"""

from __future__ import annotations

import functools
from typing import Any

from fastnet._jit import inlined, part
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, share
from fastnet.kernels.simd import TILE_VECTORS
from fastnet.kernels.sparse import MOST_PANELS, run_in
from fastnet.kernels.sparse_tiles import list_tile_1, list_tile_2, list_tile_3
from fastnet.kernels.update_passes import own_share
from fastnet.kernels.updates import NONE
from fastnet.kernels.vector_updates import update_run

ROWS_AT_ONCE = 8
"""Rows of weights that are updated together, after the gradient of the last one."""


@inlined
def _tile(
    panels: int, columns: Any, values: Any, start: int, count: int, b: Any, b0: int, b_panel: int, stored: Any, s0: int,
    s_panel: int, goes_on: bool, target: Any, t0: int, t_panel: int,
) -> None:  # fmt: skip
    """Call the tile of so many panels."""
    if panels == 3:
        list_tile_3(
            columns, values, start, count, b, b0, b_panel, stored, s0, s_panel, goes_on, target, t0, t_panel
        )  # fmt: skip
    elif panels == 2:
        list_tile_2(
            columns, values, start, count, b, b0, b_panel, stored, s0, s_panel, goes_on, target, t0, t_panel
        )  # fmt: skip
    else:
        list_tile_1(
            columns, values, start, count, b, b0, b_panel, stored, s0, s_panel, goes_on, target, t0, t_panel
        )  # fmt: skip


@inlined
def _group(group: int, n_groups: int, first_panel: int, last_panel: int) -> tuple[int, int]:
    """First panel of a group, and how many panels it has."""
    begin, end = share(last_panel - first_panel, group, n_groups)
    return first_panel + begin, end - begin


@inlined
def _count_groups(first_panel: int, last_panel: int) -> int:
    return (last_panel - first_panel + MOST_PANELS - 1) // MOST_PANELS


@part
def find_lists(s: Any, start: int, first: int, last: int) -> int:
    """Note which samples rows [first, last) of the block at `start` are; they are read where they are."""
    for r in range(first, last):
        s.memory.places[0, r] = s.samples.order[start + r]
    return 0


@part
def multiply(s: Any, _layer: int, first: int, last: int, first_panel: int, last_panel: int, _back: int) -> int:
    """Write the first layer's sums, some panels of some rows."""
    lists, places, values, packed = s.samples.lists, s.memory.places[0], s.memory.values, s.weights.packed
    columns, entries, starts, n_blocks = lists.columns, lists.values, lists.starts, lists.n_blocks
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    n_in, step, depth = s.layout.n_in[0], s.run.capacity * width, s.layout.depth[0] * width
    n_groups = _count_groups(first_panel, last_panel)
    for group in range(n_groups):
        panel, count = _group(group, n_groups, first_panel, last_panel)
        b0, c0 = s.layout.packed[0] + panel * depth, s.layout.values[1] * s.run.capacity + panel * step
        for block in range(n_blocks):
            for r in range(first, last):
                begin, end = starts[places[r] * n_blocks + block], starts[places[r] * n_blocks + block + 1]
                at = c0 + r * width
                if end > begin or block == 0:
                    _tile(
                        count, columns, entries, begin, end - begin, packed, b0, depth, values, at, step,
                        block > 0, values, at, step,
                    )  # fmt: skip
        for i in range(count):
            bias = packed[b0 + i * depth + n_in * width : b0 + i * depth + (n_in + 1) * width]
            _add_bias(bias, s.run.ones, first, last, values[c0 + i * step : c0 + (i + 1) * step])
    return 0


@inlined
def _add_bias(bias: Any, ones: float, first: int, last: int, panel: Any) -> None:
    """Add the biases, times one or zero, to some rows of a panel: the last product of every chain."""
    one = panel.dtype.type(ones)
    for r in range(first, last):
        row = panel[r * bias.size : (r + 1) * bias.size]
        for j in range(bias.size):
            row[j] += one * bias[j]


@inlined
def _find_runs(s: Any, first: int, last: int, n_rows: int, begins: Any, ends: Any) -> None:
    """Note where the entries of columns [first, last) begin and end in the lists of a block's rows."""
    lists, places, n_in = s.samples.lists, s.memory.places[0], s.layout.n_in[0]
    first_block = last_block = FIRST
    for block in range(lists.n_blocks):
        begin, _ = share(n_in, block, lists.n_blocks)
        first_block = block if begin <= first else first_block
        last_block = block if begin < last else last_block
    for r in range(n_rows):
        begin, stop = run_in(lists, places[r], first_block)
        while begin < stop and lists.columns[begin] < first:
            begin += 1
        end, stop = run_in(lists, places[r], last_block)
        end = max(begin, end)
        while end < stop and lists.columns[end] < last:
            end += 1
        begins[r], ends[r] = begin, end


@inlined
def _sort_by_column(s: Any, thread: int, first: int, last: int, n_rows: int) -> None:
    """Write for columns [first, last) the rows of the block that have an entry there, ascending, and the entries.

    The rows of column k end where `list_ends[k - first + 1]` says, and begin where those of the column before end.
    Column n_in is that of the biases, which has an entry of one, or of zero, in every row.
    """
    memory, lists, n_in = s.memory, s.samples.lists, s.layout.n_in[0]
    ends, rows, values = memory.list_ends[thread], memory.list_rows[thread], memory.list_values[thread]
    capacity = s.run.capacity
    run_begins, run_ends = memory.places[thread, capacity : 2 * capacity], memory.places[thread, 2 * capacity :]
    _find_runs(s, first, last, n_rows, run_begins, run_ends)
    for i in range(last - first + 2):
        ends[i] = 0
    for r in range(n_rows):
        for j in range(run_begins[r], run_ends[r]):
            ends[lists.columns[j] - first + 2] += 1
    for i in range(2, last - first + 2):
        ends[i] += ends[i - 1]
    for r in range(n_rows):
        for j in range(run_begins[r], run_ends[r]):
            column = lists.columns[j] - first + 1
            at = ends[column]
            rows[at], values[at] = r, lists.values[j]
            ends[column] = at + 1
    if first <= n_in < last:
        at, one = ends[n_in - first], values.dtype.type(s.run.ones)
        for r in range(n_rows):
            rows[at + r], values[at + r] = r, one
        ends[n_in - first + 1] = at + n_rows


@functools.cache
def make_update(code: int, penalised: int) -> Any:
    """Return the part that makes the gradient of a thread's own weights and updates them, or stores it."""

    @part
    def update(s: Any, thread: int, n_threads: int, n_rows: int, goes_on: int) -> int:
        own = own_share(s.layout, FIRST, s.run.by_columns[0] != 0, thread, n_threads, s.weights.packed.itemsize)
        last = min(own.last, s.layout.n_in[0] + 1)
        _sort_by_column(s, thread, own.first, last, n_rows)
        n_groups = _count_groups(own.first_panel, own.last_panel)
        for group in range(n_groups):
            panel, count = _group(group, n_groups, own.first_panel, own.last_panel)
            for row in range(own.first, last, ROWS_AT_ONCE):
                rows = min(ROWS_AT_ONCE, last - row)
                _update_rows(code, penalised, s, thread, own.first, row, rows, panel, count, n_rows, goes_on != 0)
        return 0

    return update


@inlined
def _update_rows(
    code: int, penalised: int, s: Any, thread: int, first: int, row: int, rows: int, panel: int, panels: int,
    n_rows: int, goes_on: bool,
) -> None:  # fmt: skip
    """Gradient and update of some rows of some panels of weights; the thread's first row is `first`."""
    memory, weights, n_in = s.memory, s.weights, s.layout.n_in[0]
    ends, scratch, lanes = memory.list_ends[thread], memory.scratch[thread], VECTOR_BYTES // weights.packed.itemsize
    width = TILE_VECTORS * lanes
    step, depth = s.run.capacity * width, s.layout.depth[0] * width
    start, b0 = s.layout.packed[0] + panel * depth + row * width, s.layout.values[1] * s.run.capacity + panel * step
    target, t0, t_panel = (
        (weights.gradient, start, depth) if code == NONE else (scratch, FIRST, FIRST + ROWS_AT_ONCE * width)
    )
    for i in range(rows):
        begin, end = ends[row - first + i], ends[row - first + i + 1]
        _tile(
            panels, memory.list_rows[thread], memory.list_values[thread], begin, end - begin, memory.gradients, b0, step,
            weights.gradient, start + i * width, depth, goes_on, target, t0 + i * width, t_panel,
        )  # fmt: skip
    if code != NONE:
        penalised_vectors = min(rows, n_in - row) * TILE_VECTORS
        for i in range(panels):
            update_run(
                code, penalised, penalised_vectors, memory.coefficients[thread], weights.packed, weights.slot0,
                weights.slot1, start + i * depth, scratch, t0 + i * t_panel, rows * TILE_VECTORS, lanes,
            )  # fmt: skip
