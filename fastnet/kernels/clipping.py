"""Steps of a clipped gradient, whose update cannot be fused into the tiles: its norm needs the whole of it first.

Gradients of all blocks are stored. Between one meeting and the next, threads share out slabs of the gradient and sum
the squares of each; after that, every thread adds up these sums, and updates the weights that it owns in a fused step
too. Slabs, and the order within them, depend on the network alone: neither on the threads nor on the width of a
panel. Elements are limited on the way, once for the norm and once for the update, so that nobody writes to a
gradient that another thread owns.

What pads a panel may hold anything, and is left out of the norm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnet._jit import inlined
from fastnet.kernels.barrier import meet
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, share
from fastnet.kernels.layout import Layout, transpose_weights
from fastnet.kernels.narrow import biases, own_run
from fastnet.kernels.passes import Weights, own_tiles
from fastnet.kernels.simd import N_VECTORS, TILE_ROWS, TILE_VECTORS, update_run

CHAINS = 64
"""Sums that a slab's squares are added to, each in ascending order of rows, and of columns that are a multiple of this
apart. A multiple of the width of any panel, so that which numbers are added to which does not depend on it."""

SLAB_ROWS = 64
"""Rows of a layer's matrix that make a slab; a narrow first layer's slabs are the weights of an output."""

TILE: Any = np.int64(N_VECTORS)
"""Vectors of a tile; for calls of inlined functions, where a plain number would be a type of its own."""


class Clipping(NamedTuple):
    """Limits of a batch's gradient: infinite where one of the two is not given."""

    norm: float
    value: float  # of each element


def make_clipping(clip_norm: float | None, clip_value: float | None) -> Clipping | None:
    """Describe limits as `train_epoch` takes them; None without any, a type for which less is compiled."""
    if clip_norm is None and clip_value is None:
        return None
    norm, value = (math.inf if limit is None else float(limit) for limit in (clip_norm, clip_value))
    return Clipping(norm, value)


def squares_size(sizes: Sequence[int]) -> int:
    """Count the slabs of a network at most, its first layer narrow or not."""
    return sum(int(n_in) // SLAB_ROWS + 1 for n_in in sizes[:-1]) + int(sizes[1])


@inlined
def _limited(g: Any, limit: Any) -> Any:
    """Limit an element; a NaN stays a NaN."""
    return limit if g > limit else (-limit if g < -limit else g)


class Slab(NamedTuple):
    """Rows of a matrix in panels: where they start, their distance and count; panels' distance, width; columns."""

    start: int
    row: int
    n_rows: int
    panel: int
    width: int
    columns: int


@inlined
def _slab(layout: Layout, layer: int, i: int, itemsize: int) -> Slab:
    """Return a slab of a layer's gradient."""
    n_in, n_out, narrow = layout.n_in[layer], layout.n_out[layer], layout.narrow
    if layer == 0 and narrow.groups > 0:
        start, columns = (i * narrow.stride, n_in) if i < n_out else (biases(narrow), n_out)
        return Slab(start, CHAINS, FIRST + 1, CHAINS, CHAINS, columns)
    width = TILE_VECTORS * VECTOR_BYTES // itemsize
    start, n_rows = layout.packed[layer] + i * SLAB_ROWS * width, min(SLAB_ROWS, n_in + 1 - i * SLAB_ROWS)
    return Slab(start, width, n_rows, layout.depth[layer] * width, width, n_out)


@inlined
def _sum_squares(gradient: Any, slab: Slab, limit: Any, chains: Any) -> float:
    """Sum the squares of a slab's elements, limited; the chains are zero before and after."""
    for column in range(0, slab.columns, slab.width):
        start, count = slab.start + column // slab.width * slab.panel, min(slab.width, slab.columns - column)
        own = chains[column % CHAINS : column % CHAINS + count]
        for r in range(slab.n_rows):
            run = gradient[start + r * slab.row : start + r * slab.row + count]
            for j in range(count):
                g = np.float64(_limited(run[j], limit))
                own[j] += g * g
    total = 0.0
    for i in range(CHAINS):
        total += chains[i]
        chains[i] = 0
    return total


@inlined
def _count_slabs(layout: Layout, layer: int) -> int:
    if layer == 0 and layout.narrow.groups > 0:
        return layout.n_out[0] + 1  # type: ignore[no-any-return]
    return layout.n_in[layer] // SLAB_ROWS + 1  # type: ignore[no-any-return]


@inlined
def _factor(clipping: Clipping, squares: Any, n_slabs: int) -> float:
    """Return what the gradient is multiplied by: one, which changes no bit, if its norm is within the limit."""
    total = 0.0
    for i in range(n_slabs):
        total += squares[i]
    norm = math.sqrt(total)
    return clipping.norm / norm if norm > clipping.norm else 1.0


@inlined
def _update_own(
    thread: int, n_threads: int, layout: Layout, layer: int, by_columns: bool, code: int, coefficients: Any,
    weights: Weights, limit: Any, factor: Any,
) -> None:  # fmt: skip
    """Update a thread's own weights of a layer with their gradient, limited and scaled; refresh W transposed."""
    gradient, narrow = weights.gradient, layer == 0 and layout.narrow.groups > 0
    lanes = VECTOR_BYTES // gradient.itemsize
    own = own_tiles(layout, layer, by_columns, thread, n_threads, gradient.itemsize)
    tiles, tiles_of_panel = own.last - own.first, layout.depth[layer] // TILE_ROWS
    for i in range(layout.n_out[layer] + 1 if narrow else tiles * (own.last_panel - own.first_panel)):
        tile, panel, n_vectors = own.first + i % tiles, own.first_panel + i // tiles, TILE
        start = layout.packed[layer] + (panel * tiles_of_panel + tile) * TILE * lanes
        if narrow:
            start, n_vectors = own_run(layout.narrow, i, layout.n_out[layer], thread, n_threads, gradient.itemsize)
        run = gradient[start : start + n_vectors * lanes]
        for j in range(run.size):
            run[j] = _limited(run[j], limit) * factor
        update_run(code, coefficients, weights.packed, weights.slot0, weights.slot1, start, gradient, start, n_vectors)
        if layer > 0:
            transpose_weights(layout, layer, tile, panel, weights.packed, weights.transposed)


@inlined
def update_clipped(
    thread: int, n_threads: int, barrier: Any, clipping: Clipping | None, code: int, coefficients: Any, by_columns: Any,
    layout: Layout, weights: Weights, chains: Any, squares: Any,
) -> bool:  # fmt: skip
    """Update with the stored gradient, clipped; the threads have met before, and do so again at the end.

    Where nothing is clipped, so that tiles were updated one by one, the compiler leaves all of this out.
    """
    if clipping is None:
        return True
    real, itemsize, n_slabs = weights.gradient.dtype.type, weights.gradient.itemsize, FIRST
    limit = real(clipping.value)
    for layer in range(layout.n_in.size):
        count = _count_slabs(layout, layer)
        first, last = share(count, thread, n_threads)
        for i in range(first, last):
            slab = _slab(layout, layer, i, itemsize)
            squares[n_slabs + i] = _sum_squares(weights.gradient, slab, limit, chains)
        n_slabs += count
    if not meet(barrier, n_threads):
        return False
    factor = real(_factor(clipping, squares, n_slabs))
    for layer in range(layout.n_in.size):
        _update_own(
            thread, n_threads, layout, layer, by_columns[layer] != 0, code, coefficients, weights, limit, factor
        )
    return meet(barrier, n_threads)  # type: ignore[no-any-return]
