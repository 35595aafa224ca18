"""Products of matrices in micro-panels: which tiles they are made of, and how long reductions are cut.

What pads the last micro-panel, or the last rows, is computed along and never read.
"""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import inlined
from fastnet.kernels.codegen.vectors import HALF_BITS
from fastnet.kernels.runtime.arrays import LINE_BYTES
from fastnet.kernels.tile.micro_panels import (
    THIN_PANELS,
    TILE_ROWS,
    TILE_VECTORS,
    WIDE_ROWS,
    row_tile_half,
    row_tile_half_rest,
    row_tile_rest,
    row_tile_tall,
    row_tile_wide,
    row_tile_widest,
    thin_tile_one,
    thin_tile_wide,
)
from fastnet.kernels.tile.moves import prefetch
from fastnet.kernels.tile.operands import NOTHING, PanelEpilogue, from_element
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES

BLOCK_BYTES = 16 * 1024
"""Bytes of a micro-panel of B that are used for all rows of A before the next: half of a small first-level cache."""

FEW_ROWS = 3
"""Rows up to which each is multiplied by itself: B is then read as often, but nothing is computed in vain."""


@inlined
def tall_rows_of(width: int) -> int:
    """Count the rows of a tall tile, for micro-panels of some width; `tall_rows` says why."""
    return min(2 * TILE_ROWS, width)


@inlined
def wide_rows(n_rows: int) -> int:
    """Count the rows of the next wide tile of so many, a multiple of `TILE_ROWS` that tiles of either height cover."""
    if WIDE_ROWS != TILE_ROWS and n_rows >= WIDE_ROWS and n_rows // 2 % 3 != 1:
        return FIRST + WIDE_ROWS  # type: ignore[no-any-return]
    return FIRST + TILE_ROWS  # type: ignore[no-any-return]


@inlined
def is_half_filled(n_columns: int, itemsize: int) -> bool:
    """Tell whether so many columns of a micro-panel take the tile of half a vector."""
    return HALF_BITS < 8 * VECTOR_BYTES and n_columns * itemsize <= HALF_BITS // 8


@inlined
def _finishing(epilogue: Any, offset: int, accumulate: bool, is_last: bool) -> Any:
    """Return the epilogue of a tile at some offset: after the last block of a reduction alone."""
    code = epilogue.code if is_last else FIRST + NOTHING
    return PanelEpilogue(code, from_element(epilogue.outputs, epilogue.outputs.start + offset), accumulate)


@inlined
def multiply_panels(
    a: Any, b: Any, depth: int, c: Any, shape: tuple[int, int], first: int, last: int, epilogue: Any
) -> None:  # fmt: skip
    """Write micro-panels [first, last) of C = A @ B, which has `shape`: all of its rows up to whole tiles."""
    width = TILE_VECTORS * VECTOR_BYTES // c.array.itemsize
    whole = depth // width
    fitting = max(1, BLOCK_BYTES // (width * width * c.array.itemsize))
    blocks = max(1, (whole + fitting // 2) // fitting)
    block = max(1, (whole + blocks - 1) // blocks)  # blocks of one size: a short last one would cost most
    for q in range(0, max(whole, 1), block):
        is_last = q + block >= whole
        steps = min(block, whole - q), depth - whole * width if is_last else FIRST
        a_block = from_element(a, a.start + q * a.stride)
        for panel in range(first, last):
            b_panel = from_element(b, b.start + panel * b.stride + q * width * width)
            offset = panel * c.stride
            own = _finishing(epilogue, offset, q > 0, is_last)
            n_columns = shape[1] - panel * width
            _multiply_panel(a_block, b_panel, steps, from_element(c, c.start + offset), (shape[0], n_columns), own)


@inlined
def _multiply_panel(
    a: Any, b: Any, steps: tuple[int, int], c: Any, shape: tuple[int, int], epilogue: Any
) -> None:  # fmt: skip
    """Write a micro-panel of C, from so many whole micro-panels of A and columns of one more.

    Meanwhile the micro-panel of B that follows is prefetched.
    """
    (n_rows, n_columns), (n_panels, n_remaining), itemsize = shape, steps, c.array.itemsize
    lanes = VECTOR_BYTES // itemsize
    width, outputs = TILE_VECTORS * lanes, epilogue.outputs
    padded = (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    lines, ahead = n_panels * width * width * itemsize // LINE_BYTES, (b.start + b.stride) * itemsize
    per_tile = (lines * TILE_ROWS + padded - 1) // max(padded, 1)
    is_tall, is_half, row = n_columns <= lanes, is_half_filled(n_columns, itemsize), FIRST
    while row < padded:
        at = row * width
        a_rows, c_rows = from_element(a, a.start + at), from_element(c, c.start + at)
        own = PanelEpilogue(epilogue.code, from_element(outputs, outputs.start + at), epilogue.accumulate)
        if is_tall and row + tall_rows_of(width) <= n_rows:
            rows = tall_rows_of(width)
            if is_half:
                row_tile_half(a_rows, b, n_panels, n_remaining, c_rows, own)
            else:
                row_tile_tall(a_rows, b, n_panels, n_remaining, c_rows, own)
        elif is_tall:
            rows = FIRST + TILE_ROWS
            if is_half:
                row_tile_half_rest(a_rows, b, n_panels, n_remaining, c_rows, own)
            else:
                row_tile_rest(a_rows, b, n_panels, n_remaining, c_rows, own)
        else:
            rows = wide_rows(padded - row)
            for _ in range(per_tile):
                prefetch(b.array, ahead)
                ahead += LINE_BYTES
            if rows == TILE_ROWS:
                row_tile_wide(a_rows, b, n_panels, n_remaining, c_rows, own)
            else:
                row_tile_widest(a_rows, b, n_panels, n_remaining, c_rows, own)
        row += rows


@inlined
def multiply_few(a: Any, b: Any, depth: int, c: Any, n_rows: int, first: int, last: int, epilogue: Any) -> None:
    """Do what `multiply_panels` does for a few rows, and write no more of them."""
    width = TILE_VECTORS * VECTOR_BYTES // c.array.itemsize
    whole, remaining = depth // width, depth % width
    for i in range(0, n_rows * width, width):
        panel, a_row = first, from_element(a, a.start + i)
        while panel < last:
            offset = panel * c.stride + i
            b_panel, c_row = from_element(b, b.start + panel * b.stride), from_element(c, c.start + offset)
            own = _finishing(epilogue, offset, False, True)
            if panel + THIN_PANELS <= last:
                thin_tile_wide(a_row, b_panel, whole, remaining, c_row, own)
                panel += THIN_PANELS
            else:
                thin_tile_one(a_row, b_panel, whole, remaining, c_row, own)
                panel += 1
