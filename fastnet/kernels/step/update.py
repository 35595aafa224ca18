"""The stage of a step in which a thread makes the gradient of its own weights and updates them.

Meanwhile the rows that it will gather next are prefetched, some cache lines between two tiles.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.codegen.optimizer_formulas import GROUPED, N_COEFFICIENTS, NONE
from fastnet.kernels.codegen.optimizer_vectors import Update
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.layout import Layout, transpose_weights
from fastnet.kernels.tile.micro_panels import (
    TILE_ROWS,
    TILE_VECTORS,
    WIDE_ROWS,
    weight_rows,
    weight_tile_half,
    weight_tile_tall,
    weight_tile_wide,
    weight_tile_widest,
)
from fastnet.kernels.tile.moves import prefetch
from fastnet.kernels.tile.operands import Panels
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES, panels_of
from fastnet.kernels.tile.panel_products import is_half_filled, tall_rows_of, wide_rows

CACHE_LINE = 64

MAX_LINES_PER_TILE = 6
"""Cache lines asked for between two tiles: more of them at once keep a tile's own loads waiting."""


class Prefetched(NamedTuple):
    """How far the rows that are gathered next were prefetched: rows of the order, and bytes of a row."""

    row: int
    line: int  # in bytes
    last: int  # row, exclusive


@inlined
def rows_to_prefetch(s: Any, following: int, thread: int, n_threads: int) -> Prefetched:
    """Rows that a thread will gather for the next block, which begins at `following`."""
    n_rows = min(s.run.block, max(s.samples.order.size - following, 0))
    first, last, _ = rows_of(n_rows, thread, n_threads)
    return Prefetched(following + first, FIRST, following + last)


@inlined
def rows_of(n_rows: int, thread: int, n_threads: int) -> tuple[int, int, int]:
    """Rows of a block that a thread works on: first, last, and last rounded up to whole tiles."""
    first, last = partition((n_rows + TILE_ROWS - 1) // TILE_ROWS, thread, n_threads)
    return first * TILE_ROWS, min(last * TILE_ROWS, n_rows), last * TILE_ROWS


@inlined
def lines_per_tile(s: Any, prefetched: Prefetched, n_threads: int) -> int:
    """Spread the rows to prefetch over a thread's tiles of the first layer."""
    tiles = s.layout.depth[0] // TILE_ROWS * panels_of(s.layout.n_out[0], s.memory.values.itemsize) // n_threads
    lines = (s.layout.n_in[0] * s.samples.itemsize + CACHE_LINE - 1) // CACHE_LINE
    return min(MAX_LINES_PER_TILE, (prefetched.last - prefetched.row) * lines // max(tiles, 1) + 1)  # type: ignore[no-any-return]


@inlined
def _prefetch_lines(samples: Any, n_in: int, count: int, prefetched: Prefetched) -> Prefetched:
    """Prefetch some cache lines more of the samples that are gathered next; return how far that came."""
    row, line, last = prefetched
    row_bytes = n_in * samples.itemsize
    for _ in range(count):
        if row >= last:
            break
        prefetch(samples.bytes, samples.order[row] * row_bytes + line)
        line += CACHE_LINE
        if line >= row_bytes:
            row, line = row + 1, 0
    return Prefetched(row, line, last)


class Partition(NamedTuple):
    """A thread's partition of a layer's weights: rows [first, last) of micro-panels [first_panel, last_panel)."""

    first: int
    last: int
    first_panel: int
    last_panel: int


@inlined
def own_partition(
    layout: Layout, layer: int, output_parallel: bool, thread: int, n_threads: int, itemsize: int
) -> Partition:
    """Weights of a layer that a thread updates.

    Those columns of W that the thread has used forward, or a slab of rows, of whole tiles of any kind, where all use
    all of W, so that it reads but a slab of the inputs.
    """
    rows, n_panels = TILE_VECTORS * VECTOR_BYTES // itemsize, panels_of(layout.n_out[layer], itemsize)
    depth = layout.depth[layer]
    slabs = (depth + rows - 1) // rows
    first, last, first_panel, last_panel = FIRST, slabs, FIRST, n_panels
    if output_parallel or slabs < n_threads:
        first_panel, last_panel = partition(n_panels, thread, n_threads)
    else:
        first, last = partition(slabs, thread, n_threads)
    return Partition(first * rows, min(last * rows, depth), first_panel, last_panel)


class Tile(NamedTuple):
    """Weights whose gradients are one tile."""

    panel: int
    row: int
    start: int  # in the micro-panels of weights
    rows: int
    is_wide: bool
    is_half: bool


@inlined
def _tile_at(layout: Layout, layer: int, panel: int, row: int, itemsize: int) -> Tile:
    """Return the tile that starts at a row of a micro-panel: wide, or tall if one vector holds its columns."""
    lanes = VECTOR_BYTES // itemsize
    width = TILE_VECTORS * lanes
    start = layout.packed[layer] + (panel * layout.depth[layer] + row) * width
    n_columns = layout.n_out[layer] - panel * width
    if n_columns <= lanes:
        return Tile(panel, row, start, FIRST + tall_rows_of(width), False, is_half_filled(n_columns, itemsize))
    remaining = min(width - row % width, (layout.n_in[layer] + TILE_ROWS - row) // TILE_ROWS * TILE_ROWS)
    return Tile(panel, row, start, wide_rows(remaining), True, False)


@inlined
def _refresh_transposed(layout: Layout, layer: int, tile: Tile, weights: Any) -> None:
    """Write the rows of W transposed that are done with a tile, in groups that tiles need not begin or end with."""
    if layer > 0:
        first, end = tile.row // TILE_ROWS * TILE_ROWS, tile.row + tile.rows
        if end > layout.n_in[layer]:
            end += TILE_ROWS - 1
        for row in range(first, end // TILE_ROWS * TILE_ROWS, TILE_ROWS):
            transpose_weights(layout, layer, row, tile.panel, weights.packed, weights.transposed)


@functools.cache
def make_update(code: int, options: int) -> Any:
    """Return the stage that makes gradients and updates with an optimizer, or stores them if its code is NONE.

    The options are those of `fastnet.kernels.codegen.optimizer_formulas`; a penalty's gradient is added on the way.
    """

    @stage
    def update(
        s: Any, thread: int, n_threads: int, first_layer: int, following: int, n_rows: int, accumulate: int
    ) -> int:
        prefetched = Prefetched(FIRST, FIRST, FIRST)
        if first_layer == 0:
            prefetched = rows_to_prefetch(s, following, thread, n_threads)
        at_once = lines_per_tile(s, prefetched, n_threads)
        for layer in range(first_layer, s.layout.n_in.size):
            if code != NONE and n_rows == 1 and accumulate == 0:
                _update_rows(code, options, s, layer, thread, n_threads)
                continue
            prefetched = update_layer(
                code, options, s, layer, thread, n_threads, n_rows, accumulate != 0, at_once, prefetched
            )
        return 0

    return update


@inlined
def coefficients_at(options: int, layer: int) -> int:
    """Return where the coefficients of a layer's weights lie; where there are groups, those of its biases follow."""
    return 2 * N_COEFFICIENTS * layer if options & GROUPED != 0 else 0


@inlined
def update_layer(
    code: int, options: int, s: Any, layer: int, thread: int, n_threads: int, n_rows: int, accumulate: bool,
    at_once: int, prefetched: Prefetched,
) -> Prefetched:  # fmt: skip
    """Gradient and update of a thread's tiles of a layer's weights, and W transposed after each."""
    layout, weights, values, gradients = s.layout, s.weights, s.memory.values, s.memory.gradients
    capacity, coefficients = s.run.capacity, s.memory.coefficients[thread, coefficients_at(options, layer) :]
    width, n_in = TILE_VECTORS * VECTOR_BYTES // values.itemsize, layout.n_in[layer]
    v0, v1 = layout.values[layer] * capacity, layout.values[layer + 1] * capacity
    own = own_partition(layout, layer, s.run.output_parallel[layer] != 0, thread, n_threads, values.itemsize)
    for panel in range(own.first_panel, own.last_panel):
        b0, row = v1 + panel * capacity * width, own.first
        while row < min(own.last, n_in + 1):
            prefetched = _prefetch_lines(s.samples, layout.n_in[0], at_once, prefetched)
            tile = _tile_at(layout, layer, panel, row, values.itemsize)
            a = Panels(values, v0 + (row // width) * capacity * width + row % width, width)
            update = Update(coefficients, weights.packed, weights.m, weights.v, tile.start)
            gradient = Panels(weights.gradient, tile.start, width)
            _make_tile(
                tile, a, Panels(gradients, b0, width), n_rows, gradient, accumulate, code, options, update, n_in - row
            )
            if code != NONE:
                _refresh_transposed(layout, layer, tile, weights)
            row += tile.rows
    return prefetched


@inlined
def _update_rows(code: int, options: int, s: Any, layer: int, thread: int, n_threads: int) -> None:
    """Update a thread's weights of a layer after a single sample, and W transposed with them."""
    layout, weights, values, n_in = s.layout, s.weights, s.memory.values, s.layout.n_in[layer]
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    v0, v1 = layout.values[layer] * s.run.capacity, layout.values[layer + 1] * s.run.capacity
    own = own_partition(layout, layer, s.run.output_parallel[layer] != 0, thread, n_threads, values.itemsize)
    coefficients = s.memory.coefficients[thread, coefficients_at(options, layer) :]
    for panel in range(own.first_panel, own.last_panel):
        start = layout.packed[layer] + panel * layout.depth[layer] * width
        for row in range(own.first, min(own.last, n_in + 1), width):
            a = Panels(values, v0 + row * s.run.capacity, width)
            b = Panels(s.memory.gradients, v1 + panel * s.run.capacity * width, width)
            update = Update(coefficients, weights.packed, weights.m, weights.v, start + row * width)
            rows = min(width, n_in + 1 - row)
            weight_rows(a, b, rows, code, options, update, n_in - row)
            _refresh_transposed(layout, layer, Tile(panel, row, update.start, rows, True, False), weights)


@inlined
def _make_tile(
    tile: Tile, a: Any, b: Any, n_rows: int, gradient: Any, accumulate: bool, code: int, options: int,
    update: Update, n_weights: int,
) -> None:  # fmt: skip
    """Choose the code of a tile by its size."""
    if tile.is_half:
        weight_tile_half(a, b, n_rows, gradient, accumulate, code, options, update, n_weights)
    elif not tile.is_wide:
        weight_tile_tall(a, b, n_rows, gradient, accumulate, code, options, update, n_weights)
    elif tile.rows == TILE_ROWS:
        weight_tile_wide(a, b, n_rows, gradient, accumulate, code, options, update, n_weights)
    elif WIDE_ROWS != TILE_ROWS:
        weight_tile_widest(a, b, n_rows, gradient, accumulate, code, options, update, n_weights)
