"""How a network and its working memory are laid out while it trains or predicts.

Everything lies in micro-panels: as many columns as a tile has, of all rows, then the next columns. A tile is then one
contiguous run, in activations, weights, gradients and the optimizer's state alike, and reads its operands from
front to back. Row-major activations and weights would touch another page of memory at every step of a reduction,
and rows at a distance of a power of two would fall on the same few sets of the first-level cache.

A layer's W (n_in, n_out) and b are one matrix of n_in + 1 rows, as they are in the flat parameter vector; activations
carry a bias column of ones to match, which is written after each layer's activation. So in these products, gradients
and updates the bias is one more row. First layers whose outputs are few, or whose inputs are sparse, have no such
column, and add the bias and sum its gradient apart. What pads a micro-panel, or a tile's last rows, is never read into
a result and may hold anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fastnet.compiler.policy import inlined
from fastnet.kernels.codegen.scalar_activations import CODES
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.first_layer.few_outputs import PANELS, FewOutputs, pack_rows, packed_size, unpack_rows
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
    few_outputs: FewOutputs  # the first layer, if its outputs are few


class Sizes(NamedTuple):
    """Elements that arrays of a layout need."""

    packed: int
    transposed: int
    values: int  # for each row reserved


def make_layout(
    sizes: Sequence[int],
    activations: Sequence[str],
    itemsize: int,
    few_outputs: FewOutputs = PANELS,
    is_sparse: bool = False,
) -> tuple[Layout, Sizes]:
    """Lay out a network of elements of `itemsize` bytes; sparse inputs need no room."""
    width = panel_width(itemsize)
    rows: list[tuple[int, ...]] = []
    start = packed = transposed = values = 0
    for i, (n_in, n_out) in enumerate(pairwise(int(size) for size in sizes)):
        depth, t_depth = padded(n_in + 1, tall_rows(itemsize)), padded(n_out, width)
        code = CODES[activations[i]] if i < len(activations) else CODES["identity"]
        rows.append((n_in, n_out, code, start, depth, packed, transposed, t_depth))
        start += (n_in + 1) * n_out
        packed += packed_size(few_outputs, itemsize) if few_outputs.groups and i == 0 else padded(n_out, width) * depth
        transposed += padded(n_in + 1, width) * t_depth if i else 0
    boundaries = []
    for i, size in enumerate(sizes):
        boundaries.append(values)
        if i == 0 and is_sparse:
            continue
        values += padded(int(size) + 1, max(width, CHUNK_BYTES // itemsize))
    layers = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    return Layout._make([*layers, np.array(boundaries, np.int64), few_outputs]), Sizes(packed, transposed, values)


@inlined
def pack_layer(layout: Layout, layer: int, thread: int, n_threads: int, flat: Any, packed: Any) -> None:
    """Copy a thread's partition of a layer's weights from a flat vector."""
    n_in, n_out = layout.n_in[layer], layout.n_out[layer]
    if layer == 0 and layout.few_outputs.groups > 0:
        pack_rows(layout.few_outputs, thread, n_threads, n_in, n_out, flat, packed)
        return
    first, last = _partition_of_panels(layout, layer, thread, n_threads, packed)
    stride = layout.depth[layer] * (TILE_VECTORS * VECTOR_BYTES // packed.itemsize)
    panels = Panels(packed, layout.packed[layer], stride)
    pack(Operand(flat, layout.start[layer], n_out, 1), (n_in + 1, n_out), first, last, panels)


@inlined
def unpack_layer(layout: Layout, layer: int, thread: int, n_threads: int, packed: Any, flat: Any) -> None:
    """Copy a thread's partition of a layer's weights back into a flat vector."""
    n_in, n_out = layout.n_in[layer], layout.n_out[layer]
    if layer == 0 and layout.few_outputs.groups > 0:
        unpack_rows(layout.few_outputs, thread, n_threads, n_in, n_out, packed, flat)
        return
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
