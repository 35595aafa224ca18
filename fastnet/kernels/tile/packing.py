"""Micro-panels: how much room they take, and how matrices are copied to them and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.compiler.policy import inlined, vector_bits
from fastnet.kernels.tile.micro_panels import TILE_ROWS, TILE_VECTORS, panel_width
from fastnet.kernels.tile.moves import copy_row

VECTOR_BYTES = vector_bits() // 8

FIRST: Any = np.int64(0)
"""For calls of inlined functions: a plain 0 would be a type of its own, and they would be compiled once more."""


def padded(count: int, multiple: int) -> int:
    """Round up to a whole multiple."""
    return -(-count // multiple) * multiple


def spaced_rows(n_rows: int, itemsize: int) -> int:
    """Rows to reserve for `n_rows`: whole tiles, and micro-panels at no multiple of 1 KB from each other.

    The same rows of many micro-panels would otherwise fall on the same few sets of the first-level cache.
    """
    rows = padded(max(n_rows, 1), TILE_ROWS)
    return rows + TILE_ROWS if rows * panel_width(itemsize) * itemsize % 1024 == 0 else rows


@inlined
def panels_of(columns: int, itemsize: int) -> int:
    """Count the micro-panels of so many columns."""
    width = TILE_VECTORS * VECTOR_BYTES // itemsize
    return (columns + width - 1) // width


@inlined
def pack(source: Any, shape: tuple[int, int], first: int, last: int, target: Any) -> None:
    """Copy micro-panels [first, last) of an `Operand` of that shape to `Panels`.

    In the order in which the source lies in memory, whole rows of a micro-panel as vectors.
    """
    (rows, columns), x, y = shape, source.array, target.array
    width, one = TILE_VECTORS * VECTOR_BYTES // y.itemsize, y.dtype.type(1)
    for panel in range(first, last):
        count = min(width, columns - panel * width)
        start, begin = source.start + panel * width * source.column_stride, target.start + panel * target.stride
        if source.column_stride == 1 and count == width:
            for r in range(rows):
                copy_row(x, start + r * source.row_stride, y, begin + r * width, one)
        else:
            for j in range(count):
                for r in range(rows):
                    y[begin + r * width + j] = x[start + r * source.row_stride + j * source.column_stride]


@inlined
def unpack(source: Any, shape: tuple[int, int], first: int, last: int, target: Any) -> None:
    """Copy micro-panels [first, last) back to an `Operand` whose columns lie one after the other."""
    (rows, columns), x, y = shape, source.array, target.array
    width, one = TILE_VECTORS * VECTOR_BYTES // x.itemsize, x.dtype.type(1)
    for panel in range(first, last):
        count = min(width, columns - panel * width)
        start, begin = source.start + panel * source.stride, target.start + panel * width
        if count == width:
            for r in range(rows):
                copy_row(x, start + r * width, y, begin + r * target.row_stride, one)
        else:
            for r in range(rows):
                for j in range(count):
                    y[begin + r * target.row_stride + j] = x[start + r * width + j]
