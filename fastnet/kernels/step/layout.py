"""How a network and its working memory are laid out while it trains or predicts.

Everything lies in micro-panels: as many columns as a tile has, of all rows, then the next columns. A tile is then one
contiguous run, in activations, weights, gradients and the optimizer's state alike, and reads its operands from
front to back. Row-major activations and weights would touch another page of memory at every step of a reduction,
and rows at a distance of a power of two would fall on the same few sets of the first-level cache.

A layer's W (n_in, n_out) and b are one matrix of n_in + 1 rows, as they are in the flat parameter vector; activations
carry a bias column of ones to match, which is written after each layer's activation. So in these products, gradients
and updates the bias is one more row. A first layer may do without that column, add the bias and sum its gradient apart,
and have its weights lie in another way (`fastnet.kernels.step.first_layer`). What pads a micro-panel, or a tile's last
rows, is never read into a result and may hold anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fastnet.compiler.policy import inlined
from fastnet.kernels.codegen.scalar_activations import CODES
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.tile.micro_panels import TILE_VECTORS, panel_width, tall_rows
from fastnet.kernels.tile.moves import CHUNK_BYTES, transpose_tile
from fastnet.kernels.tile.operands import Operand, Panels
from fastnet.kernels.tile.packing import VECTOR_BYTES, pack, padded, panels_of, unpack


class Layout(NamedTuple):
    """Sizes and offsets, an int64 array each, indexed by layer; by layer boundary where it says so."""

    n_in: Any
    n_out: Any
    activation: Any  # code of the function after the layer; identity for the last one
    start: Any  # of the layer's matrix in the flat parameter vector
    depth: Any  # rows of a micro-panel of the layer's matrix
    packed: Any  # start of those micro-panels
    transposed: Any  # start of the micro-panels of W transposed; the first layer has none
    t_depth: Any  # rows of a micro-panel of W transposed
    values: Any  # by boundary: start of the activations, in rows' worth of elements: times the rows reserved


class Room(NamedTuple):
    """Elements that a first layer needs."""

    packed: int  # for its weights and biases, and as many for each vector of the optimizer's state
    gradient: int  # for their gradient, even where it is not stored for others
    values: int  # for a row of its inputs


class Sizes(NamedTuple):
    """Elements that arrays of a layout need."""

    packed: int
    transposed: int
    values: int  # for each row reserved


def room_of_panels(n_in: int, n_out: int, itemsize: int) -> Room:
    """Return what a layer of elements of `itemsize` bytes needs whose inputs and weights lie in micro-panels."""
    packed = padded(n_out, panel_width(itemsize)) * padded(n_in + 1, tall_rows(itemsize))
    return Room(packed, 0, row_elements(n_in, itemsize))


def row_elements(size: int, itemsize: int) -> int:
    """Count the elements for a row of activations and its bias column."""
    return padded(size + 1, max(panel_width(itemsize), CHUNK_BYTES // itemsize))


def make_layout(
    sizes: Sequence[int], activations: Sequence[str], itemsize: int, first: Room | None = None
) -> tuple[Layout, Sizes]:
    """Lay out a network of elements of `itemsize` bytes; a first layer may need other room than others."""
    width = panel_width(itemsize)
    first = first or room_of_panels(int(sizes[0]), int(sizes[1]), itemsize)
    rows: list[tuple[int, ...]] = []
    start = packed = transposed = values = 0
    for i, (n_in, n_out) in enumerate(pairwise(int(size) for size in sizes)):
        depth, t_depth = padded(n_in + 1, tall_rows(itemsize)), padded(n_out, width)
        code = CODES[activations[i]] if i < len(activations) else CODES["identity"]
        rows.append((n_in, n_out, code, start, depth, packed, transposed, t_depth))
        start += (n_in + 1) * n_out
        packed += padded(n_out, width) * depth if i else first.packed
        transposed += padded(n_in + 1, width) * t_depth if i else 0
    boundaries = []
    for i, size in enumerate(sizes):
        boundaries.append(values)
        values += row_elements(int(size), itemsize) if i else first.values
    layers = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    return Layout._make([*layers, np.array(boundaries, np.int64)]), Sizes(packed, transposed, values)


def output_parallel_layers(sizes: Sequence[int], n_rows: int, team: int, itemsize: int) -> Any:
    """Choose how threads partition each layer: output-parallel where that moves less between their caches.

    Batch-parallel, a thread reads the weights that others have updated; output-parallel, the inputs that others have
    computed.
    """
    width = panel_width(itemsize)

    def choose(n_out: int) -> bool:
        panels = -(-n_out // width)
        even = panels % team == 0 or panels >= 4 * team
        return team > 1 and even and n_out > n_rows

    return np.array([choose(int(n_out)) for n_out in sizes[1:]], np.int64)


@inlined
def pack_panels(layout: Layout, layer: int, thread: int, n_threads: int, flat: Any, packed: Any) -> None:
    """Copy a thread's partition of a layer's weights from a flat vector to their micro-panels."""
    n_in, n_out = layout.n_in[layer], layout.n_out[layer]
    first, last = _partition_of_panels(layout, layer, thread, n_threads, packed)
    stride = layout.depth[layer] * (TILE_VECTORS * VECTOR_BYTES // packed.itemsize)
    panels = Panels(packed, layout.packed[layer], stride)
    pack(Operand(flat, layout.start[layer], n_out, 1), (n_in + 1, n_out), first, last, panels)


@inlined
def unpack_panels(layout: Layout, layer: int, thread: int, n_threads: int, packed: Any, flat: Any) -> None:
    """Copy a thread's partition of a layer's weights back into a flat vector."""
    n_in, n_out = layout.n_in[layer], layout.n_out[layer]
    first, last = _partition_of_panels(layout, layer, thread, n_threads, packed)
    stride = layout.depth[layer] * (TILE_VECTORS * VECTOR_BYTES // packed.itemsize)
    panels = Panels(packed, layout.packed[layer], stride)
    unpack(panels, (n_in + 1, n_out), first, last, Operand(flat, layout.start[layer], n_out, 1))


@inlined
def _partition_of_panels(layout: Layout, layer: int, thread: int, n_threads: int, packed: Any) -> tuple[int, int]:
    return partition(panels_of(layout.n_out[layer], packed.itemsize), thread, n_threads)


@inlined
def transpose_weights(layout: Layout, layer: int, row: int, panel: int, packed: Any, transposed: Any) -> None:
    """Write TILE_ROWS rows of a micro-panel of a layer's weights to the micro-panels of W transposed."""
    width = TILE_VECTORS * VECTOR_BYTES // packed.itemsize
    source = layout.packed[layer] + (panel * layout.depth[layer] + row) * width
    target = layout.transposed[layer] + ((row // width) * layout.t_depth[layer] + panel * width) * width + row % width
    transpose_tile(packed, source, transposed, target)
