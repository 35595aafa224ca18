"""The boundary between callers' arrays and kernels: one kind of array goes in, any layout comes out.

Numba compiles a function anew for each layout and for read-only arrays. Kernels therefore see only
C-contiguous inputs, typed read-only, and C-contiguous writable outputs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import types
from numba.np.arrayobj import populate_array

from fastnet.compiler.policy import emitted
from fastnet.validation.operations import FloatArray

LINE_BYTES = 64
"""Bytes of a cache line, and of the widest vector. One that lies across two lines takes twice the time."""


def zeros(shape: int | tuple[int, ...], dtype: Any = np.float64) -> Any:
    """Return `np.zeros(shape, dtype)` at the beginning of a cache line; NumPy promises 16 bytes.

    For memory that is read before it is written; `empty` is for memory that may hold anything.
    """
    return _aligned(np.zeros, shape, dtype)


def empty(shape: int | tuple[int, ...], dtype: Any = np.float64) -> Any:
    """Return `np.empty(shape, dtype)` at the beginning of a cache line."""
    return _aligned(np.empty, shape, dtype)


def _aligned(make: Callable[..., Any], shape: int | tuple[int, ...], dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    n_bytes = (shape if isinstance(shape, int) else math.prod(shape)) * dtype.itemsize
    memory = make(n_bytes + LINE_BYTES, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % LINE_BYTES)


def read_only(array: Any) -> Any:
    """Return a C-contiguous read-only view of `array`, or of a copy where its layout asks for one."""
    if type(array) is np.ndarray and array.ndim > 0 and array.flags.c_contiguous:
        view = array.view()
    else:
        view = np.ascontiguousarray(array).view(np.ndarray)  # of a copy, or in one dimension instead of none
    view.setflags(write=False)
    return view


@functools.cache
def no_elements(dtype: Any, ndim: int = 1) -> tuple[Any, Any]:
    """Return empty arrays, read-only and not, for what a call has none of: the same for all calls."""
    return read_only(np.empty((0,) * ndim, dtype)), np.empty((0,) * ndim, dtype)


@emitted
def in_a_row(_typing: Any, array: Any) -> Any:
    """Return the elements of a C-contiguous array in one dimension, in a kernel."""
    flat = array.copy(ndim=1)

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        source, view = context.make_array(array)(context, builder, args[0]), context.make_array(flat)(context, builder)
        strides = [context.get_constant(types.intp, array.dtype.bitwidth // 8)]
        populate_array(
            view, data=source.data, shape=[source.nitems], strides=strides, itemsize=source.itemsize,
            meminfo=source.meminfo, parent=source.parent,
        )  # fmt: skip
        return view._getvalue()

    return flat(array), codegen


@emitted
def to_read(_typing: Any, array: Any) -> Any:
    """Return an array, in a kernel that has written to it, of the type that inputs have."""

    def codegen(_context: Any, _builder: Any, _signature: Any, args: Any) -> Any:
        return args[0]

    return array.copy(readonly=True)(array), codegen


def flat(array: Any) -> Any:
    """Return `read_only(array)` in one dimension."""
    if type(array) is not np.ndarray:
        return read_only(array).reshape(-1)
    view = array.ravel()  # of a copy where the layout asks for one
    view.setflags(write=False)
    return view


def fill(out: FloatArray, kernel: Callable[..., Any], *inputs: Any) -> Any:
    """Call `kernel(*inputs, target)` and see that what it writes to the target arrives in `out`.

    The target is `out` where that is contiguous; a one-dimensional input asks for a one-dimensional target.
    """
    target = out if out.flags.c_contiguous else np.ascontiguousarray(out)
    result = kernel(*inputs, target)
    if target is not out:
        out[...] = target
    return result
