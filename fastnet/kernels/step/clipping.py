"""Sums over the whole network: the penalty on the weights, and steps of a clipped gradient.

A clipped update cannot be fused into the tiles: its norm needs the whole gradient first. Gradients of all blocks are
stored. Between one barrier and the next, threads partition slabs of the gradient and sum the squares of each; after
that, every thread adds up these sums, and updates those weights that it owns in every step. Slabs, and the order within
them, depend on the network alone: neither on the threads nor on the width of a micro-panel. Elements are limited on the
way, once for the norm and once for the update, so that nobody writes to a gradient that another thread owns.

The squares of the weights, for the penalty, are summed in the same way. What pads a micro-panel may hold anything, and
is left out.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.codegen.elementary import sqrt
from fastnet.kernels.codegen.optimizer_formulas import PENALTY
from fastnet.kernels.codegen.optimizer_vectors import Update, update_run
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.first_layer.few_outputs import biases, own_run
from fastnet.kernels.step.layout import Layout, transpose_weights
from fastnet.kernels.step.update import own_partition
from fastnet.kernels.tile.micro_panels import N_VECTORS, TILE_ROWS, TILE_VECTORS
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES

N_PARTIAL_SUMS = 64
"""Sums that a slab's squares are added to, each in ascending order of rows, and of columns that are a multiple of this
apart. A multiple of the width of any micro-panel, so that which numbers are added to which does not depend on it."""

SLAB_ROWS = 64
"""Rows of a layer's matrix that make a slab; a few-output first layer's slabs are the weights of an output."""

TILE: Any = np.int64(N_VECTORS)
"""Vectors of a tile; for calls of inlined functions, where a plain number would be a type of its own."""


def squares_size(sizes: Sequence[int]) -> int:
    """Count the slabs of a network at most, of few outputs in its first layer or not."""
    return sum(int(n_in) // SLAB_ROWS + 1 for n_in in sizes[:-1]) + int(sizes[1])


@inlined
def _limited(g: Any, limit: Any) -> Any:
    """Limit an element; a NaN stays a NaN."""
    return limit if g > limit else (-limit if g < -limit else g)


class Slab(NamedTuple):
    """Rows of a matrix: their start, distance and count; the micro-panels' distance and width; columns."""

    start: int
    row: int
    n_rows: int
    n_weights: int  # rows, but for that of the biases
    panel: int
    width: int
    columns: int


@inlined
def _slab(layout: Layout, layer: int, i: int, itemsize: int) -> Slab:
    """Return a slab of a layer's weights and biases."""
    n_in, n_out, few_outputs = layout.n_in[layer], layout.n_out[layer], layout.few_outputs
    if layer == 0 and few_outputs.groups > 0:
        start, columns = (i * few_outputs.stride, n_in) if i < n_out else (biases(few_outputs), n_out)
        return Slab(start, N_PARTIAL_SUMS, FIRST + 1, FIRST + int(i < n_out), N_PARTIAL_SUMS, N_PARTIAL_SUMS, columns)
    width = TILE_VECTORS * VECTOR_BYTES // itemsize
    start, n_rows = layout.packed[layer] + i * SLAB_ROWS * width, min(SLAB_ROWS, n_in + 1 - i * SLAB_ROWS)
    n_weights = min(SLAB_ROWS, n_in - i * SLAB_ROWS)
    return Slab(start, width, n_rows, n_weights, layout.depth[layer] * width, width, n_out)


@inlined
def _sum_squares(values: Any, slab: Slab, n_rows: int, limit: Any, partial_sums: Any) -> float:
    """Sum the squares of the elements of a slab's first rows, limited; partial sums are zero before and after."""
    for column in range(0, slab.columns, slab.width):
        start, count = slab.start + column // slab.width * slab.panel, min(slab.width, slab.columns - column)
        own = partial_sums[column % N_PARTIAL_SUMS : column % N_PARTIAL_SUMS + count]
        for r in range(n_rows):
            run = values[start + r * slab.row : start + r * slab.row + count]
            for j in range(count):
                g = np.float64(_limited(run[j], limit))
                own[j] += g * g
    total = 0.0
    for i in range(N_PARTIAL_SUMS):
        total += partial_sums[i]
        partial_sums[i] = 0
    return total


@inlined
def _add_penalty(factor: Any, packed: Any, slab: Slab, gradient: Any) -> None:
    """Add the penalty's gradient, a multiple of the weights, to that of a slab."""
    for column in range(0, slab.columns, slab.width):
        start, count = slab.start + column // slab.width * slab.panel, min(slab.width, slab.columns - column)
        for r in range(slab.n_weights):
            at = start + r * slab.row
            for j in range(count):
                gradient[at + j] += factor * packed[at + j]


@inlined
def _count_slabs(layout: Layout, layer: int) -> int:
    if layer == 0 and layout.few_outputs.groups > 0:
        return layout.n_out[0] + 1  # type: ignore[no-any-return]
    return layout.n_in[layer] // SLAB_ROWS + 1  # type: ignore[no-any-return]


@stage
def sum_weights(s: Any, thread: int, n_threads: int) -> int:
    """Sum the squares of a thread's partition of the slabs of weights."""
    packed, n_slabs = s.weights.packed, FIRST
    for layer in range(s.layout.n_in.size):
        count = _count_slabs(s.layout, layer)
        first, last = partition(count, thread, n_threads)
        for i in range(first, last):
            slab = _slab(s.layout, layer, i, packed.itemsize)
            squares = _sum_squares(
                packed, slab, slab.n_weights, packed.dtype.type(np.inf), s.memory.partial_sums[thread]
            )
            s.memory.penalties[n_slabs + i] = squares
        n_slabs += count
    return 0


@stage
def sum_gradients(s: Any, thread: int, n_threads: int) -> int:
    """Add the penalty's gradient to a thread's partition of the slabs of gradients, and sum their squares."""
    gradient, n_slabs = s.weights.gradient, FIRST
    limit = gradient.dtype.type(s.run.clip_value)
    for layer in range(s.layout.n_in.size):
        count = _count_slabs(s.layout, layer)
        first, last = partition(count, thread, n_threads)
        for i in range(first, last):
            slab = _slab(s.layout, layer, i, gradient.itemsize)
            if s.run.l2 > 0:
                _add_penalty(s.memory.coefficients[thread, PENALTY], s.weights.packed, slab, gradient)
            squares = _sum_squares(gradient, slab, slab.n_rows, limit, s.memory.partial_sums[thread])
            s.memory.squares[n_slabs + i] = squares
        n_slabs += count
    return 0


@inlined
def _factor(norm_limit: float, layout: Layout, squares: Any) -> float:
    """Return what the gradient is multiplied by: one, which changes no bit, if its norm is within the limit."""
    total, n_slabs = 0.0, FIRST
    for layer in range(layout.n_in.size):
        n_slabs += _count_slabs(layout, layer)
    for i in range(n_slabs):
        total += squares[i]
    norm = sqrt(total)
    return norm_limit / norm if norm > norm_limit else 1.0


@functools.cache
def make_update(code: int) -> Any:
    """Return the stage that updates a thread's own weights with the stored gradient, clipped."""

    @stage
    def update_clipped(s: Any, thread: int, n_threads: int) -> int:
        real = s.weights.gradient.dtype.type
        factor = real(_factor(s.run.clip_norm, s.layout, s.memory.squares))
        for layer in range(s.layout.n_in.size):
            _update_own(code, s, thread, n_threads, layer, real(s.run.clip_value), factor)
        return 0

    return update_clipped


@inlined
def _update_own(code: int, s: Any, thread: int, n_threads: int, layer: int, limit: Any, factor: Any) -> None:
    """Update a thread's own weights of a layer with their gradient, limited and scaled; refresh W transposed."""
    layout, weights, coefficients = s.layout, s.weights, s.memory.coefficients[thread]
    gradient, few_outputs = weights.gradient, layer == 0 and layout.few_outputs.groups > 0
    lanes = VECTOR_BYTES // gradient.itemsize
    width, depth = TILE_VECTORS * lanes, layout.depth[layer]
    own = own_partition(layout, layer, s.run.output_parallel[layer] != 0, thread, n_threads, gradient.itemsize)
    tiles = (own.last - own.first) // TILE_ROWS
    for i in range(layout.n_out[layer] + 1 if few_outputs else tiles * (own.last_panel - own.first_panel)):
        row, panel, n_vectors = own.first + i % tiles * TILE_ROWS, own.first_panel + i // tiles, TILE
        start = layout.packed[layer] + (panel * depth + row) * width
        if few_outputs:
            start, n_vectors = own_run(layout.few_outputs, i, layout.n_out[layer], thread, n_threads, gradient.itemsize)
        run = gradient[start : start + n_vectors * lanes]
        for j in range(run.size):
            run[j] = _limited(run[j], limit) * factor
        update_run(
            code, 0, FIRST, Update(coefficients, weights.packed, weights.m, weights.v, start), gradient, start,
            n_vectors, lanes,
        )  # fmt: skip
        if layer > 0:
            transpose_weights(layout, layer, row, panel, weights.packed, weights.transposed)
