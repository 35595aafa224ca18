"""Rectifiers other than ReLU, compiled. The maths stands in `fastnet.reference.rectifiers`."""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import kernel
from fastnet.kernels.activations import (
    ELU,
    GELU,
    LEAKY_RELU,
    SELU,
    SILU,
    SOFTPLUS,
    elementwise_backward,
    elementwise_forward,
)
from fastnet.kernels.codegen import scalar_rectifiers
from fastnet.kernels.runtime.arrays import fill, flat
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray


@kernel
def _differentiate_at(code: int, dy: Any, x: Any, dx: Any) -> None:
    if code == GELU:
        for i in range(dy.size):
            dx[i] = dy[i] * scalar_rectifiers.gelu_slope(x[i])
    else:
        for i in range(dy.size):
            dx[i] = dy[i] * scalar_rectifiers.silu_slope(x[i])


def _backward_of_input(code: int, out: FloatArray, dy: FloatArray, x: FloatArray) -> FloatArray:
    fill(out, lambda dy, x, target: _differentiate_at(code, dy, x, target.reshape(-1)), flat(dy), flat(x))
    return out


def leaky_relu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x where x > 0, else 0.01 x; vector code."""
    return elementwise_forward(LEAKY_RELU, checks.alike(out, x=x), x)


def leaky_relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy where y > 0, else 0.01 dy; vector code."""
    return elementwise_backward(LEAKY_RELU, checks.alike(out, dy=dy, y=y), dy, y)


def elu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x where x > 0, else exp(x) - 1; vector code."""
    return elementwise_forward(ELU, checks.alike(out, x=x), x)


def elu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy where y > 0, else dy * (y + 1); vector code."""
    return elementwise_backward(ELU, checks.alike(out, dy=dy, y=y), dy, y)


def selu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = 1.0507 x where x > 0, else 1.7581 * (exp(x) - 1); vector code."""
    return elementwise_forward(SELU, checks.alike(out, x=x), x)


def selu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """1.0507 dy where y > 0, else dy * (y + 1.7581); vector code."""
    return elementwise_backward(SELU, checks.alike(out, dy=dy, y=y), dy, y)


def softplus_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """log(1 + exp(x)) without overflow; vector code."""
    return elementwise_forward(SOFTPLUS, checks.alike(out, x=x), x)


def softplus_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy * (1 - exp(-y)); vector code."""
    return elementwise_backward(SOFTPLUS, checks.alike(out, dy=dy, y=y), dy, y)


def silu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x * sigmoid(x); vector code."""
    return elementwise_forward(SILU, checks.alike(out, x=x), x)


def silu_backward(dy: FloatArray, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy times the slope at x; one pass of vector code, with one exp."""
    return _backward_of_input(SILU, checks.alike(out, dy=dy, x=x), dy, x)


def gelu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x * sigmoid(v(x)), the tanh form; vector code."""
    return elementwise_forward(GELU, checks.alike(out, x=x), x)


def gelu_backward(dy: FloatArray, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy times the slope at x; one pass of vector code, with one exp."""
    return _backward_of_input(GELU, checks.alike(out, dy=dy, x=x), dy, x)
