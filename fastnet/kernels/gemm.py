"""Matrix products on the register tile: packing, blocking, and the product of whole arrays.

B is packed in panels: `width` columns (that of the widest tile) of all rows, one after the other, the last
panel padded. A tile then reads B contiguously, whatever the strides, and needs no masks. Inside a panel the
reduction runs in blocks that fit the first-level cache and are used for all rows of A before the next.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet._jit import inlined, kernel, vector_bits
from fastnet._threads import resolve_threads, run_team
from fastnet.kernels.arrays import flat, locked
from fastnet.kernels.barrier import meet
from fastnet.kernels.simd import TILE_ROWS, TILE_VECTORS, panel_width, tile_narrow, tile_wide

VECTOR_BYTES = vector_bits() // 8
BLOCK_BYTES = 16 * 1024
"""Bytes of a panel that are used for all rows of A before the next: half of a small first-level cache."""

FLOP_PER_THREAD = 60_000_000
"""Work that is worth a thread of its own: about a millisecond, some ten times what starting one costs."""


def padded(count: int, multiple: int) -> int:
    """Round up to a whole multiple."""
    return -(-count // multiple) * multiple


@inlined
def share(count: int, thread: int, n_threads: int) -> tuple[int, int]:
    """First and last (exclusive) of the items that one thread of a team works on."""
    return count * thread // n_threads, count * (thread + 1) // n_threads


@inlined
def pack_panel(b: Any, b0: int, b_red: int, b_col: int, k: int, columns: int, packed: Any, p0: int) -> None:
    """Copy one panel, B[:k, :columns] by two strides, into packed[p0:], its missing columns zero."""
    width = TILE_VECTORS * VECTOR_BYTES // packed.itemsize
    for row in range(k):
        target = packed[p0 + row * width : p0 + (row + 1) * width]
        source = b[b0 + row * b_red :]
        if b_col == 1:
            for j in range(columns):
                target[j] = source[j]
        else:
            for j in range(columns):
                target[j] = source[j * b_col]
        for j in range(columns, width):
            target[j] = 0


@inlined
def gemm(
    a: Any, a0: int, a_row: int, a_red: int, packed: Any, p0: int, p_panel: int, k: int,
    c: Any, c0: int, c_row: int, m: int, n: int, zeros: Any,
) -> None:  # fmt: skip
    """C[:m, :n] = A[:m, :k] @ B[:k, :n], m and n rounded up to whole tiles; B packed, a panel each `p_panel`.

    A is read and C is written up to whole tiles: both must reach that far.
    """
    lanes = VECTOR_BYTES // c.itemsize
    width = TILE_VECTORS * lanes
    block = BLOCK_BYTES // (width * c.itemsize)
    for k0 in range(0, max(k, 1), block):
        depth = min(block, k - k0)
        # the first block starts its chains at zero, the others go on from what stands in C
        init = zeros if k0 == 0 else c
        for panel in range((n + width - 1) // width):
            b0 = p0 + panel * p_panel + k0 * width
            for i in range(0, m, TILE_ROWS):
                ai, ci = a0 + i * a_row + k0 * a_red, c0 + i * c_row + panel * width
                init0, init_row = (0, 0) if k0 == 0 else (ci, c_row)
                if n - panel * width > lanes:
                    tile_wide(a, ai, a_row, a_red, packed, b0, width, depth, init, init0, init_row, c, ci, c_row)
                else:
                    tile_narrow(a, ai, a_row, a_red, packed, b0, width, depth, init, init0, init_row, c, ci, c_row)


@inlined
def _finish(c: Any, c0: int, c_row: int, first: int, last: int, bias: Any, relu: bool) -> None:
    """Add the bias, and apply ReLU, to rows that are still in the cache."""
    for i in range(first, last):
        row = c[c0 + i * c_row : c0 + (i + 1) * c_row]
        for j in range(bias.size):
            row[j] += bias[j]
        if relu:
            for j in range(row.size):
                row[j] = row[j] if not row[j] <= 0 else 0  # a NaN is not <= 0


class Operand(NamedTuple):
    """A stack of matrices in one flat array: element (i, j) of matrix s is flat[starts[s] + i*row + j*col]."""

    flat: Any
    starts: Any
    row: int
    col: int


@kernel
def _multiply(
    thread: int, n_threads: int, barrier: Any, a: Operand, tails: Any, b: Operand, k: int, n: int,
    c: Any, bias: Any, relu: bool, packed: Any, zeros: Any,
) -> None:  # fmt: skip
    items, m, c_row = c.shape
    target = c.reshape(c.size)
    width = TILE_VECTORS * VECTOR_BYTES // c.itemsize
    first_panel, last_panel = share((n + width - 1) // width, thread, n_threads)
    tiles = m // TILE_ROWS
    whole = tiles - (1 if tails.size > 0 else 0)
    first, last = share(tiles, thread, n_threads)
    for s in range(items):
        for panel in range(first_panel, last_panel):
            j = panel * width
            pack_panel(b.flat, b.starts[s] + j * b.col, b.row, b.col, k, min(width, n - j), packed, panel * k * width)
        if not meet(barrier, n_threads):
            return
        rows = (min(last, whole) - first) * TILE_ROWS
        c0 = (s * m + first * TILE_ROWS) * c_row
        if rows > 0:
            a0 = a.starts[s] + first * TILE_ROWS * a.row
            gemm(a.flat, a0, a.row, a.col, packed, 0, k * width, k, target, c0, c_row, rows, n, zeros)
        if last > whole and first < last:  # the rows that do not fill a tile
            c0 = (s * m + whole * TILE_ROWS) * c_row
            gemm(
                tails,
                s * TILE_ROWS * k,
                k,
                1,
                packed,
                0,
                k * width,
                k,
                target,
                c0,
                c_row,
                TILE_ROWS,
                n,
                zeros,
            )
        _finish(target, s * m * c_row, c_row, first * TILE_ROWS, last * TILE_ROWS, bias, relu)
        if not meet(barrier, n_threads):
            return


def _operand(x: npt.NDArray[Any], batch_shape: tuple[int, ...]) -> Operand:
    """Describe `x` (..., rows, columns), copied only where neither rows nor columns lie one after the other."""
    rows, columns = x.shape[-2:]
    own = np.arange(math.prod(x.shape[:-2]), dtype=np.int64).reshape(x.shape[:-2]) * (rows * columns)
    starts = np.ascontiguousarray(np.broadcast_to(own, batch_shape)).reshape(-1)
    transposed = x.swapaxes(-1, -2)
    if transposed.flags.c_contiguous and not x.flags.c_contiguous:
        return Operand(flat(transposed), starts, 1, rows)
    return Operand(flat(x), starts, columns, 1)


def multiply(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    bias: npt.NDArray[Any] | None = None,
    relu: bool = False,
    out: npt.NDArray[Any] | None = None,
) -> npt.NDArray[Any]:
    """Multiply (..., m, k) by (..., k, n) with broadcasting; optionally add (n,) and apply ReLU."""
    batch_shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (m, k), n, dtype = a.shape[-2:], b.shape[-1], a.dtype
    result = np.empty((*batch_shape, m, n), dtype) if out is None else out
    if result.size == 0:
        return result
    items = math.prod(batch_shape)
    width = panel_width(dtype.itemsize)
    shape = (items, padded(m, TILE_ROWS), padded(n, width))
    exact = shape[1:] == (m, n) and result.flags.c_contiguous
    c = result.reshape(shape) if exact else np.empty(shape, dtype)
    left = _operand(a, batch_shape)
    tails = np.zeros((items, TILE_ROWS, k) if m % TILE_ROWS else (0, 0, 0), dtype)
    if tails.size:
        rest = a[..., m - m % TILE_ROWS :, :]
        tails[:, : m % TILE_ROWS] = np.broadcast_to(rest, (*batch_shape, *rest.shape[-2:])).reshape(
            items, m % TILE_ROWS, k
        )
    run_team(
        _multiply, threads_for(2 * items * m * n * k), left, flat(tails), _operand(b, batch_shape),
        k, n, c, locked(np.empty(0, dtype) if bias is None else bias), relu,
        np.empty(padded(n, width) * k, dtype), np.zeros(width, dtype),
    )  # fmt: skip
    if not exact:
        result[...] = c[:, :m, :n].reshape(result.shape)
    return result


def threads_for(flop: int, n_threads: int | None = None) -> int:
    """Count the threads to use: those asked for, else those worth starting for so much work.

    Results do not depend on it.
    """
    if n_threads is not None:
        return resolve_threads(n_threads)
    return max(1, min(resolve_threads(None), flop // FLOP_PER_THREAD))
