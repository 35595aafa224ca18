"""Gated activations, compiled. The maths stands in `fastnet.reference.gated`."""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import kernel
from fastnet.kernels.activations import elementwise_forward
from fastnet.kernels.codegen.scalar_activations import CODES, differentiate_at
from fastnet.kernels.runtime.arrays import fill, flat
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = [
    "gelu_backward", "gelu_forward",
    "mish_backward", "mish_forward",
    "silu_backward", "silu_forward",
]  # fmt: skip


@kernel
def _differentiate_at(code: int, dy: Any, x: Any, dx: Any) -> None:
    differentiate_at(code, dy, x, dx)


def _backward_of_input(name: str, out: FloatArray, dy: FloatArray, x: FloatArray) -> FloatArray:
    code = CODES[name]
    fill(out, lambda dy, x, target: _differentiate_at(code, dy, x, target.reshape(-1)), flat(dy), flat(x))
    return out


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


def mish_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """y = x * tanh(softplus(x)); vector code, with one exp."""
    return elementwise_forward("mish", checks.alike(out, x=x), x)


def mish_backward(dy: FloatArray, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """dy times the slope at x; one pass of vector code."""
    return _backward_of_input("mish", checks.alike(out, dy=dy, x=x), dy, x)
