"""Elementwise activations, compiled. The maths stands in `fastnet.reference.activations`.

Outside of training they copy, and then work in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.compiler.policy import inlined, kernel
from fastnet.kernels.codegen import elementary, scalar_rectifiers
from fastnet.kernels.runtime.arrays import fill, flat
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

IDENTITY, RELU, SIGMOID, TANH, LEAKY_RELU, ELU, SELU, SOFTPLUS, GELU, SILU = range(10)
CODES = {
    "identity": IDENTITY, "relu": RELU, "sigmoid": SIGMOID, "tanh": TANH, "leaky_relu": LEAKY_RELU, "elu": ELU,
    "selu": SELU, "softplus": SOFTPLUS, "gelu": GELU, "silu": SILU,
}  # fmt: skip


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
    elif code == LEAKY_RELU:
        for i in range(y.size):
            y[i] = scalar_rectifiers.leaky_relu(y[i])
    elif code == ELU:
        for i in range(y.size):
            y[i] = scalar_rectifiers.elu(y[i])
    elif code == SELU:
        for i in range(y.size):
            y[i] = scalar_rectifiers.selu(y[i])
    elif code == SOFTPLUS:
        for i in range(y.size):
            y[i] = scalar_rectifiers.softplus(y[i])
    elif code == GELU:
        for i in range(y.size):
            y[i] = scalar_rectifiers.gelu(y[i])
    elif code == SILU:
        for i in range(y.size):
            y[i] = scalar_rectifiers.silu(y[i])


@inlined
def activate_with_slope(code: int, y: Any, slope: Any) -> None:
    """Replace y by f(y), and write f'(y) of what it was to slope: for GELU and SILU, whose outputs do not tell."""
    if code == GELU:
        for i in range(y.size):
            x = y[i]
            slope[i] = scalar_rectifiers.gelu_slope(x)
            y[i] = scalar_rectifiers.gelu(x)
    elif code == SILU:
        for i in range(y.size):
            x = y[i]
            slope[i] = scalar_rectifiers.silu_slope(x)
            y[i] = scalar_rectifiers.silu(x)


@inlined
def differentiate(code: int, d: Any, y: Any) -> None:
    """Replace d by d * f'(x), with f' in terms of the output y = f(x), another array; both 1-D.

    For GELU and SILU, y is the slope from `activate_with_slope` instead.
    """
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
    elif code == LEAKY_RELU:
        for i in range(y.size):
            d[i] = scalar_rectifiers.leaky_relu_gradient(d[i], y[i])
    elif code == ELU:
        for i in range(y.size):
            d[i] = scalar_rectifiers.elu_gradient(d[i], y[i])
    elif code == SELU:
        for i in range(y.size):
            d[i] = scalar_rectifiers.selu_gradient(d[i], y[i])
    elif code == SOFTPLUS:
        for i in range(y.size):
            d[i] = scalar_rectifiers.softplus_gradient(d[i], y[i])
    elif code != IDENTITY:
        for i in range(y.size):
            d[i] = d[i] * y[i]


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


def elementwise_forward(code: int, out: FloatArray, x: FloatArray) -> FloatArray:
    """Write the activation of that code to out, and return it."""
    if out.flags.c_contiguous:
        _activate(code, flat(x), out.ravel())
    else:
        fill(out, lambda x, target: _activate(code, x, target.ravel()), flat(x))
    return out


def elementwise_backward(code: int, out: FloatArray, dy: FloatArray, y: FloatArray) -> FloatArray:
    """Write the gradient to out, and return it; y is the output."""
    y = y.copy() if np.may_share_memory(out, y) else y  # which is read after dy is written to out
    if out.flags.c_contiguous:
        _differentiate(code, flat(dy), flat(y), out.ravel())
    else:
        fill(out, lambda dy, y, target: _differentiate(code, dy, y, target.ravel()), flat(dy), flat(y))
    return out


def identity_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x; NumPy copies at the memory's speed."""
    y = checks.alike(out, x=x)
    y[...] = x
    return y


def identity_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dx = dy; NumPy copies at the memory's speed."""
    dx = checks.alike(out, dy=dy, y=y)
    dx[...] = dy
    return dx


def relu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Rectify, y = max(x, 0); vector code."""
    return elementwise_forward(RELU, checks.alike(out, x=x), x)


def relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy where y > 0, else 0; vector code."""
    return elementwise_backward(RELU, checks.alike(out, dy=dy, y=y), dy, y)


def sigmoid_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Logistic function, y = 1 / (1 + exp(-x)); vector code."""
    return elementwise_forward(SIGMOID, checks.alike(out, x=x), x)


def sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy * y * (1 - y); vector code."""
    return elementwise_backward(SIGMOID, checks.alike(out, dy=dy, y=y), dy, y)


def tanh_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Hyperbolic tangent; vector code."""
    return elementwise_forward(TANH, checks.alike(out, x=x), x)


def tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy * (1 - y**2); vector code."""
    return elementwise_backward(TANH, checks.alike(out, dy=dy, y=y), dy, y)
