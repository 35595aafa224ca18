"""Elementwise activations, compiled. The maths stands in `fastnet.reference.activations`.

Outside of training they copy, and then work in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.compiler.policy import kernel
from fastnet.kernels.codegen.scalar_activations import CODES, activate, differentiate
from fastnet.kernels.runtime.arrays import fill, flat
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = [
    "identity_backward",
    "identity_forward",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "tanh_backward",
    "tanh_forward",
]


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


def elementwise_forward(name: str, out: FloatArray, x: FloatArray) -> FloatArray:
    """Write the activation of that name to out, and return it."""
    code = CODES[name]
    if out.flags.c_contiguous:
        _activate(code, flat(x), out.ravel())
    else:
        fill(out, lambda x, target: _activate(code, x, target.ravel()), flat(x))
    return out


def elementwise_backward(name: str, out: FloatArray, dy: FloatArray, y: FloatArray) -> FloatArray:
    """Write the gradient to out, and return it; y is the output."""
    code = CODES[name]
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
    return elementwise_forward("relu", checks.alike(out, x=x), x)


def relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy where y > 0, else 0; vector code."""
    return elementwise_backward("relu", checks.alike(out, dy=dy, y=y), dy, y)


def sigmoid_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Logistic function, y = 1 / (1 + exp(-x)); vector code."""
    return elementwise_forward("sigmoid", checks.alike(out, x=x), x)


def sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy * y * (1 - y); vector code."""
    return elementwise_backward("sigmoid", checks.alike(out, dy=dy, y=y), dy, y)


def tanh_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Hyperbolic tangent; vector code."""
    return elementwise_forward("tanh", checks.alike(out, x=x), x)


def tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy * (1 - y**2); vector code."""
    return elementwise_backward("tanh", checks.alike(out, dy=dy, y=y), dy, y)
