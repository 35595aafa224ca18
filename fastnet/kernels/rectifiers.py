"""Rectifiers other than ReLU, compiled. The maths stands in `fastnet.reference.rectifiers`."""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import kernel
from fastnet.kernels.activations import elementwise_backward, elementwise_forward
from fastnet.kernels.codegen.scalar_activations import CODES, differentiate_at
from fastnet.kernels.runtime.arrays import fill, flat
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = [
    "elu_backward",
    "elu_forward",
    "gelu_backward",
    "gelu_forward",
    "leaky_relu_backward",
    "leaky_relu_forward",
    "selu_backward",
    "selu_forward",
    "silu_backward",
    "silu_forward",
    "softplus_backward",
    "softplus_forward",
]


@kernel
def _differentiate_at(code: int, dy: Any, x: Any, dx: Any) -> None:
    differentiate_at(code, dy, x, dx)


def _backward_of_input(name: str, out: FloatArray, dy: FloatArray, x: FloatArray) -> FloatArray:
    code = CODES[name]
    fill(out, lambda dy, x, target: _differentiate_at(code, dy, x, target.reshape(-1)), flat(dy), flat(x))
    return out


def leaky_relu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x where x > 0, else 0.01 x; vector code."""
    return elementwise_forward("leaky_relu", checks.alike(out, x=x), x)


def leaky_relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy where y > 0, else 0.01 dy; vector code."""
    return elementwise_backward("leaky_relu", checks.alike(out, dy=dy, y=y), dy, y)


def elu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x where x > 0, else exp(x) - 1; vector code."""
    return elementwise_forward("elu", checks.alike(out, x=x), x)


def elu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy where y > 0, else dy * (y + 1); vector code."""
    return elementwise_backward("elu", checks.alike(out, dy=dy, y=y), dy, y)


def selu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = 1.0507 x where x > 0, else 1.7581 * (exp(x) - 1); vector code."""
    return elementwise_forward("selu", checks.alike(out, x=x), x)


def selu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """1.0507 dy where y > 0, else dy * (y + 1.7581); vector code."""
    return elementwise_backward("selu", checks.alike(out, dy=dy, y=y), dy, y)


def softplus_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """log(1 + exp(x)) without overflow; vector code."""
    return elementwise_forward("softplus", checks.alike(out, x=x), x)


def softplus_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy * (1 - exp(-y)); vector code."""
    return elementwise_backward("softplus", checks.alike(out, dy=dy, y=y), dy, y)


def silu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x * sigmoid(x); vector code."""
    return elementwise_forward("silu", checks.alike(out, x=x), x)


def silu_backward(dy: FloatArray, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy times the slope at x; one pass of vector code, with one exp."""
    return _backward_of_input("silu", checks.alike(out, dy=dy, x=x), dy, x)


def gelu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x * sigmoid(v(x)), the tanh form; vector code."""
    return elementwise_forward("gelu", checks.alike(out, x=x), x)


def gelu_backward(dy: FloatArray, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy times the slope at x; one pass of vector code, with one exp."""
    return _backward_of_input("gelu", checks.alike(out, dy=dy, x=x), dy, x)
