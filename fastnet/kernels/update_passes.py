"""The part of a step in which a thread makes the gradient of its own weights and updates them.

Meanwhile the rows that it will gather next are brought nearer, some cache lines between two tiles.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from fastnet._jit import inlined, part
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, panels_of, share
from fastnet.kernels.layout import Layout, transpose_weights
from fastnet.kernels.moves import prefetch
from fastnet.kernels.simd import (
    N_VECTORS,
    TILE_ROWS,
    TILE_VECTORS,
    update_run,
    weight_tile_narrow,
    weight_tile_wide,
)
from fastnet.kernels.updates import NONE

CACHE_LINE = 64

MAX_LINES_PER_TILE = 6
"""Cache lines asked for between two tiles: more of them at once keep a tile's own loads waiting."""


class Ahead(NamedTuple):
    """How far the rows that are gathered next were brought nearer: rows of the order, and bytes of a row."""

    row: int
    line: int  # in bytes
    last: int  # row, exclusive


@inlined
def _rows_ahead(s: Any, following: int, thread: int, n_threads: int) -> Ahead:
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
    lines = (s.layout.n_in[0] * s.samples.x.itemsize + CACHE_LINE - 1) // CACHE_LINE
    return min(MAX_LINES_PER_TILE, (ahead.last - ahead.row) * lines // max(tiles, 1) + 1)  # type: ignore[no-any-return]


@inlined
def _prefetch_lines(samples: Any, n_in: int, count: int, ahead: Ahead) -> Ahead:
    """Ask for some cache lines more of the samples ahead; return how far that came."""
    row, line, last = ahead
    row_bytes = n_in * samples.x.itemsize
    for _ in range(count):
        if row >= last:
            break
        prefetch(samples.x, samples.order[row] * row_bytes + line)
        line += CACHE_LINE
        if line >= row_bytes:
            row, line = row + 1, 0
    return Ahead(row, line, last)


class Share(NamedTuple):
    """A thread's share of a layer's tiles of weights: tiles [first, last) of panels [first_panel, last_panel)."""

    first: int
    last: int
    first_panel: int
    last_panel: int


@inlined
def own_tiles(layout: Layout, layer: int, by_columns: bool, thread: int, n_threads: int, itemsize: int) -> Share:
    """Tiles of a layer's weights that a thread updates.

    Those columns of W that the thread has used forward, or a slab of rows where all use all of W, so that it reads
    but a slab of the inputs.
    """
    tiles, n_panels = layout.depth[layer] // TILE_ROWS, panels_of(layout.n_out[layer], itemsize)
    first, last, first_panel, last_panel = FIRST, tiles, FIRST, n_panels
    if by_columns or tiles < n_threads:
        first_panel, last_panel = share(n_panels, thread, n_threads)
    else:
        first, last = share(tiles, thread, n_threads)
    return Share(first, last, first_panel, last_panel)


@inlined
def penalised_vectors(n_in: int, tile: int) -> int:
    """Count the vectors of a tile of weights that the penalty is for: not those of the bias, which is row n_in."""
    return min(TILE_ROWS, max(n_in - tile * TILE_ROWS, 0)) * TILE_VECTORS


@functools.cache
def make_update(code: int, penalised: int) -> Any:
    """Return the part that makes gradients and updates with an optimizer, or stores them if its code is NONE.

    `penalised` tells whether weights have a penalty, whose gradient is added on the way.
    """

    @part
    def update(s: Any, thread: int, n_threads: int, first_layer: int, following: int, n_rows: int, goes_on: int) -> int:
        ahead = Ahead(FIRST, FIRST, FIRST)
        if first_layer == 0:
            ahead = _rows_ahead(s, following, thread, n_threads)
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
    """Gradient and update of a thread's tiles of a layer's weights.

    A tile is updated while the gradient of the next one is computed, and W transposed is refreshed after that.
    """
    layout, weights, values, gradients = s.layout, s.weights, s.memory.values, s.memory.gradients
    capacity, scratch, coefficients = s.run.capacity, s.memory.scratch[thread], s.memory.coefficients[thread]
    lanes = VECTOR_BYTES // values.itemsize
    width = TILE_VECTORS * lanes
    depth, n_in, n_out, size = layout.depth[layer], layout.n_in[layer], layout.n_out[layer], TILE_ROWS * width
    v0, v1 = layout.values[layer] * capacity, layout.values[layer + 1] * capacity
    own = own_tiles(layout, layer, s.run.by_columns[layer] != 0, thread, n_threads, values.itemsize)
    waiting, before, before_tile, before_panel, s0 = False, FIRST, FIRST, FIRST, FIRST
    for panel in range(own.first_panel, own.last_panel):
        start, b0 = layout.packed[layer] + panel * depth * width, v1 + panel * capacity * width
        for tile in range(own.first, own.last):
            ahead = _prefetch_lines(s.samples, layout.n_in[0], at_once, ahead)
            w0, row = start + tile * size, tile * TILE_ROWS
            a0 = v0 + (row // width) * capacity * width + row % width
            target, t0 = (weights.gradient, w0) if code == NONE else (scratch, s0)
            if n_out - panel * width > lanes:
                weight_tile_wide(
                    values, a0, gradients, b0, n_rows, goes_on, weights.gradient, w0, target, t0, waiting, code,
                    penalised, penalised_vectors(n_in, before_tile), coefficients, weights.packed, weights.slot0,
                    weights.slot1, before, scratch, size - s0,
                )  # fmt: skip
            else:
                weight_tile_narrow(
                    values, a0, gradients, b0, n_rows, goes_on, weights.gradient, w0, target, t0, waiting, code,
                    penalised, penalised_vectors(n_in, before_tile), coefficients, weights.packed, weights.slot0,
                    weights.slot1, before, scratch, size - s0,
                )  # fmt: skip
            if waiting and layer > 0:
                transpose_weights(layout, layer, before_tile, before_panel, weights.packed, weights.transposed)
            waiting, before, before_tile, before_panel, s0 = code != NONE, w0, tile, panel, size - s0
    if waiting:
        update_run(
            code, penalised, penalised_vectors(n_in, before_tile), coefficients, weights.packed, weights.slot0,
            weights.slot1, before, scratch, size - s0, N_VECTORS,
        )  # fmt: skip
        if layer > 0:
            transpose_weights(layout, layer, before_tile, before_panel, weights.packed, weights.transposed)
    return ahead
