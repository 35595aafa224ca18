"""The boundary between callers' arrays and kernels: one kind of array goes in, any layout comes out.

Numba compiles a function anew for each layout and for read-only arrays. Kernels therefore see only
C-contiguous inputs, typed read-only, and C-contiguous writable outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet.reference.checks import FloatArray


def locked(array: Any) -> Any:
    """Return a C-contiguous read-only view of `array`, or of a copy where its layout asks for one."""
    if type(array) is np.ndarray and array.ndim > 0 and array.flags.c_contiguous:
        view = array.view()
    else:
        view = np.ascontiguousarray(array).view(np.ndarray)  # of a copy, or in one dimension instead of none
    view.setflags(write=False)
    return view


def flat(array: Any) -> Any:
    """Return `locked(array)` in one dimension."""
    return locked(array).reshape(-1)


def fill(out: FloatArray, kernel: Callable[..., Any], *inputs: Any) -> Any:
    """Call `kernel(*inputs, target)` and see that what it writes to the target arrives in `out`.

    The target is `out` where that is contiguous; a one-dimensional input asks for a one-dimensional target.
    """
    target = out if out.flags.c_contiguous else np.ascontiguousarray(out)
    result = kernel(*inputs, target)
    if target is not out:
        out[...] = target
    return result
