"""Matrix products on the register tile: micro-panels, blocking, and the product of whole arrays.

All operands lie in micro-panels: `width` columns (a tile's) of all rows, then the next `width` columns. Tiles then read
and write contiguous runs, whatever the layout of the caller's arrays, and need no masks: what pads the last micro-panel
is computed along and never read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet._jit import inlined, vector_bits
from fastnet._threads import resolve_threads
from fastnet.kernels.runtime.arrays import LINE_BYTES, flat, no_elements, room
from fastnet.kernels.runtime.claims import make_control, share_work
from fastnet.kernels.tile.direct import LONG_ROWS, MOST_COLUMNS, multiply_directly, multiply_plain, room_for
from fastnet.kernels.tile.micro_panels import (
    THIN_PANELS,
    TILE_ROWS,
    TILE_VECTORS,
    WIDE_ROWS,
    panel_width,
    row_tile_rest,
    row_tile_tall,
    row_tile_wide,
    row_tile_widest,
    thin_tile_one,
    thin_tile_wide,
)
from fastnet.kernels.tile.moves import copy_row, prefetch
from fastnet.kernels.tile.stacks import Shape, stack_of
from fastnet.reference import checks

VECTOR_BYTES = vector_bits() // 8
BLOCK_BYTES = 16 * 1024
"""Bytes of a micro-panel of B that are used for all rows of A before the next: half of a small first-level cache."""

PIECES_PER_THREAD = 4
"""Pieces of its work that a thread does, about: who comes late finds some left."""

FEWEST_TO_TRANSPOSE = 384
"""Columns of B for which a large A that lies column by column is transposed, at least."""

FEWEST_COLUMNS = 256
"""Columns, or rows, of a piece of a large product, at least: packing B and transposing A take little of its time."""

FIRST: Any = np.int64(0)
"""For calls of inlined functions: a plain 0 would be a type of its own, and they would be compiled once more."""

FLOP_PER_THREAD = 60_000_000
"""Work that is worth a thread of its own: about a millisecond, some ten times what starting one costs."""


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
def pack(
    source: Any, s0: int, s_row: int, s_col: int, rows: int, columns: int, first: int, last: int,
    target: Any, t0: int, t_panel: int,
) -> None:  # fmt: skip
    """Copy micro-panels [first, last) of a matrix given by two strides, each to target[t0 + i * t_panel:].

    In the order in which the source lies in memory, whole rows of a micro-panel as vectors.
    """
    width = TILE_VECTORS * VECTOR_BYTES // target.itemsize
    one = target.dtype.type(1)
    for panel in range(first, last):
        count = min(width, columns - panel * width)
        start, begin = s0 + panel * width * s_col, t0 + panel * t_panel
        if s_col == 1 and count == width:
            for r in range(rows):
                copy_row(source, start + r * s_row, target, begin + r * width, one)
        else:
            for j in range(count):
                for r in range(rows):
                    target[begin + r * width + j] = source[start + r * s_row + j * s_col]


@inlined
def unpack(
    source: Any, s0: int, s_panel: int, rows: int, columns: int, first: int, last: int,
    target: Any, t0: int, t_row: int,
) -> None:  # fmt: skip
    """Copy micro-panels [first, last) back to a matrix whose columns lie one after the other."""
    width = TILE_VECTORS * VECTOR_BYTES // source.itemsize
    one = source.dtype.type(1)
    for panel in range(first, last):
        count = min(width, columns - panel * width)
        start, begin = s0 + panel * s_panel, t0 + panel * width
        if count == width:
            for r in range(rows):
                copy_row(source, start + r * width, target, begin + r * t_row, one)
        else:
            for r in range(rows):
                for j in range(count):
                    target[begin + r * t_row + j] = source[start + r * width + j]


@inlined
def multiply_panels(
    a: Any, a0: int, a_panel: int, b: Any, b0: int, b_panel: int, k: int,
    c: Any, c0: int, c_panel: int, m: int, n: int, first: int, last: int,
) -> None:  # fmt: skip
    """Micro-panels [first, last) of C[:m, :n] = A[:m, :k] @ B[:k, :n], m and n up to whole tiles."""
    lanes = VECTOR_BYTES // c.itemsize
    width = TILE_VECTORS * lanes
    tall_rows = tall_rows_of(width)
    whole = k // width
    fitting = max(1, BLOCK_BYTES // (width * width * c.itemsize))
    blocks = max(1, (whole + fitting // 2) // fitting)
    block = max(1, (whole + blocks - 1) // blocks)  # blocks of one size: a short last one would cost most
    n_tiles, lines = (m + TILE_ROWS - 1) // TILE_ROWS, block * width * width * c.itemsize // LINE_BYTES
    per_tile = (lines + n_tiles - 1) // max(n_tiles, 1)
    padded_m = (m + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    for q in range(0, max(whole, 1), block):
        count = min(block, whole - q)
        remaining = k - whole * width if q + block >= whole else 0
        for panel in range(first, last):
            a_at, b_at, c_at = a0 + q * a_panel, b0 + panel * b_panel + q * width * width, c0 + panel * c_panel
            if n - panel * width > lanes:
                ahead = (b_at + b_panel) * c.itemsize
                row = 0
                while row < m:
                    i, rows = row * width, wide_rows(padded_m - row)
                    for _ in range(per_tile):
                        prefetch(b, ahead)
                        ahead += LINE_BYTES
                    if rows == TILE_ROWS:
                        row_tile_wide(a, a_at + i, a_panel, b, b_at, count, remaining, c, c_at + i, q > 0)
                    else:
                        row_tile_widest(a, a_at + i, a_panel, b, b_at, count, remaining, c, c_at + i, q > 0)
                    row += rows
                continue
            tall = m // tall_rows * tall_rows * width
            for i in range(0, tall, tall_rows * width):
                row_tile_tall(a, a_at + i, a_panel, b, b_at, count, remaining, c, c_at + i, q > 0)
            for i in range(tall, m * width, TILE_ROWS * width):
                row_tile_rest(a, a_at + i, a_panel, b, b_at, count, remaining, c, c_at + i, q > 0)


FEW_ROWS = 3
"""Rows up to which each is multiplied by itself: B is then read as often, but nothing is computed in vain."""


@inlined
def multiply_few(
    a: Any, a0: int, a_panel: int, b: Any, b0: int, b_panel: int, k: int,
    c: Any, c0: int, c_panel: int, m: int, first: int, last: int,
) -> None:  # fmt: skip
    """Do what `multiply_panels` does for m rows, a few, and write no more of them."""
    width = TILE_VECTORS * VECTOR_BYTES // c.itemsize
    whole, remaining = k // width, k % width
    for i in range(0, m * width, width):
        panel = first
        while panel + THIN_PANELS <= last:
            b_at, c_at = b0 + panel * b_panel, c0 + panel * c_panel + i
            thin_tile_wide(a, a0 + i, a_panel, b, b_at, b_panel, whole, remaining, c, c_at, c_panel)
            panel += THIN_PANELS
        while panel < last:
            b_at, c_at = b0 + panel * b_panel, c0 + panel * c_panel + i
            thin_tile_one(a, a0 + i, a_panel, b, b_at, b_panel, whole, remaining, c, c_at, c_panel)
            panel += 1


def multiply(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    bias: npt.NDArray[Any] | None = None,
    relu: bool = False,
    out: npt.NDArray[Any] | None = None,
    n_threads: int | None = None,
) -> npt.NDArray[Any]:
    """Multiply (..., m, k) by (..., k, n) with broadcasting; optionally add (n,) and apply ReLU."""
    if out is not None and is_plain(a, b, out):
        k, n = a.shape[-1], b.shape[-1]
        items = b.size // (k * n)
        added = no_elements(a.dtype)[0] if bias is None else flat(bias)
        numbers = items, a.size // (k * items), k, n, int(relu), 1
        multiply_plain(flat(a), flat(b), added, out.ravel(), numbers)
        return out
    batch_shape = checks.batch_shape(a, b)
    dtype, (m, k), n = a.dtype, a.shape[-2:], b.shape[-1]
    result = np.empty((*batch_shape, m, n), dtype) if out is None else out
    if result.size == 0:
        return result
    target = result if result.flags.c_contiguous else np.empty(result.shape, dtype)
    a_stack, b_stack = stack_of(a, batch_shape), stack_of(b, batch_shape)
    shape = a_stack[1].size, m, k, n
    added = no_elements(dtype)[0] if bias is None else flat(bias)
    team = threads_for(2 * result.size * k, n_threads)
    _multiply_directly(team, shape, a_stack, b_stack, target.ravel(), added, relu)
    if target is not result:
        result[...] = target
    return result


SMALL = 2_200_000
"""Multiply-adds up to which a product is made with as little ado as can be, and a layer's gradients in one call."""


def is_plain(a: npt.NDArray[Any], b: npt.NDArray[Any], c: npt.NDArray[Any]) -> bool:
    """Tell whether these are small, and the matrices of each lie one after the other, row after row.

    B is one matrix, or as many as there are of A; nothing is empty.
    """
    return (
        a.flags.c_contiguous
        and b.flags.c_contiguous
        and c.flags.c_contiguous
        and (b.ndim == 2 or a.shape[:-2] == b.shape[:-2])
        and 0 < c.size * a.shape[-1] <= SMALL
    )


def _multiply_directly(team: int, shape: Shape, a: Any, b: Any, c: Any, bias: Any, relu: bool) -> None:
    """Cut the work into items, make room for each thread, and have it done."""
    items, m, k, n = shape
    n_packed = room_for((m, k, n), c.itemsize)
    pieces = 1 if team == 1 else PIECES_PER_THREAD * team
    groups, per_matrix = min(items, pieces), -(-pieces // items)
    blocks, splits = max(1, min(per_matrix, m // TILE_ROWS)), 1
    if n_packed > 0:  # columns rather than rows: then no two threads pack the same of B
        splits = max(-(-n // MOST_COLUMNS), min(per_matrix, n // FEWEST_COLUMNS), 1)
        blocks = max(1, min(-(-per_matrix // splits), m // FEWEST_COLUMNS))
    n_room = n_packed
    if n_packed > 0 and a[3] != 1 and n >= FEWEST_TO_TRANSPOSE:
        blocks = max(blocks, -(-m // LONG_ROWS))
        n_room += -(-m // blocks) * k
    elif n_packed == 0 and b[3] != 1:
        n_room = k * n
    written, scratch = no_elements(c.dtype, 2) if n_room == 0 else room(team, n_room, c.dtype)
    numbers = (*a[2:], *b[2:], k, m, n, groups, blocks, splits, n_packed, int(n_room > n_packed), int(relu))
    if team == 1:
        multiply_directly(0, make_control(), a[0], a[1], b[0], b[1], c, bias, scratch, written, numbers)
    else:
        share_work(multiply_directly, team, a[0], a[1], b[0], b[1], c, bias, scratch, written, numbers)


def threads_for(flop: int, n_threads: int | None = None, per_thread: int | None = None) -> int:
    """Count the threads to use: those asked for, else those worth starting for so much work.

    Results do not depend on it.
    """
    if n_threads is not None:
        return resolve_threads(n_threads)
    worth = flop // (per_thread or FLOP_PER_THREAD)
    return min(resolve_threads(None), worth) if worth > 1 else 1
