"""Products that take no longer than a call: small matrices, one after the other and row after row, in one thread.

NumPy multiplies two matrices of 4 x 4 in a microsecond, of which checking an argument in Python takes a good part. So
a call is first tried as it is: Python sees to the kind of the arrays, compiled code to everything else, and where that
says no, nothing has been written, and the way with all checks and messages is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.compiler.policy import called, inlined, kernel
from fastnet.kernels.codegen import elementary
from fastnet.kernels.runtime.arrays import in_a_row
from fastnet.kernels.tile.direct import MOST_COLUMNS, Room, is_direct, multiply_matrix, room_for, transpose
from fastnet.kernels.tile.operands import Operand
from fastnet.kernels.tile.products import FLOP_PER_THREAD
from fastnet.validation.operations import FLOAT32, FLOAT64

MOST_PRODUCTS = FLOP_PER_THREAD - 1
"""Multiply-adds up to which a call is plain: for more, two threads would be worth it."""

REFUSED = -1
"""What a kernel returns that has done nothing, and will not."""

ndarray = np.ndarray

NONE_32, NONE_64 = np.empty(0, np.float32), np.empty(0, np.float64)


def multiply_plainly(a: Any, b: Any, out: Any, bias: Any = NONE_32, relu: bool = False) -> Any:
    """Return (..., m, k) @ (..., k, n), in `out` if there is one; None if that is no plain product, or a wrong one.

    With a bias, there are two dimensions.
    """
    if type(a) is not ndarray or type(b) is not ndarray:
        return None
    dtype, n_dims = a.dtype, a.ndim
    none = NONE_32 if dtype is FLOAT32 else NONE_64 if dtype is FLOAT64 else None
    if none is None or b.dtype is not dtype or b.ndim != n_dims or not (a.flags.carray and b.flags.carray):
        return None
    if n_dims != 2 and n_dims != 3:
        return None
    if out is None:
        out = np.empty((*a.shape[:-1], b.shape[-1]), dtype)
    elif type(out) is not ndarray or out.dtype is not dtype or out.ndim != n_dims or not out.flags.carray:
        return None
    if bias is NONE_32:
        bias = none
    elif n_dims != 2 or not _are_like((bias,), (NONE_32,), dtype) or bias.size == 0:
        return None
    needed = _plain_product(a, b, bias, out, relu, none, 1)
    if needed > 0:
        needed = _plain_product(a, b, bias, out, relu, np.empty(needed, dtype), 1)
    return out if needed == 0 else None


def gradients_plainly(dc: Any, a: Any, b: Any, out: Any) -> Any:
    """Return dc @ b.T and a.T @ dc, the gradients of a product; None as above."""
    given = _given(dc, a, b)
    if given is None:
        return None
    dtype, none = given
    if out is None:
        out = np.empty(a.shape, dtype), np.empty(b.shape, dtype)
    elif type(out) is not tuple or len(out) != 2 or not _are_like(out, (a, b), dtype):
        return None
    scratch = np.empty(b.shape[-2] * b.shape[-1], dtype)
    da, db = out
    return out if _plain_gradients(dc, a, b, none, da, db, none, scratch, 1) else None


def layer_gradients_plainly(dy: Any, x: Any, W: Any, out: Any, y: Any = NONE_32) -> Any:
    """Return dy @ W.T, x.T @ dy and the sum of dy over samples; None as above.

    Where y is given, the layer's output, dy is first what ReLU lets through.
    """
    given = _given(dy, x, W)
    if given is None or x.ndim != 2:
        return None
    dtype, none = given
    if y is NONE_32:
        y = none
    elif not _are_like((y,), (dy,), dtype) or y.shape != dy.shape or y.size == 0:
        return None
    if out is None:
        out = np.empty(x.shape, dtype), np.empty(W.shape, dtype), np.empty(W.shape[1], dtype)
    elif type(out) is not tuple or len(out) != 3 or not _are_like(out, (x, W, none), dtype):
        return None
    scratch = np.empty(W.size + y.size, dtype)
    dx, dW, db = out
    return out if _plain_gradients(dy, x, W, y.ravel(), dx, dW, db, scratch, 1) else None


def _given(dc: Any, a: Any, b: Any) -> Any:
    """Return the dtype of three arrays, and an empty one; None if compiled code does not take them."""
    if type(dc) is not ndarray or not _are_like((a, b), (dc, dc), dc.dtype) or not dc.flags.carray:
        return None
    none = NONE_32 if dc.dtype is FLOAT32 else NONE_64 if dc.dtype is FLOAT64 else None
    return None if none is None or dc.ndim not in (2, 3) else (dc.dtype, none)


def _are_like(arrays: Any, others: Any, dtype: Any) -> bool:
    """Tell whether arrays are such that compiled code takes them, and have as many dimensions as the others."""
    for array, other in zip(arrays, others, strict=False):
        if not (type(array) is np.ndarray and array.dtype is dtype and array.ndim == other.ndim and array.flags.carray):
            return False
    return True


@inlined
def _overlap(x: Any, y: Any) -> bool:
    first, second = np.int64(x.ctypes.data), np.int64(y.ctypes.data)
    return bool(first < second + y.nbytes and second < first + x.nbytes)


@inlined
def _overlap_any(x: Any, dc: Any, a: Any, b: Any, y: Any) -> bool:
    return _overlap(x, dc) or _overlap(x, a) or _overlap(x, b) or _overlap(x, y)


@inlined
def _is_plain(n_items: int, shape: tuple[int, int, int], itemsize: int) -> bool:
    """Tell whether products are few, and no B is one of which micro-panels would be packed."""
    m, k, n = shape
    return 0 < n_items * m * k * n <= MOST_PRODUCTS and is_direct(m, k * n * itemsize)


@called
def _multiply_stack(
    a: Any, b: Any, bias: Any, c: Any, shape: tuple[int, int, int], relu: bool, room: Any, one: int
) -> None:  # fmt: skip
    (m, k, n), panels = shape, Room(room, room, 0, False)
    for s in range(c.size // (m * n)):
        a_rows, b_rows = Operand(a, s * m * k, k, one), Operand(b, s * k * n, n, 1)
        multiply_matrix(a_rows, b_rows, k, Operand(c, s * m * n, n, 1), (m, n), bias, relu, panels)


@kernel
def _plain_product(a: Any, b: Any, bias: Any, c: Any, relu: bool, room: Any, one: int) -> int:
    """Multiply stacks of matrices and return 0, or do nothing: return the elements of room that it needs, or -1.

    The last number is 1, the distance of elements: with a constant there, LLVM would load vectors of A and take them
    apart, which takes half as long again.
    """
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    if b.shape[-2] != k or c.shape[-2] != m or c.shape[-1] != n or a.shape[:-2] != b.shape[:-2]:
        return REFUSED
    if a.shape[:-2] != c.shape[:-2] or not 0 < a.size * n <= MOST_PRODUCTS:
        return REFUSED
    if (bias.size != 0 and bias.size != n) or _overlap(c, a) or _overlap(c, b) or _overlap(c, bias):
        return REFUSED
    needed = room_for((m, k, n), c.itemsize, False)
    if room.size < needed:
        return needed if n <= MOST_COLUMNS else REFUSED
    _multiply_stack(in_a_row(a), in_a_row(b), bias, in_a_row(c), (m, k, n), relu, room[:needed], one)
    return 0


@inlined
def _rectify(dy: Any, y: Any, dz: Any) -> None:
    """Write dy where y is positive, NaN where y is, else 0."""
    for i in range(y.size):
        dz[i] = elementary.relu_gradient(dy[i], y[i])


@inlined
def _sum_rows(x: Any, total: Any) -> None:
    total[:] = 0
    for i in range(x.size // max(total.size, 1) if total.size > 0 else 0):
        for j in range(total.size):
            total[j] += x[i * total.size + j]


@called
def _differentiate_stack(
    dc: Any, a: Any, b: Any, da: Any, db: Any, total: Any, scratch: Any, shape: tuple[int, int, int], one: int
) -> None:  # fmt: skip
    """Write the gradients of a stack of products, for whose first each B is transposed, and the sum of rows of dc."""
    (m, k, n), none = shape, scratch[:0]
    room = Room(none, none, 0, False)
    for s in range(a.size // (m * k)):
        rows, columns = Operand(dc, s * m * n, n, one), Operand(a, s * m * k, one, k)
        transpose(Operand(b, s * k * n, one, n), n, k, scratch, 0)
        multiply_matrix(rows, Operand(scratch, 0, k, 1), n, Operand(da, s * m * k, k, 1), (m, k), none, False, room)
        multiply_matrix(columns, rows, m, Operand(db, s * k * n, n, 1), (k, n), none, False, room)
    _sum_rows(dc, total)


@kernel
def _plain_gradients(dc: Any, a: Any, b: Any, y: Any, da: Any, db: Any, total: Any, scratch: Any, one: int) -> bool:
    """Write the gradients of a stack of products, and the sum of dc over rows if `total` has elements, or nothing.

    Where y has elements, dc is first what ReLU lets through; it lies behind the transposed B in `scratch`.
    """
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    if b.shape[-2] != k or dc.shape[-2] != m or dc.shape[-1] != n or a.shape[:-2] != b.shape[:-2]:
        return False
    if da.shape != a.shape or db.shape != b.shape or a.shape[:-2] != dc.shape[:-2]:
        return False
    n_items = a.size // max(m * k, 1)
    if not _is_plain(n_items, (m, n, k), a.itemsize) or not _is_plain(n_items, (k, m, n), a.itemsize):
        return False
    if (total.size != 0 and total.size != n) or _overlap(da, db) or _overlap(da, total) or _overlap(db, total):
        return False
    if _overlap_any(da, dc, a, b, y) or _overlap_any(db, dc, a, b, y) or _overlap_any(total, dc, a, b, y):
        return False
    upstream = in_a_row(dc)
    if y.size > 0:
        rectified = scratch[b.size :]
        _rectify(upstream, y, rectified)
        upstream = rectified
    _differentiate_stack(
        upstream, in_a_row(a), in_a_row(b), in_a_row(da), in_a_row(db), total, scratch,
        (m, k, n), one,
    )  # fmt: skip
    return True
