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
from typing import Any

import numpy as np

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.codegen.elementary import sqrt
from fastnet.kernels.codegen.optimizer_formulas import PENALTY
from fastnet.kernels.codegen.optimizer_vectors import Update, update_run
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.first_layer.weights import (
    N_PARTIAL_SUMS,
    Slab,
    count_slabs,
    own_runs,
    run_at,
    slab_at,
)
from fastnet.kernels.step.layout import transpose_weights
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES


@inlined
def _limited(g: Any, limit: Any) -> Any:
    """Limit an element; a NaN stays a NaN."""
    return limit if g > limit else (-limit if g < -limit else g)


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


@stage
def sum_weights(s: Any, thread: int, n_threads: int) -> int:
    """Sum the squares of a thread's partition of the slabs of weights."""
    packed, n_slabs = s.weights.packed, FIRST
    for layer in range(s.layout.n_in.size):
        count = count_slabs(s, layer)
        first, last = partition(count, thread, n_threads)
        for i in range(first, last):
            slab = slab_at(s, layer, i, packed.itemsize)
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
        count = count_slabs(s, layer)
        first, last = partition(count, thread, n_threads)
        for i in range(first, last):
            slab = slab_at(s, layer, i, gradient.itemsize)
            if s.run.l2 > 0:
                _add_penalty(s.memory.coefficients[thread, PENALTY], s.weights.packed, slab, gradient)
            squares = _sum_squares(gradient, slab, slab.n_rows, limit, s.memory.partial_sums[thread])
            s.memory.squares[n_slabs + i] = squares
        n_slabs += count
    return 0


@inlined
def _factor(s: Any) -> float:
    """Return what the gradient is multiplied by: one, which changes no bit, if its norm is within the limit."""
    total, n_slabs, squares, norm_limit = 0.0, FIRST, s.memory.squares, s.run.clip_norm
    for layer in range(s.layout.n_in.size):
        n_slabs += count_slabs(s, layer)
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
        factor = real(_factor(s))
        for layer in range(s.layout.n_in.size):
            _update_own(code, s, thread, n_threads, layer, real(s.run.clip_value), factor)
        return 0

    return update_clipped


@inlined
def _update_own(code: int, s: Any, thread: int, n_threads: int, layer: int, limit: Any, factor: Any) -> None:
    """Update a thread's own weights of a layer with their gradient, limited and scaled; refresh W transposed."""
    weights, coefficients, gradient = s.weights, s.memory.coefficients[thread], s.weights.gradient
    lanes = VECTOR_BYTES // gradient.itemsize
    runs = own_runs(s, layer, thread, n_threads, gradient.itemsize)
    for i in range(runs.n_runs):
        own = run_at(s, layer, runs, i, thread, n_threads, gradient.itemsize)
        run = gradient[own.start : own.start + own.n_vectors * lanes]
        for j in range(run.size):
            run[j] = _limited(run[j], limit) * factor
        update_run(
            code, 0, FIRST, Update(coefficients, weights.packed, weights.m, weights.v, own.start), gradient, own.start,
            own.n_vectors, lanes,
        )  # fmt: skip
        if layer > 0:
            transpose_weights(s.layout, layer, own.row, own.panel, weights.packed, weights.transposed)
