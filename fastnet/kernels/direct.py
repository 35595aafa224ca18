"""Products of matrices as they lie: nothing is packed, and C is written once, with its bias and ReLU.

For operands that caches hold (`fits`). B is transposed first where its rows do not lie one after the other.
"""

from __future__ import annotations

from typing import Any

from fastnet._jit import inlined, kernel, vector_bits
from fastnet.kernels.claims import claim, done, leave
from fastnet.kernels.moves import transpose_square
from fastnet.kernels.strided import (
    MOST_VECTORS,
    Epilogue,
    Operand,
    rows_by_1,
    rows_by_2,
    rows_by_3,
    rows_by_part,
)  # fmt: skip

VECTOR_BYTES = vector_bits() // 8


DIRECT_BYTES = 1024 * 1024
"""Bytes of B up to which nothing is packed: what is read again and again then stays in a second-level cache."""


def fits(shape: tuple[int, ...], itemsize: int) -> bool:
    """Tell whether (items, rows, depth, columns) are multiplied as they lie."""
    _, _, depth, n_columns = shape
    return depth * n_columns * itemsize <= DIRECT_BYTES


@inlined
def _multiply_matrix(a: Any, b: Any, depth: int, c: Any, shape: tuple[int, int], epilogue: Any) -> None:
    """C = A @ B and what follows: panels of up to three vectors, of which none is much narrower than others."""
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
        b_panel = Operand(b.array, b.start + column, b.row_stride, b.column_stride)
        c_panel = Operand(c.array, c.start + column, c.row_stride, c.column_stride)
        own = Epilogue(epilogue.bias, epilogue.start + column, epilogue.relu)
        if count == MOST_VECTORS:
            rows_by_3(a, b_panel, depth, c_panel, n_rows, last, own)
        elif count == MOST_VECTORS - 1:
            rows_by_2(a, b_panel, depth, c_panel, n_rows, last, own)
        else:
            rows_by_1(a, b_panel, depth, c_panel, n_rows, last, own)


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
def multiply_pair(a: Any, b: Any, bias: Any, c: Any, numbers: tuple[int, int, int, int]) -> None:
    """Multiply two matrices whose rows lie one after the other: what small products need, and no more."""
    n_rows, depth, n_columns, relu = numbers
    _multiply_matrix(
        Operand(a, 0, depth, 1), Operand(b, 0, n_columns, 1), depth, Operand(c, 0, n_columns, 1), (n_rows, n_columns),
        Epilogue(bias, 0, relu != 0),
    )  # fmt: skip


@kernel
def linear_gradients(
    dz: Any, x: Any, W: Any, dx: Any, dW: Any, db: Any, scratch: Any, written: Any, numbers: tuple[int, int, int, int],
) -> None:  # fmt: skip
    """Write dz @ W.T, x.T @ dz and the sum of dz over samples; `written` is `scratch`, to read: W transposed.

    The last number is 1, the distance of elements. With a constant there, LLVM would load rows of x.T as vectors and
    take them apart, which takes a fifth longer.
    """
    n_rows, n_in, n_out, one = numbers
    nothing = Epilogue(x[:0], 0, False)
    _transpose(Operand(W, 0, one, n_out), n_out, n_in, scratch, 0)
    dz_rows = Operand(dz, 0, n_out, one)
    _multiply_matrix(dz_rows, Operand(written, 0, n_in, 1), n_out, Operand(dx, 0, n_in, 1), (n_rows, n_in), nothing)
    _multiply_matrix(Operand(x, 0, one, n_in), dz_rows, n_rows, Operand(dW, 0, n_out, 1), (n_in, n_out), nothing)
    db[:] = 0
    for i in range(n_rows):
        for j in range(n_out):
            db[j] += dz[i * n_out + j]


@kernel
def multiply_directly(
    thread: int, control: Any, a: Any, a_starts: Any, b: Any, b_starts: Any, c: Any, bias: Any, scratch: Any,
    written: Any, numbers: tuple[int, ...],
) -> None:  # fmt: skip
    """Multiply the matrices of two stacks, in blocks of rows that threads claim; `written` is `scratch`, to read.

    Named tuples would take a microsecond to hand over.
    """
    a_row, a_column, b_row, b_column, depth, n_rows, n_columns, n_blocks, relu = numbers
    item, count = claim(control, thread, -1), a_starts.size * n_blocks
    own, transposed = thread * depth * n_columns, -1
    epilogue = Epilogue(bias, 0, relu != 0)
    while item < count:
        s, block = item // n_blocks, item % n_blocks
        first, end = n_rows * block // n_blocks, n_rows * (block + 1) // n_blocks
        left = Operand(a, a_starts[s] + first * a_row, a_row, a_column)
        c_rows = Operand(c, (s * n_rows + first) * n_columns, n_columns, 1)
        right = Operand(b, b_starts[s], b_row, 1)
        if b_column != 1:
            if b_starts[s] != transposed:
                transposed = b_starts[s]
                _transpose(Operand(b, transposed, b_row, b_column), depth, n_columns, scratch, own)
            right = Operand(written, own, n_columns, 1)
        _multiply_matrix(left, right, depth, c_rows, (end - first, n_columns), epilogue)
        done(control)
        item = claim(control, thread, item)
    leave(control, thread, count)
