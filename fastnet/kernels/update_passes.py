"""The part of a step in which a thread makes the gradient of its own weights and updates them.

Meanwhile the rows that it will gather next are brought nearer, some cache lines between two tiles.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from fastnet._jit import inlined, part
from fastnet.kernels.claims import share
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, panels_of, tall_rows_of, wide_rows
from fastnet.kernels.layout import Layout, transpose_weights
from fastnet.kernels.moves import prefetch
from fastnet.kernels.simd import (
    TILE_ROWS,
    TILE_VECTORS,
    WIDE_ROWS,
    weight_tile_tall,
    weight_tile_wide,
    weight_tile_widest,
)
from fastnet.kernels.updates import NONE
from fastnet.kernels.vector_updates import Update

CACHE_LINE = 64

MAX_LINES_PER_TILE = 6
"""Cache lines asked for between two tiles: more of them at once keep a tile's own loads waiting."""


class Ahead(NamedTuple):
    """How far the rows that are gathered next were brought nearer: rows of the order, and bytes of a row."""

    row: int
    line: int  # in bytes
    last: int  # row, exclusive


@inlined
def rows_ahead(s: Any, following: int, thread: int, n_threads: int) -> Ahead:
    """Rows that a thread will gather for the next block, which begins at `following`."""
    n_rows = min(s.run.block, max(s.samples.order.size - following, 0))
    first, last, _ = rows_of(n_rows, thread, n_threads)
    return Ahead(following + first, FIRST, following + last)


@inlined
def rows_of(n_rows: int, thread: int, n_threads: int) -> tuple[int, int, int]:
    """Rows of a block that a thread works on: first, last, and last rounded up to whole tiles."""
    first, last = share((n_rows + TILE_ROWS - 1) // TILE_ROWS, thread, n_threads)
    return first * TILE_ROWS, min(last * TILE_ROWS, n_rows), last * TILE_ROWS


@inlined
def _lines_per_tile(s: Any, ahead: Ahead, n_threads: int) -> int:
    """Spread the rows ahead over a thread's tiles of the first layer."""
    tiles = s.layout.depth[0] // TILE_ROWS * panels_of(s.layout.n_out[0], s.memory.values.itemsize) // n_threads
    lines = (s.layout.n_in[0] * s.samples.itemsize + CACHE_LINE - 1) // CACHE_LINE
    return min(MAX_LINES_PER_TILE, (ahead.last - ahead.row) * lines // max(tiles, 1) + 1)  # type: ignore[no-any-return]


@inlined
def _prefetch_lines(samples: Any, n_in: int, count: int, ahead: Ahead) -> Ahead:
    """Ask for some cache lines more of the samples ahead; return how far that came."""
    row, line, last = ahead
    row_bytes = n_in * samples.itemsize
    for _ in range(count):
        if row >= last:
            break
        prefetch(samples.bytes, samples.order[row] * row_bytes + line)
        line += CACHE_LINE
        if line >= row_bytes:
            row, line = row + 1, 0
    return Ahead(row, line, last)


class Share(NamedTuple):
    """A thread's share of a layer's matrix of weights: rows [first, last) of panels [first_panel, last_panel)."""

    first: int
    last: int
    first_panel: int
    last_panel: int


@inlined
def own_share(layout: Layout, layer: int, by_columns: bool, thread: int, n_threads: int, itemsize: int) -> Share:
    """Weights of a layer that a thread updates.

    Those columns of W that the thread has used forward, or a slab of rows, of whole tiles of any kind, where all use
    all of W, so that it reads but a slab of the inputs.
    """
    rows, n_panels, depth = (
        TILE_VECTORS * VECTOR_BYTES // itemsize,
        panels_of(layout.n_out[layer], itemsize),
        layout.depth[layer],
    )
    slabs = (depth + rows - 1) // rows
    first, last, first_panel, last_panel = FIRST, slabs, FIRST, n_panels
    if by_columns or slabs < n_threads:
        first_panel, last_panel = share(n_panels, thread, n_threads)
    else:
        first, last = share(slabs, thread, n_threads)
    return Share(first * rows, min(last * rows, depth), first_panel, last_panel)


class Tile(NamedTuple):
    """Weights whose gradients are one tile."""

    panel: int
    row: int
    start: int  # in the panels of weights
    rows: int
    is_wide: bool


@inlined
def _tile_at(layout: Layout, layer: int, panel: int, row: int, itemsize: int) -> Tile:
    """Return the tile that starts at a row of a panel: wide, or tall if one vector holds the panel's columns."""
    lanes = VECTOR_BYTES // itemsize
    width = TILE_VECTORS * lanes
    start = layout.packed[layer] + (panel * layout.depth[layer] + row) * width
    if layout.n_out[layer] - panel * width <= lanes:
        return Tile(panel, row, start, FIRST + tall_rows_of(width), False)
    left = min(width - row % width, (layout.n_in[layer] + TILE_ROWS - row) // TILE_ROWS * TILE_ROWS)
    return Tile(panel, row, start, wide_rows(left), True)


@inlined
def _refresh_transposed(layout: Layout, layer: int, tile: Tile, weights: Any) -> None:
    if layer > 0:
        first, end = tile.row // TILE_ROWS * TILE_ROWS, tile.row + tile.rows
        if end > layout.n_in[layer]:
            end += TILE_ROWS - 1
        for row in range(first, end // TILE_ROWS * TILE_ROWS, TILE_ROWS):
            transpose_weights(layout, layer, row, tile.panel, weights.packed, weights.transposed)


@functools.cache
def make_update(code: int, penalised: int) -> Any:
    """Return the part that makes gradients and updates with an optimizer, or stores them if its code is NONE.

    `penalised` tells whether weights have a penalty, whose gradient is added on the way.
    """

    @part
    def update(s: Any, thread: int, n_threads: int, first_layer: int, following: int, n_rows: int, goes_on: int) -> int:
        ahead = Ahead(FIRST, FIRST, FIRST)
        if first_layer == 0:
            ahead = rows_ahead(s, following, thread, n_threads)
        at_once = _lines_per_tile(s, ahead, n_threads)
        for layer in range(first_layer, s.layout.n_in.size):
            ahead = _update_layer(code, penalised, s, layer, thread, n_threads, n_rows, goes_on != 0, at_once, ahead)
        return 0

    return update


@inlined
def _update_layer(
    code: int, penalised: int, s: Any, layer: int, thread: int, n_threads: int, n_rows: int, goes_on: bool,
    at_once: int, ahead: Ahead,
) -> Ahead:  # fmt: skip
    """Gradient and update of a thread's tiles of a layer's weights, and W transposed after each."""
    layout, weights, values, gradients = s.layout, s.weights, s.memory.values, s.memory.gradients
    capacity, coefficients = s.run.capacity, s.memory.coefficients[thread]
    width, n_in = TILE_VECTORS * VECTOR_BYTES // values.itemsize, layout.n_in[layer]
    v0, v1 = layout.values[layer] * capacity, layout.values[layer + 1] * capacity
    own = own_share(layout, layer, s.run.by_columns[layer] != 0, thread, n_threads, values.itemsize)
    for panel in range(own.first_panel, own.last_panel):
        b0, row = v1 + panel * capacity * width, own.first
        while row < min(own.last, n_in + 1):
            ahead = _prefetch_lines(s.samples, layout.n_in[0], at_once, ahead)
            tile = _tile_at(layout, layer, panel, row, values.itemsize)
            a0 = v0 + (row // width) * capacity * width + row % width
            update = Update(coefficients, weights.packed, weights.slot0, weights.slot1, tile.start)
            make_tile(
                code, penalised, tile, values, a0, gradients, b0, n_rows, goes_on, weights.gradient, update, n_in - row
            )
            if code != NONE:
                _refresh_transposed(layout, layer, tile, weights)
            row += tile.rows
    return ahead


@inlined
def make_tile(
    code: int, penalised: int, tile: Tile, values: Any, a0: int, gradients: Any, b0: int, n_rows: int, goes_on: bool,
    gradient: Any, update: Update, n_penalised: int,
) -> None:  # fmt: skip
    """Choose the tile by its size."""
    if not tile.is_wide:
        weight_tile_tall(code, penalised, values, a0, gradients, b0, n_rows, goes_on, gradient, update, n_penalised)
    elif tile.rows == TILE_ROWS:
        weight_tile_wide(code, penalised, values, a0, gradients, b0, n_rows, goes_on, gradient, update, n_penalised)
    elif WIDE_ROWS != TILE_ROWS:
        weight_tile_widest(code, penalised, values, a0, gradients, b0, n_rows, goes_on, gradient, update, n_penalised)
