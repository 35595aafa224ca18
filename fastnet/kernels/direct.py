"""Products of matrices as they lie: A and C where they are, and B too unless it is large or lies column by column.

`fits` tells which products; those of larger matrices run on panels (`fastnet.kernels.gemm`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet._jit import inlined, kernel, vector_bits
from fastnet.kernels.claims import claim, done, leave, share
from fastnet.kernels.moves import transpose_square
from fastnet.kernels.strided import (
    MOST_VECTORS,
    Epilogue,
    Operand,
    pack_1,
    pack_2,
    pack_3,
    rows_by_1,
    rows_by_2,
    rows_by_3,
    rows_by_part,
)  # fmt: skip

VECTOR_BYTES = vector_bits() // 8

BLOCK_BYTES = 64 * 1024
"""Bytes of a panel of B that are used for some rows of A before the next. More than a first-level cache holds: read in
order from the second one it is as fast, and C is read and written less often than in shorter pieces."""

MOST_ROWS = 16
"""A block has a multiple of so many rows: whole tiles, whatever their vectors."""

DIRECT_BYTES = 256 * 1024 if VECTOR_BYTES == 64 else 32 * 1024
"""Bytes of B up to which panels of it are not packed: wide ones may lie far apart for longer."""

FEWEST_ROWS = 64
"""Rows for which a panel is packed, at least."""

MOST_ELEMENTS = 2**18
"""Elements of B from which on rows of A and C lie so far apart that all of them are better packed: 512 x 512."""


def fits(shape: tuple[int, ...], itemsize: int) -> bool:
    """Tell whether (rows, depth, columns) are multiplied as they lie.

    Where a vector has four float64, the tile on panels does worse whatever the size.
    """
    n_rows, depth, n_columns = shape
    return n_rows < FEWEST_ROWS or depth * n_columns < MOST_ELEMENTS or itemsize * 4 == VECTOR_BYTES


def room_for(shape: tuple[int, ...], itemsize: int) -> int:
    """Count the elements that a thread needs to pack a panel, for (rows, depth, columns); 0 if it need not."""
    n_rows, depth, n_columns = shape
    if n_rows < FEWEST_ROWS or depth * n_columns * itemsize <= DIRECT_BYTES:
        return 0
    return 2 * BLOCK_BYTES // itemsize


class Room(NamedTuple):
    """Memory of a thread's own for a packed panel; `written` is `array`, to read. Where it is empty, none is packed."""

    array: Any
    written: Any


@inlined
def _pack(b: Any, depth: int, count: int, last: int, n_columns: int, room: Any) -> Any:
    """Copy a panel of B, row after row; return it as an operand."""
    target = Operand(room.array, 0, n_columns, 1)
    if count == MOST_VECTORS:
        pack_3(b, depth, target, last)
    elif count == MOST_VECTORS - 1:
        pack_2(b, depth, target, last)
    else:
        pack_1(b, depth, target, last)
    return Operand(room.written, 0, n_columns, 1)


@inlined
def _multiply_panels(a: Any, b: Any, depth: int, c: Any, shape: tuple[int, int], epilogue: Any, room: Any) -> None:
    """C = A @ B and what follows: panels of up to three vectors, of which none is much narrower than others.

    Where the last vector begins within another, that is one of its own panel: of all vectors, only one is alone.
    """
    n_rows, n_columns = shape
    lanes = VECTOR_BYTES // c.array.itemsize
    if n_columns < lanes:
        rows_by_part(a, b, depth, c, n_rows, n_columns, epilogue)
        return
    n_vectors = (n_columns + lanes - 1) // lanes
    n_panels = (n_vectors + MOST_VECTORS - 1) // MOST_VECTORS
    first = 0
    for panel in range(n_panels):
        end = n_vectors * (panel + 1) // n_panels
        column, count = first * lanes, end - first
        last = min((end - 1) * lanes, n_columns - lanes) - column
        first = end
        b_panel = Operand(b.array, b.start + column, b.row_stride, 1)
        if room.array.size > 0:
            b_panel = _pack(b_panel, depth, count, last, last + lanes, room)
        c_panel = Operand(c.array, c.start + column, c.row_stride, c.column_stride)
        own = Epilogue(epilogue.bias, epilogue.start + column, epilogue.relu, epilogue.accumulate)
        if count == MOST_VECTORS:
            rows_by_3(a, b_panel, depth, c_panel, n_rows, last, own)
        elif count == MOST_VECTORS - 1:
            rows_by_2(a, b_panel, depth, c_panel, n_rows, last, own)
        else:
            rows_by_1(a, b_panel, depth, c_panel, n_rows, last, own)


@inlined
def _multiply_matrix(
    a: Any, b: Any, depth: int, c: Any, shape: tuple[int, int], bias: Any, relu: bool, room: Any
) -> None:  # fmt: skip
    """C = A @ B, bias and ReLU, in blocks of the depth, so that a panel of B stays in a cache.

    What is packed is used for all rows; otherwise a block of rows takes panel after panel, and stays in that cache too.
    """
    n_rows, n_columns = shape
    steps = max(1, BLOCK_BYTES // (MOST_VECTORS * VECTOR_BYTES))
    n_blocks = max(1, (depth + steps // 2) // steps)
    steps = max(1, (depth + n_blocks - 1) // n_blocks)
    rows = max(1, BLOCK_BYTES // (2 * steps * c.array.itemsize)) // MOST_ROWS * MOST_ROWS + MOST_ROWS
    if room.array.size > 0:
        rows = n_rows
    for block in range(n_blocks):
        begin = block * steps
        count = min(steps, depth - begin)
        is_last = block == n_blocks - 1
        own = Epilogue(bias[: bias.size if is_last else 0], 0, relu and is_last, block > 0)
        below = Operand(b.array, b.start + begin * b.row_stride, b.row_stride, 1)
        for i in range(0, n_rows, rows):
            a_at = a.start + i * a.row_stride + begin * a.column_stride
            a_rows = Operand(a.array, a_at, a.row_stride, a.column_stride)
            c_rows = Operand(c.array, c.start + i * c.row_stride, c.row_stride, c.column_stride)
            _multiply_panels(a_rows, below, count, c_rows, (min(rows, n_rows - i), n_columns), own, room)


@inlined
def _transpose(x: Any, n_rows: int, n_columns: int, target: Any, start: int) -> None:
    """Write a matrix whose columns lie one after the other row by row: squares of vectors, and what is left."""
    side = VECTOR_BYTES // target.itemsize
    whole_rows, whole_columns = n_rows // side * side, n_columns // side * side
    for j in range(0, whole_columns, side):
        for i in range(0, whole_rows, side):
            transpose_square(
                x.array,
                x.start + i + j * x.column_stride,
                x.column_stride,
                target,
                start + i * n_columns + j,
                n_columns,
            )
    for i in range(n_rows):
        for j in range(whole_columns if i < whole_rows else 0, n_columns):
            target[start + i * n_columns + j] = x.array[x.start + i + j * x.column_stride]


@kernel
def multiply_plain(a: Any, b: Any, bias: Any, c: Any, numbers: tuple[int, int, int, int, int, int]) -> None:
    """Multiply stacks of matrices that lie one after the other, row after row: what small products need, and no more.

    The last number is 1, the distance of elements: with a constant there, LLVM would load vectors of A and take them
    apart, which takes half as long again.
    """
    items, n_rows, depth, n_columns, relu, one = numbers
    room = Room(c[:0], a[:0])
    for s in range(items):
        a_rows, b_rows = Operand(a, s * n_rows * depth, depth, one), Operand(b, s * depth * n_columns, n_columns, 1)
        c_rows = Operand(c, s * n_rows * n_columns, n_columns, 1)
        _multiply_matrix(a_rows, b_rows, depth, c_rows, (n_rows, n_columns), bias, relu != 0, room)


@kernel
def linear_gradients(
    dz: Any, x: Any, W: Any, dx: Any, dW: Any, db: Any, scratch: Any, written: Any, numbers: tuple[int, int, int, int],
) -> None:  # fmt: skip
    """Write dz @ W.T, x.T @ dz and the sum of dz over samples; `written` is `scratch`, to read: W transposed.

    The last number is 1, as in `multiply_plain`.
    """
    n_rows, n_in, n_out, one = numbers
    nothing, room = x[:0], Room(dx[:0], x[:0])
    _transpose(Operand(W, 0, one, n_out), n_out, n_in, scratch, 0)
    dz_rows = Operand(dz, 0, n_out, one)
    _multiply_matrix(
        dz_rows, Operand(written, 0, n_in, 1), n_out, Operand(dx, 0, n_in, 1), (n_rows, n_in), nothing, False, room
    )
    _multiply_matrix(
        Operand(x, 0, one, n_in), dz_rows, n_rows, Operand(dW, 0, n_out, 1), (n_in, n_out), nothing, False, room
    )
    db[:] = 0
    for i in range(n_rows):
        for j in range(n_out):
            db[j] += dz[i * n_out + j]


@kernel
def multiply_directly(
    thread: int, control: Any, a: Any, a_starts: Any, b: Any, b_starts: Any, c: Any, bias: Any, scratch: Any,
    written: Any, numbers: tuple[int, ...],
) -> None:  # fmt: skip
    """Multiply the matrices of two stacks; threads claim groups of matrices, or blocks of rows of one.

    `written` is `scratch`, to read: for each thread `n_packed` elements for a panel, then room for B transposed. Named
    tuples would take a microsecond to hand over.
    """
    a_row, a_column, b_row, b_column, depth, n_rows, n_columns, n_groups, n_blocks, n_packed, relu = numbers
    item, count = claim(control, thread, -1), n_groups * n_blocks
    own, read, transposed = scratch[thread], written[thread], -1
    room = Room(own[:n_packed], read)
    while item < count:
        group, block = item // n_blocks, item % n_blocks
        first, end = share(n_rows, block, n_blocks)
        first_matrix, end_matrix = share(a_starts.size, group, n_groups)
        for s in range(first_matrix, end_matrix):
            left = Operand(a, a_starts[s] + first * a_row, a_row, a_column)
            c_rows = Operand(c, (s * n_rows + first) * n_columns, n_columns, 1)
            right = Operand(b, b_starts[s], b_row, 1)
            if b_column != 1:
                if b_starts[s] != transposed:
                    transposed = b_starts[s]
                    _transpose(Operand(b, transposed, b_row, b_column), depth, n_columns, own, n_packed)
                right = Operand(read, n_packed, n_columns, 1)
            _multiply_matrix(left, right, depth, c_rows, (end - first, n_columns), bias, relu != 0, room)
        done(control)
        item = claim(control, thread, item)
    leave(control, thread, count)
