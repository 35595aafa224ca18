"""How the weights of any layer lie: who moves, sums or updates them one by one asks here.

They lie in micro-panels (`fastnet.kernels.step.layout`), but for those of a few-output first layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnet.compiler.policy import inlined
from fastnet.kernels.step.first_layer.few_outputs import biases, own_run, pack_rows, unpack_rows
from fastnet.kernels.step.layout import pack_panels, unpack_panels
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


@inlined
def _lies_in_rows(s: Any, layer: int) -> bool:
    """Tell whether a layer's weights are transposed, a row for each output."""
    return layer == 0 and s.first_layer.few_outputs.plan.groups > 0


@inlined
def pack_layer(s: Any, layer: int, thread: int, n_threads: int, flat: Any, packed: Any) -> None:
    """Copy a thread's partition of a layer's weights from a flat vector."""
    if _lies_in_rows(s, layer):
        n_in, n_out = s.layout.n_in[0], s.layout.n_out[0]
        pack_rows(s.first_layer.few_outputs.plan, thread, n_threads, n_in, n_out, flat, packed)
    else:
        pack_panels(s.layout, layer, thread, n_threads, flat, packed)


@inlined
def unpack_layer(s: Any, layer: int, thread: int, n_threads: int, packed: Any, flat: Any) -> None:
    """Copy a thread's partition of a layer's weights back into a flat vector."""
    if _lies_in_rows(s, layer):
        n_in, n_out = s.layout.n_in[0], s.layout.n_out[0]
        unpack_rows(s.first_layer.few_outputs.plan, thread, n_threads, n_in, n_out, packed, flat)
    else:
        unpack_panels(s.layout, layer, thread, n_threads, packed, flat)


class Slab(NamedTuple):
    """Rows of a matrix: their start, distance and count; the micro-panels' distance and width; columns."""

    start: int
    row: int
    n_rows: int
    n_weights: int  # rows, but for that of the biases
    panel: int
    width: int
    columns: int


def most_slabs(sizes: Sequence[int]) -> int:
    """Count the slabs of a network at most, of few outputs in its first layer or not."""
    return sum(int(n_in) // SLAB_ROWS + 1 for n_in in sizes[:-1]) + int(sizes[1])


@inlined
def count_slabs(s: Any, layer: int) -> int:
    """Count the slabs of a layer's weights and biases."""
    if _lies_in_rows(s, layer):
        return s.layout.n_out[0] + 1  # type: ignore[no-any-return]
    return s.layout.n_in[layer] // SLAB_ROWS + 1  # type: ignore[no-any-return]


@inlined
def slab_at(s: Any, layer: int, i: int, itemsize: int) -> Slab:
    """Return a slab of a layer's weights and biases."""
    layout, plan = s.layout, s.first_layer.few_outputs.plan
    n_in, n_out = layout.n_in[layer], layout.n_out[layer]
    if _lies_in_rows(s, layer):
        start, columns = (i * plan.stride, n_in) if i < n_out else (biases(plan), n_out)
        return Slab(start, N_PARTIAL_SUMS, FIRST + 1, FIRST + int(i < n_out), N_PARTIAL_SUMS, N_PARTIAL_SUMS, columns)
    width = TILE_VECTORS * VECTOR_BYTES // itemsize
    start, n_rows = layout.packed[layer] + i * SLAB_ROWS * width, min(SLAB_ROWS, n_in + 1 - i * SLAB_ROWS)
    n_weights = min(SLAB_ROWS, n_in - i * SLAB_ROWS)
    return Slab(start, width, n_rows, n_weights, layout.depth[layer] * width, width, n_out)


class Runs(NamedTuple):
    """A thread's own weights of a layer, in runs that it updates one by one: tiles, or its columns of each row."""

    n_runs: int
    first: int  # row
    first_panel: int
    tiles: int  # of a micro-panel


class Run(NamedTuple):
    """A run of weights: where it starts, its vectors; row and micro-panel of what is a tile."""

    start: int
    n_vectors: int
    row: int
    panel: int


@inlined
def own_runs(s: Any, layer: int, thread: int, n_threads: int, itemsize: int) -> Runs:
    """Count the runs of weights that a thread updates in every step."""
    own = own_partition(s.layout, layer, s.run.output_parallel[layer] != 0, thread, n_threads, itemsize)
    tiles = (own.last - own.first) // TILE_ROWS
    count = s.layout.n_out[0] + 1 if _lies_in_rows(s, layer) else tiles * (own.last_panel - own.first_panel)
    return Runs(count, own.first, own.first_panel, tiles)


@inlined
def run_at(s: Any, layer: int, runs: Runs, i: int, thread: int, n_threads: int, itemsize: int) -> Run:
    """Return one of them."""
    if _lies_in_rows(s, layer):
        plan, n_out = s.first_layer.few_outputs.plan, s.layout.n_out[0]
        start, n_vectors = own_run(plan, i, n_out, thread, n_threads, itemsize)
        return Run(start, n_vectors, FIRST, FIRST)
    width = TILE_VECTORS * VECTOR_BYTES // itemsize
    row, panel = runs.first + i % runs.tiles * TILE_ROWS, runs.first_panel + i // runs.tiles
    return Run(s.layout.packed[layer] + (panel * s.layout.depth[layer] + row) * width, TILE, row, panel)
