"""Softmax over rows, compiled. The maths stands in `fastnet.reference.softmax`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.compiler.policy import inlined, kernel
from fastnet.kernels.codegen import elementary, reductions
from fastnet.kernels.runtime.arrays import fill, read_only
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = ["log_softmax_backward", "log_softmax_forward", "softmax_backward", "softmax_forward"]


@inlined
def softmax_row(x: Any, y: Any, columns: int) -> Any:
    """Write softmax(x) to y, which may be x; return the row's maximum and the sum of exp(x - maximum).

    A NaN or +inf anywhere, or nothing but -inf, makes the sum and so the whole row NaN. Arrays may be longer than the
    row: what pads it becomes zero.
    """
    top = reductions.largest(x, columns)
    total = reductions.exponentials(x, top, y, columns)
    for j in range(columns, y.size):
        y[j] = 0
    for j in range(y.size):  # whole vectors, where it is padded
        y[j] /= total
    return top, total


@kernel
def _softmax(x: Any, y: Any) -> None:
    for i in range(x.shape[0]):
        softmax_row(x[i], y[i], x.shape[1])


@kernel
def _softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    for i in range(y.shape[0]):
        inner = reductions.dot(dy[i], y[i], y.shape[1])
        for j in range(y.shape[1]):
            dx[i, j] = y[i, j] * (dy[i, j] - inner)


@kernel
def _log_softmax(x: Any, exps: Any, y: Any) -> None:
    """`exps` has room for a row."""
    for i in range(x.shape[0]):
        source, target = x[i], y[i]
        top = reductions.largest(source, source.size)
        log_total = elementary.log(reductions.exponentials(source, top, exps, source.size))
        for j in range(source.size):
            target[j] = (source[j] - top) - log_total


@kernel
def _log_softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    for i in range(y.shape[0]):
        total = reductions.total(dy[i], y.shape[1])
        for j in range(y.shape[1]):
            dx[i, j] = dy[i, j] - elementary.exp(y[i, j]) * total


def softmax_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Softmax of each row, less its maximum; a row stays in the first-level cache."""
    y = checks.alike(out, checks.ROWS, x=x)
    fill(y, _softmax, read_only(x))
    return y


def softmax_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y * (dy - sum of dy * y) for each row."""
    dx = checks.alike(out, checks.ROWS, dy=dy, y=y)
    fill(dx, _softmax_backward, read_only(dy), read_only(y))
    return dx


def log_softmax_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Logarithm of softmax of each row, through log-sum-exp."""
    y = checks.alike(out, checks.ROWS, x=x)
    fill(y, _log_softmax, read_only(x), np.empty(x.shape[1], x.dtype))
    return y


def log_softmax_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy - exp(y) * sum of dy for each row, y the log-probabilities."""
    dx = checks.alike(out, checks.ROWS, dy=dy, y=y)
    fill(dx, _log_softmax_backward, read_only(dy), read_only(y))
    return dx
