"""How a network and its working memory are laid out while it trains or predicts.

Parameters. A layer's W (n_in, n_out) and b are one matrix of n_in + 1 rows, as they are in the flat vector;
activations carry a column of ones to match, so the bias needs no code of its own: neither forward, nor in the
gradient, nor in the update. While kernels work, that matrix is packed in panels as wide as a tile, and every
panel rounded up to whole tiles: a tile of weights is then one contiguous run, in the parameters, the gradient
and the optimizer's state alike. What pads a panel is never read into a result, so it may hold anything.

Activations. Rows are samples. A row is as long as the tiles that read and write it need, and an odd number of
cache lines: rows at a distance of a power of two would fall on the same few sets of the first-level cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fastnet._jit import inlined
from fastnet.kernels.activations import CODES
from fastnet.kernels.gemm import VECTOR_BYTES, pack_panel, padded
from fastnet.kernels.simd import TILE_ROWS, TILE_VECTORS, panel_width

CACHE_LINE = 64


class Layout(NamedTuple):
    """Sizes and offsets, an int64 array each, indexed by layer; by layer boundary where it says so."""

    n_in: Any
    n_out: Any
    activation: Any  # code of the function after the layer; identity for the last one
    start: Any  # of the layer's matrix in the flat parameter vector
    depth: Any  # rows of a packed panel
    packed: Any  # start of the layer's panels
    transposed: Any  # start of the panels of W transposed; the first layer has none
    row: Any  # by boundary: elements from one sample's activations to the next one's
    values: Any  # by boundary: start of the activations, for one sample's worth of rows


class Sizes(NamedTuple):
    """Elements that arrays of a layout need."""

    packed: int
    transposed: int
    values: int  # for one row of every boundary


def _row_length(n: int, itemsize: int) -> int:
    line = CACHE_LINE // itemsize
    needed = max(padded(n + 1, TILE_ROWS), padded(n + 1, panel_width(itemsize)))
    lines = padded(needed, line) // line
    return (lines + 1 - lines % 2) * line


def make_layout(sizes: Sequence[int], activations: Sequence[str], itemsize: int) -> tuple[Layout, Sizes]:
    """Lay out a network of elements of `itemsize` bytes."""
    width = panel_width(itemsize)
    columns: dict[str, list[int]] = {name: [] for name in Layout._fields}
    start = packed = transposed = values = 0
    for i, (n_in, n_out) in enumerate(pairwise(int(size) for size in sizes)):
        depth = padded(n_in + 1, TILE_ROWS)
        code = CODES[activations[i]] if i < len(activations) else CODES["identity"]
        for name, value in zip(Layout._fields, (n_in, n_out, code, start, depth, packed, transposed), strict=False):
            columns[name].append(value)
        start += (n_in + 1) * n_out
        packed += padded(n_out, width) * depth
        transposed += padded(n_in, width) * n_out if i else 0
    for size in sizes:
        columns["row"].append(_row_length(int(size), itemsize))
        columns["values"].append(values)
        values += columns["row"][-1]
    layout = Layout(**{name: np.array(column, np.int64) for name, column in columns.items()})
    return layout, Sizes(packed, transposed, values)


@inlined
def panels(layout: Layout, layer: int, itemsize: int) -> int:
    """Count a layer's panels."""
    width = TILE_VECTORS * VECTOR_BYTES // itemsize
    return (layout.n_out[layer] + width - 1) // width  # type: ignore[no-any-return]


@inlined
def pack(layout: Layout, layer: int, first: int, last: int, flat: Any, packed: Any) -> None:
    """Copy panels [first, last) of a layer from a flat vector."""
    width = TILE_VECTORS * VECTOR_BYTES // packed.itemsize
    n_in, n_out, depth = layout.n_in[layer], layout.n_out[layer], layout.depth[layer]
    for panel in range(first, last):
        j = panel * width
        target = layout.packed[layer] + panel * depth * width
        pack_panel(flat, layout.start[layer] + j, n_out, 1, n_in + 1, min(width, n_out - j), packed, target)


@inlined
def unpack(layout: Layout, layer: int, first: int, last: int, packed: Any, flat: Any) -> None:
    """Copy panels [first, last) of a layer back into a flat vector."""
    width = TILE_VECTORS * VECTOR_BYTES // packed.itemsize
    n_in, n_out, depth = layout.n_in[layer], layout.n_out[layer], layout.depth[layer]
    for panel in range(first, last):
        j = panel * width
        columns = min(width, n_out - j)
        for k in range(n_in + 1):
            source = packed[layout.packed[layer] + (panel * depth + k) * width :]
            target = flat[layout.start[layer] + k * n_out + j :]
            for c in range(columns):
                target[c] = source[c]


@inlined
def transpose_tile(layout: Layout, layer: int, tile: int, panel: int, packed: Any, transposed: Any) -> None:
    """Write one tile of W, some rows of one panel, to the panels of W transposed."""
    width = TILE_VECTORS * VECTOR_BYTES // packed.itemsize
    n_in, n_out = layout.n_in[layer], layout.n_out[layer]
    base = layout.packed[layer] + panel * layout.depth[layer] * width
    columns = min(width, n_out - panel * width)
    for k in range(tile * TILE_ROWS, min((tile + 1) * TILE_ROWS, n_in)):
        source = packed[base + k * width : base + (k + 1) * width]
        target = transposed[layout.transposed[layer] + ((k // width) * n_out + panel * width) * width + k % width :]
        for c in range(columns):
            target[c * width] = source[c]
