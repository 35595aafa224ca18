"""Activation functions, compiled. The maths stands in `fastnet.reference.activations`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._jit import inlined, kernel
from fastnet.kernels import elementary
from fastnet.kernels.arrays import fill, flat, locked
from fastnet.reference import checks
from fastnet.reference.checks import FloatArray

CODES = {"identity": 0, "relu": 1, "sigmoid": 2, "tanh": 3}
IDENTITY, RELU, SIGMOID, TANH = 0, 1, 2, 3


@inlined
def activate(code: int, y: Any) -> None:
    """Replace y, 1-D, by f(y).

    In place, with one array: given two, the vector code begins by asking whether they overlap.
    """
    if code == RELU:
        for i in range(y.size):
            y[i] = elementary.relu(y[i])
    elif code == SIGMOID:
        for i in range(y.size):
            y[i] = elementary.sigmoid(y[i])
    elif code == TANH:
        for i in range(y.size):
            y[i] = elementary.tanh(y[i])


@inlined
def differentiate(code: int, d: Any, y: Any) -> None:
    """Replace d by d * f'(x), with f' in terms of the output y = f(x), another array; both 1-D."""
    one = y.dtype.type(1)
    if code == RELU:
        for i in range(y.size):
            d[i] = elementary.relu_gradient(d[i], y[i])
    elif code == SIGMOID:
        for i in range(y.size):
            d[i] = d[i] * (y[i] * (one - y[i]))
    elif code == TANH:
        for i in range(y.size):
            d[i] = d[i] * (one - y[i] * y[i])


@inlined
def softmax_row(x: Any, y: Any, columns: int) -> Any:
    """Write softmax(x) to y, which may be x; return the row's maximum and the sum of exp(x - maximum).

    A NaN or +inf anywhere, or nothing but -inf, makes the sum and so the whole row NaN.
    """
    top = x[0]
    for j in range(1, columns):
        if x[j] > top:
            top = x[j]
    total = x.dtype.type(0)
    for j in range(columns):
        y[j] = elementary.exp(x[j] - top)
    for j in range(columns):
        total += y[j]
    for j in range(columns):
        y[j] /= total
    return top, total


@kernel
def _activate(code: int, x: Any, y: Any) -> None:
    for i in range(x.size):
        y[i] = x[i]
    activate(code, y)


@kernel
def _differentiate(code: int, dy: Any, y: Any, dx: Any) -> None:
    for i in range(dy.size):
        dx[i] = dy[i]
    differentiate(code, dx, y)


@kernel
def _softmax(x: Any, y: Any) -> None:
    for i in range(x.shape[0]):
        softmax_row(x[i], y[i], x.shape[1])


@kernel
def _softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    for i in range(y.shape[0]):
        inner = y.dtype.type(0)
        for j in range(y.shape[1]):
            inner += dy[i, j] * y[i, j]
        for j in range(y.shape[1]):
            dx[i, j] = y[i, j] * (dy[i, j] - inner)


@kernel
def _log_softmax(x: Any, exps: Any, y: Any) -> None:
    """`exps` has room for a row: a loop that added exp up as it goes would not become vector code."""
    for i in range(x.shape[0]):
        source, target = x[i], y[i]
        top = source[0]
        for j in range(1, source.size):
            if source[j] > top:
                top = source[j]
        for j in range(source.size):
            exps[j] = elementary.exp(source[j] - top)
        total = x.dtype.type(0)
        for j in range(source.size):
            total += exps[j]
        log_total = x.dtype.type(math.log(total))
        for j in range(source.size):
            target[j] = (source[j] - top) - log_total


@kernel
def _log_softmax_backward(dy: Any, y: Any, dx: Any) -> None:
    for i in range(y.shape[0]):
        total = y.dtype.type(0)
        for j in range(y.shape[1]):
            total += dy[i, j]
        for j in range(y.shape[1]):
            dx[i, j] = dy[i, j] - elementary.exp(y[i, j]) * total


def _elementwise_forward(code: int, out: FloatArray, x: FloatArray) -> FloatArray:
    fill(out, lambda x, target: _activate(code, x, target.reshape(-1)), flat(x))
    return out


def _elementwise_backward(code: int, out: FloatArray, dy: FloatArray, y: FloatArray) -> FloatArray:
    y = y.copy() if np.may_share_memory(out, y) else y  # which is read after dy is written to out
    fill(out, lambda dy, y, target: _differentiate(code, dy, y, target.reshape(-1)), flat(dy), flat(y))
    return out


def identity_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Copy: y = x; one pass of vector code."""
    return _elementwise_forward(IDENTITY, checks.alike(out, x=x), x)


def identity_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dx = dy; one pass of vector code."""
    return _elementwise_backward(IDENTITY, checks.alike(out, dy=dy, y=y), dy, y)


def relu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Rectify, y = max(x, 0); one pass of vector code."""
    return _elementwise_forward(RELU, checks.alike(out, x=x), x)


def relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy where y > 0, else 0; one pass of vector code."""
    return _elementwise_backward(RELU, checks.alike(out, dy=dy, y=y), dy, y)


def sigmoid_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Logistic function, y = 1 / (1 + exp(-x)); one pass of vector code."""
    return _elementwise_forward(SIGMOID, checks.alike(out, x=x), x)


def sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy * y * (1 - y); one pass of vector code."""
    return _elementwise_backward(SIGMOID, checks.alike(out, dy=dy, y=y), dy, y)


def tanh_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Hyperbolic tangent; one pass of vector code."""
    return _elementwise_forward(TANH, checks.alike(out, x=x), x)


def tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy * (1 - y**2); one pass of vector code."""
    return _elementwise_backward(TANH, checks.alike(out, dy=dy, y=y), dy, y)


def softmax_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Softmax of each row, less its maximum; a row stays in the first-level cache."""
    y = checks.alike(out, checks.ROWS, x=x)
    fill(y, _softmax, locked(x))
    return y


def softmax_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y * (dy - sum of dy * y) for each row."""
    dx = checks.alike(out, checks.ROWS, dy=dy, y=y)
    fill(dx, _softmax_backward, locked(dy), locked(y))
    return dx


def log_softmax_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Logarithm of softmax of each row, through log-sum-exp."""
    y = checks.alike(out, checks.ROWS, x=x)
    fill(y, _log_softmax, locked(x), np.empty(x.shape[1], x.dtype))
    return y


def log_softmax_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy - exp(y) * sum of dy for each row, y the log-probabilities."""
    dx = checks.alike(out, checks.ROWS, dy=dy, y=y)
    fill(dx, _log_softmax_backward, locked(dy), locked(y))
    return dx
