"""Rectifiers and their gradients, of one number each. The maths stands in `fastnet.reference.rectifiers`.

Both sides of a choice are computed, so loops over these become vector code. Comparisons are such that a NaN
comes through them.
"""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import inlined
from fastnet.kernels.codegen.elementary import choose, exp, expm1, like, log1p, relu, sigmoid
from fastnet.reference.rectifiers import (
    GELU_CUBIC,
    GELU_END,
    GELU_FACTOR,
    LEAKY_SLOPE,
    SELU_ALPHA,
    SELU_SCALE,
    SILU_END,
)

SELU_SCALED_ALPHA = SELU_SCALE * SELU_ALPHA


@inlined
def leaky_relu(x: Any) -> Any:
    """x or 0.01 x."""
    return choose(x > like(0.0, x), x, like(LEAKY_SLOPE, x) * x)


@inlined
def leaky_relu_gradient(dy: Any, y: Any) -> Any:
    """dy or 0.01 dy, y where that is NaN."""
    return choose(y > like(0.0, y), dy, choose(y != y, y, like(LEAKY_SLOPE, y) * dy))


@inlined
def elu(x: Any) -> Any:
    """x or exp(x) - 1."""
    return choose(x > like(0.0, x), x, expm1(x))


@inlined
def elu_gradient(dy: Any, y: Any) -> Any:
    """dy or dy * exp(x), from y = exp(x) - 1."""
    return choose(y > like(0.0, y), dy, dy * (y + like(1.0, y)))


@inlined
def selu(x: Any) -> Any:
    """scale * x or scale * alpha * (exp(x) - 1)."""
    return choose(x > like(0.0, x), like(SELU_SCALE, x) * x, like(SELU_SCALED_ALPHA, x) * expm1(x))


@inlined
def selu_gradient(dy: Any, y: Any) -> Any:
    """dy * scale or dy * scale * alpha * exp(x), from y."""
    return dy * choose(y > like(0.0, y), like(SELU_SCALE, y), y + like(SELU_SCALED_ALPHA, y))


@inlined
def softplus(x: Any) -> Any:
    """log(1 + exp(x))."""
    return relu(x) + log1p(exp(choose(x > like(0.0, x), -x, x)))


@inlined
def softplus_gradient(dy: Any, y: Any) -> Any:
    """dy * sigmoid(x), from y."""
    return dy * -expm1(-y)


@inlined
def _at_least(x: Any, low: Any) -> Any:
    return choose(x < low, low, x)


@inlined
def within(x: Any, end: Any) -> Any:
    """Cut x to [-end, end]."""
    return choose(x > end, end, _at_least(x, -end))


@inlined
def sign(x: Any) -> Any:
    """Return -1, 0 or 1."""
    return choose(x > like(0.0, x), like(1.0, x), choose(x < like(0.0, x), like(-1.0, x), x))


@inlined
def silu(x: Any) -> Any:
    """x * sigmoid(x), which shares its exp with the slope at the same place."""
    end = like(SILU_END, x)
    return _at_least(x, -end) * sigmoid(within(x, end))


@inlined
def silu_slope(x: Any) -> Any:
    """Slope of silu."""
    near = within(x, like(SILU_END, x))
    return sigmoid(near) * (like(1.0, x) + near * sigmoid(-near))


@inlined
def _gelu_exponent(x: Any) -> Any:
    return like(GELU_FACTOR, x) * x * (like(1.0, x) + like(GELU_CUBIC, x) * x * x)


@inlined
def gelu(x: Any) -> Any:
    """x * sigmoid(v(x)), which shares its exp with the slope at the same place."""
    end = like(GELU_END, x)
    return _at_least(x, -end) * sigmoid(_gelu_exponent(within(x, end)))


@inlined
def gelu_slope(x: Any) -> Any:
    """Slope of gelu."""
    near = within(x, like(GELU_END, x))
    v = _gelu_exponent(near)
    steepness = like(GELU_FACTOR, x) * (like(1.0, x) + like(3.0 * GELU_CUBIC, x) * near * near)
    return sigmoid(v) * (like(1.0, x) + near * sigmoid(-v) * steepness)
