"""Products of matrices as they lie: A and C where they are, and B too unless it is large or lies column by column.

Of a large B, micro-panels are packed; a large A that lies column by column is transposed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet.compiler.policy import inlined, kernel
from fastnet.kernels.codegen.vectors import HALF_BITS
from fastnet.kernels.runtime.arrays import to_read
from fastnet.kernels.runtime.claims import claim, done, leave, partition
from fastnet.kernels.tile.moves import transpose_square
from fastnet.kernels.tile.operands import Epilogue, Operand, below
from fastnet.kernels.tile.packing import VECTOR_BYTES
from fastnet.kernels.tile.strided import (
    MOST_VECTORS,
    pack_by_1,
    pack_by_2,
    pack_by_3,
    rows_by_1,
    rows_by_2,
    rows_by_3,
    rows_by_half,
    rows_by_part,
)  # fmt: skip

BLOCK_BYTES = 64 * 1024 if VECTOR_BYTES == 64 else 24 * 1024
"""Bytes of a micro-panel of B that are used for some rows of A before the next. With wide vectors more than a
first-level cache holds: read in order from the second one it is as fast, and C is read and written less often."""

BLOCK_BYTES_OF_A = 32 * 1024
"""Bytes of A in a block of rows, about, where micro-panels of B are not packed."""

SHORT_BLOCK_BYTES = 16 * 1024
"""The same where the columns of A lie one after the other: each line of it then holds elements of several tiles, and
stays in a first-level cache beside such a micro-panel until they have had them."""

MOST_ROWS = 16
"""A block has a multiple of so many rows: whole tiles, whatever their vectors."""

DIRECT_BYTES = 256 * 1024 if VECTOR_BYTES == 64 else 32 * 1024
"""Bytes of B up to which micro-panels of it are not packed: wide ones may lie far apart for longer."""

BRIEF_ROWS, BRIEF_BYTES = (384, 4 * 1024 * 1024) if VECTOR_BYTES == 64 else (0, 0)
"""Rows for which packing never pays, and bytes of B up to which that is so: they read B too few times. Narrow vectors
of rows that lie far apart fall on few sets of a first-level cache, so that they are packed nevertheless."""

FEWEST_ROWS = 32
"""Rows for which a micro-panel is packed, at least."""

LONG_ROWS = 384
"""Rows of a long block: of A, they stay in a large second-level cache while micro-panel after micro-panel of B is
used."""

MOST_COLUMNS = 1024
"""Columns that a thread takes at once: of B, so many are packed for blocks of rows that follow one another."""


@inlined
def depth_steps(depth: int, is_transposed: bool) -> int:
    """Count the steps of the reduction for which micro-panels of B are used before the next; A may be transposed."""
    steps = (SHORT_BLOCK_BYTES if is_transposed else BLOCK_BYTES) // (MOST_VECTORS * VECTOR_BYTES)
    n_blocks = max(1, (depth + steps // 2) // steps)
    return max(1, (depth + n_blocks - 1) // n_blocks)


@inlined
def is_direct(n_rows: int, n_bytes: int) -> bool:
    """Tell whether a B of so many bytes is read as it lies, if it lies row by row."""
    return n_rows < FEWEST_ROWS or n_bytes <= DIRECT_BYTES or (n_rows <= BRIEF_ROWS and n_bytes <= BRIEF_BYTES)


@kernel
def room_for(shape: tuple[int, int, int], itemsize: int, is_turned: bool) -> int:
    """Count the elements that a thread needs to pack micro-panels, for (rows, depth, columns); 0 if it need not.

    A B that is turned, so that its columns lie one after the other, is transposed as a whole instead if it is small.
    """
    n_rows, depth, n_columns = shape
    n_bytes = depth * n_columns * itemsize
    if n_columns * itemsize < VECTOR_BYTES or n_rows < FEWEST_ROWS or n_bytes <= DIRECT_BYTES:
        return 0
    if is_direct(n_rows, n_bytes) and not is_turned:
        return 0
    lanes = VECTOR_BYTES // itemsize
    n_vectors = -(-min(n_columns, MOST_COLUMNS) // lanes) if n_rows > LONG_ROWS else MOST_VECTORS
    return depth_steps(depth, False) * n_vectors * lanes


class Room(NamedTuple):
    """Memory of a thread's own for packed micro-panels; `written` is `array`, to read. Empty, none is packed."""

    array: Any
    written: Any
    start: int  # of the micro-panel; of all of them, steps of the reduction if each has a place of its own, else 0
    is_filled: bool  # the micro-panels are there, for other rows


@inlined
def _pack_columns(b: Any, depth: int, count: int, last: int, packed: Any) -> None:
    """Copy a micro-panel of B that lies column by column: squares of vectors, transposed, and what is left."""
    target, n_columns = packed.array, packed.row_stride
    side = VECTOR_BYTES // target.itemsize
    whole = depth // side * side
    for i in range(count):
        column = last if i == count - 1 else i * side
        start, place = b.start + column * b.column_stride, packed.start + column
        for k in range(0, whole, side):
            transpose_square(b.array, start + k, b.column_stride, target, place + k * n_columns, n_columns)
    for k in range(whole, depth):
        for j in range(n_columns):
            target[packed.start + k * n_columns + j] = b.array[b.start + k + j * b.column_stride]


@inlined
def _multiply_and_pack(a: Any, b: Any, depth: int, c: Any, count: int, last: int, epilogue: Any, packed: Any) -> Any:
    """Multiply the first rows of A by a micro-panel of B, copy that row after row, and return how many rows."""
    if count == MOST_VECTORS:
        return pack_by_3(a, b, depth, c, last, epilogue, packed)
    if count == MOST_VECTORS - 1:
        return pack_by_2(a, b, depth, c, last, epilogue, packed)
    return pack_by_1(a, b, depth, c, last, epilogue, packed)


@inlined
def _multiply_panels(a: Any, b: Any, depth: int, c: Any, shape: tuple[int, int], epilogue: Any, room: Any) -> None:
    """C = A @ B and what follows: micro-panels of up to three vectors, of which none is much narrower than others.

    A B that lies column by column is packed row by row, so there has to be room. Where the last vector begins within
    another, that is one of its own micro-panel: of all vectors, only one is alone.
    """
    n_rows, n_columns = shape
    lanes = VECTOR_BYTES // c.array.itemsize
    if n_columns < lanes:
        if HALF_BITS < 8 * VECTOR_BYTES and n_columns <= lanes // 2:
            rows_by_half(a, b, depth, c, n_rows, n_columns, epilogue)
        else:
            rows_by_part(a, b, depth, c, n_rows, n_columns, epilogue)
        return
    n_vectors = (n_columns + lanes - 1) // lanes
    n_panels = (n_vectors + MOST_VECTORS - 1) // MOST_VECTORS
    first = 0
    for panel in range(n_panels):
        end = n_vectors * (panel + 1) // n_panels
        column, count, start = first * lanes, end - first, room.start * first * lanes
        last = min((end - 1) * lanes, n_columns - lanes) - column
        first = end
        b_panel = Operand(b.array, b.start + column * b.column_stride, b.row_stride, b.column_stride)
        own = Epilogue(epilogue.bias, epilogue.start + column, epilogue.relu, epilogue.accumulate)
        c_panel, n_done = Operand(c.array, c.start + column, c.row_stride, c.column_stride), 0
        if room.array.size > 0:
            packed = Operand(room.array, start, last + lanes, 1)
            if not room.is_filled and b.column_stride != 1:
                _pack_columns(b_panel, depth, count, last, packed)
            elif not room.is_filled:
                n_done = _multiply_and_pack(a, b_panel, depth, c_panel, count, last, own, packed)
            b_panel = Operand(room.written, start, last + lanes, 1)
        a_rows, c_rows = below(a, n_done), below(c_panel, n_done)
        if count == MOST_VECTORS:
            rows_by_3(a_rows, b_panel, depth, c_rows, n_rows - n_done, last, own)
        elif count == MOST_VECTORS - 1:
            rows_by_2(a_rows, b_panel, depth, c_rows, n_rows - n_done, last, own)
        else:
            rows_by_1(a_rows, b_panel, depth, c_rows, n_rows - n_done, last, own)


@inlined
def multiply_matrix(
    a: Any, b: Any, depth: int, c: Any, shape: tuple[int, int], bias: Any, relu: bool, room: Any
) -> None:  # fmt: skip
    """C = A @ B, bias and ReLU, in blocks of the depth, so that a micro-panel of B stays in a cache.

    What is packed is used for all rows; otherwise a block of rows takes micro-panel after micro-panel, and stays in
    that cache too.
    """
    n_rows, n_columns = shape
    steps = depth_steps(depth, a.column_stride != 1)
    rows = max(1, BLOCK_BYTES_OF_A // (steps * c.array.itemsize)) // MOST_ROWS * MOST_ROWS + MOST_ROWS
    if room.array.size > 0:
        n_blocks = max(1, (n_rows + LONG_ROWS // 2) // LONG_ROWS)
        rows = (n_rows + n_blocks * MOST_ROWS - 1) // (n_blocks * MOST_ROWS) * MOST_ROWS
    for begin in range(0, max(depth, 1), steps):
        count, is_last = min(steps, depth - begin), begin + steps >= depth
        own = Epilogue(bias[: bias.size if is_last else 0], 0, relu and is_last, begin > 0)
        b_rows = Operand(b.array, b.start + begin * b.row_stride, b.row_stride, b.column_stride)
        for i in range(0, n_rows, rows):
            a_at = a.start + i * a.row_stride + begin * a.column_stride
            a_rows = Operand(a.array, a_at, a.row_stride, a.column_stride)
            c_rows = Operand(c.array, c.start + i * c.row_stride, c.row_stride, c.column_stride)
            panels = Room(room.array, room.written, count if rows < n_rows else 0, i > 0)
            _multiply_panels(a_rows, b_rows, count, c_rows, (min(rows, n_rows - i), n_columns), own, panels)


@inlined
def transpose(x: Any, n_rows: int, n_columns: int, target: Any, start: int) -> None:
    """Write a matrix whose columns lie one after the other row by row: squares of vectors, and what is left."""
    side = VECTOR_BYTES // target.itemsize
    whole_rows, whole_columns = n_rows // side * side, n_columns // side * side
    for j in range(0, whole_columns, side):
        for i in range(0, whole_rows, side):
            source, place = x.start + i + j * x.column_stride, start + i * n_columns + j
            transpose_square(x.array, source, x.column_stride, target, place, n_columns)
    for i in range(n_rows):
        for j in range(whole_columns if i < whole_rows else 0, n_columns):
            target[start + i * n_columns + j] = x.array[x.start + i + j * x.column_stride]


@kernel
def multiply_directly(
    thread: int, control: Any, a: Any, a_starts: Any, b: Any, b_starts: Any, c: Any, bias: Any, scratch: Any,
    numbers: tuple[int, ...],
) -> None:  # fmt: skip
    """Multiply the matrices of two stacks; threads claim groups of matrices, or blocks of rows and columns of one.

    Of `scratch` each thread has `n_packed` elements for micro-panels, then room for what it transposes, A where
    micro-panels are packed, else B. Named tuples would take a microsecond to hand over.
    """
    a_row, a_column, b_row, b_column, depth, n_rows, n_columns = numbers[:7]
    n_groups, n_blocks, n_splits, n_packed, transposes, relu = numbers[7:]
    item, count, per_group = claim(control, thread, -1), n_groups * n_blocks * n_splits, n_blocks * n_splits
    own, transposed = scratch[thread], -1
    read = to_read(own)
    room = Room(own[:n_packed], read, 0, False)
    while item < count:
        group, block, split = item // per_group, item % per_group // n_splits, item % n_splits
        first, end = partition(n_rows, block, n_blocks)
        first_column, end_column = partition(n_columns, split, n_splits)
        first_matrix, end_matrix = partition(a_starts.size, group, n_groups)
        added = bias[first_column:end_column]
        for s in range(first_matrix, end_matrix):
            left = Operand(a, a_starts[s] + first * a_row, a_row, a_column)
            c_rows = Operand(c, (s * n_rows + first) * n_columns + first_column, n_columns, 1)
            right = Operand(b, b_starts[s] + first_column * b_column, b_row, b_column)
            if transposes != 0 and n_packed > 0:
                transpose(left, end - first, depth, own, n_packed)
                left = Operand(read, n_packed, depth, a_row)
            elif transposes != 0:
                if b_starts[s] != transposed:
                    transposed = b_starts[s]
                    transpose(Operand(b, transposed, b_row, b_column), depth, n_columns, own, 0)
                right = Operand(read, 0, n_columns, 1)
            shape = end - first, end_column - first_column
            multiply_matrix(left, right, depth, c_rows, shape, added, relu != 0, room)
        done(control)
        item = claim(control, thread, item)
    leave(control, thread, count)
