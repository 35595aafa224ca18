"""Argument checks shared by the reference and the kernels.

One function per kind of operation: it rejects what the operation cannot serve (TypeError for a wrong type or
dtype, ValueError for a wrong shape, value or aliasing) and returns the array, or the arrays, to write the
result into: `out` where the caller gave it, else a new one. Nothing is converted.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
FloatDtype: TypeAlias = np.dtype[np.floating[Any]]
Shape: TypeAlias = tuple[int, ...]

FLOAT32, FLOAT64 = FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
ROWS = ("n_samples", "n_classes")
OUTPUTS = ("n_samples", "n_outputs")
FEATURES = ("n_samples", "n_features")


def array(name: str, value: object, expected: str = "a NumPy array") -> None:
    """Reject what is not an ndarray; matrices and masked arrays calculate by other rules than ndarrays."""
    if type(value) is np.ndarray:
        return
    if not isinstance(value, np.ndarray) or isinstance(value, np.matrix | np.ma.MaskedArray):
        raise TypeError(f"{name} must be {expected}, got {type(value).__name__}")


def one_dtype(**arrays: FloatArray) -> FloatDtype:
    """Return the dtype, float32 or float64, that all the named arrays have."""
    first, dtype = "", cast(FloatDtype, FLOAT64)
    for name, value in arrays.items():
        if type(value) is not np.ndarray:
            array(name, value, "a float32 or float64 array")
        own = value.dtype
        if own is dtype and first:  # most often there is one object of a dtype: no comparison
            continue
        if own is not FLOAT32 and own is not FLOAT64 and own not in FLOATS:
            raise TypeError(f"{name} must be a float32 or float64 array, got {own}")
        if not first:
            first, dtype = name, own
        elif own != dtype:
            raise TypeError(f"{first} and {name} must share one dtype, got {dtype} and {own}")
    return dtype


def shape(name: str, value: npt.NDArray[Any], expected: tuple[int | str, ...]) -> None:
    """Compare a shape with the expected one, in which a string stands for any length."""
    own = value.shape
    if own == expected:
        return
    fits = len(own) == len(expected)
    for actual, length in zip(own, expected, strict=False):
        fits = fits and (actual == length or isinstance(length, str))
    if not fits:
        comma = "," if len(expected) == 1 else ""
        wanted = f"({', '.join(str(length) for length in expected)}{comma})"
        raise ValueError(f"{name} must have shape {wanted}, got {value.shape}")


def integers(name: str, value: IntArray, length: int | str, bound: int, bound_name: str) -> None:
    """Check a 1-D array of integers in [0, bound)."""
    array(name, value, "a 1-D integer array")
    if value.dtype.kind not in "iu":
        raise TypeError(f"{name} must be a 1-D integer array, got {value.dtype}")
    shape(name, value, (length,))
    if value.size and (value.min() < 0 or value.max() >= bound):
        got = f"{value.min()} to {value.max()}"
        raise ValueError(f"{name} must lie in [0, {bound_name}) = [0, {bound}), got values from {got}")


def disjoint(name: str, value: npt.NDArray[Any], others: Sequence[npt.NDArray[Any]], in_place: bool = False) -> None:
    """Reject overlapping memory; `in_place` allows a whole array to be its own result."""
    for other in others:
        if not np.may_share_memory(value, other):
            continue
        same = value.__array_interface__["data"] == other.__array_interface__["data"] and (
            (value.shape, value.strides, value.dtype) == (other.shape, other.strides, other.dtype)
        )
        if not (in_place and same):
            raise ValueError(f"{name} must not share memory with another argument, got overlapping arrays")


def writable(name: str, value: npt.NDArray[Any]) -> None:
    """Reject a read-only array."""
    if not value.flags.writeable:
        raise ValueError(f"{name} must be writable, got a read-only array")


def output(
    out: FloatArray | None,
    expected: Shape,
    dtype: FloatDtype,
    inputs: Sequence[npt.NDArray[Any]],
    in_place: bool = False,
    name: str = "out",
) -> FloatArray:
    """Return `out` once it is checked, or a new array."""
    if out is None:
        return np.empty(expected, dtype)
    if type(out) is not np.ndarray:
        array(name, out, f"a {dtype} array")
    if out.dtype is not dtype and out.dtype != dtype:
        raise TypeError(f"{name} must be a {dtype} array, got {out.dtype}")
    shape(name, out, expected)
    writable(name, out)
    disjoint(name, out, inputs, in_place)
    return out


def outputs(
    out: tuple[FloatArray, ...] | None,
    expected: Sequence[Shape],
    dtype: FloatDtype,
    inputs: Sequence[FloatArray],
) -> tuple[FloatArray, ...]:
    """Return the arrays of `out` once they are checked, or new ones."""
    if out is None:
        return tuple(np.empty(one, dtype) for one in expected)
    if not isinstance(out, tuple):
        raise TypeError(f"out must be a tuple of {len(expected)} arrays, got {type(out).__name__}")
    if len(out) != len(expected):
        raise ValueError(f"out must be a tuple of {len(expected)} arrays, got {len(out)}")
    for i, one in enumerate(out):
        array(f"out[{i}]", one, f"a {dtype} array")
        output(one, expected[i], dtype, [*inputs, *out[:i]], name=f"out[{i}]")
    return out


def linear_forward(x: FloatArray, W: FloatArray, b: FloatArray, out: FloatArray | None) -> FloatArray:
    """Check a linear layer; return y."""
    dtype = one_dtype(x=x, W=W, b=b)
    if not (x.ndim == 2 == W.ndim and W.shape == (x.shape[1], *b.shape)):  # which one is wrong?
        shape("x", x, ("n_samples", "in_features"))
        shape("W", W, (x.shape[1], "out_features"))
        shape("b", b, (W.shape[1],))
    return output(out, (x.shape[0], W.shape[1]), dtype, (x, W, b))


def linear_backward(
    x: FloatArray, W: FloatArray, out: tuple[FloatArray, ...] | None, **upstream: FloatArray
) -> tuple[FloatArray, ...]:
    """Check the backward of a linear layer, `upstream` being the arrays of y's shape; return dx, dW, db."""
    dtype = one_dtype(**upstream, x=x, W=W)
    if not (x.ndim == 2 == W.ndim and W.shape[0] == x.shape[1]):
        shape("x", x, ("n_samples", "in_features"))
        shape("W", W, (x.shape[1], "out_features"))
    for name, value in upstream.items():
        shape(name, value, (x.shape[0], W.shape[1]))
    return outputs(out, (x.shape, W.shape, W.shape[1:]), dtype, (*upstream.values(), x, W))


def batch_shape(a: FloatArray, b: FloatArray) -> Shape:
    """Broadcast the batch dimensions of two stacks of matrices; NumPy's own way takes as long as a small product."""
    first, second = a.shape[:-2], b.shape[:-2]
    if first == second or not second:
        return first
    return second if not first else np.broadcast_shapes(first, second)


def matmul_shape(a: FloatArray, b: FloatArray) -> Shape:
    """Return the shape of a @ b for stacks of matrices."""
    if a.ndim == 2 == b.ndim and a.shape[1] == b.shape[0]:
        return (a.shape[0], b.shape[1])
    for name, value, matrix in (("a", a, "(..., m, k)"), ("b", b, "(..., k, n)")):
        if value.ndim < 2:
            raise ValueError(f"{name} must have shape {matrix}, got {value.shape}")
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"b must have shape (..., {a.shape[-1]}, n), got {b.shape}")
    if a.shape[:-2] == b.shape[:-2]:  # most often: without NumPy's own rules, which take a microsecond
        return (*a.shape[:-1], b.shape[-1])
    try:
        batch = batch_shape(a, b)
    except ValueError:
        wanted = f"batch dimensions that broadcast with {a.shape[:-2]}"
        raise ValueError(f"b must have {wanted}, got {b.shape[:-2]}") from None
    return (*batch, a.shape[-2], b.shape[-1])


def matmul_forward(a: FloatArray, b: FloatArray, out: FloatArray | None) -> FloatArray:
    """Check a batched product; return c."""
    dtype = one_dtype(a=a, b=b)
    return output(out, matmul_shape(a, b), dtype, (a, b))


def matmul_backward(
    dc: FloatArray, a: FloatArray, b: FloatArray, out: tuple[FloatArray, ...] | None
) -> tuple[FloatArray, ...]:
    """Check the backward of a batched product; return da, db."""
    dtype = one_dtype(dc=dc, a=a, b=b)
    shape("dc", dc, matmul_shape(a, b))
    return outputs(out, (a.shape, b.shape), dtype, (dc, a, b))


def alike(out: FloatArray | None, dims: tuple[str, ...] | None = None, **arrays: FloatArray) -> FloatArray:
    """Check arrays of one shape (`dims`, else any); return the result's array, which may be one of them."""
    dtype = one_dtype(**arrays)
    first, *others = arrays
    model = arrays[first]
    if dims is not None:
        shape(first, model, dims)
        if dims[-1] == "n_classes" and model.shape[-1] == 0:
            raise ValueError(f"{first} must have at least one class, got shape {model.shape}")
    for name in others:
        shape(name, arrays[name], model.shape)
    return output(out, model.shape, dtype, list(arrays.values()), in_place=True)


def labelled(out: FloatArray | None, labels: IntArray, **scores: FloatArray) -> FloatArray:
    """Check scores (n_samples, n_classes) and their labels; return a result of the scores' shape."""
    (value,) = scores.values()
    result = alike(out, ROWS, **scores)
    integers("labels", labels, value.shape[0], value.shape[1], "n_classes")
    disjoint("out", result, (labels,))
    return result
