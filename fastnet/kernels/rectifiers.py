"""Rectifiers other than ReLU, compiled. The maths stands in `fastnet.reference.rectifiers`."""

from __future__ import annotations

from fastnet.kernels.activations import elementwise_backward, elementwise_forward
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = [
    "elu_backward", "elu_forward",
    "leaky_relu_backward", "leaky_relu_forward",
    "selu_backward", "selu_forward",
    "softplus_backward", "softplus_forward",
]  # fmt: skip


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
