"""Activations and their gradients, of one number each and of arrays. The maths stands in `fastnet.reference`.

Both sides of a choice are computed, so loops over these become vector code. Comparisons are such that a NaN
comes through them.
"""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import inlined
from fastnet.kernels.codegen.elementary import choose, exp, expm1, like, log1p, relu, relu_gradient, sigmoid, tanh
from fastnet.reference.gated import GELU_CUBIC, GELU_END, GELU_FACTOR, MISH_HIGH, MISH_LOW, SILU_END
from fastnet.reference.rectifiers import LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE
from fastnet.validation.activations import ACTIVATIONS, FROM_INPUT

CODES = {name: i for i, name in enumerate(ACTIVATIONS)}
"""Numbers that kernels know activations by."""

IDENTITY, RELU, SIGMOID, TANH = (CODES[name] for name in ("identity", "relu", "sigmoid", "tanh"))
LEAKY_RELU, ELU, SELU, SOFTPLUS = (CODES[name] for name in ("leaky_relu", "elu", "selu", "softplus"))
GELU, SILU, MISH = CODES["gelu"], CODES["silu"], CODES["mish"]

SLOPED = tuple(CODES[name] for name in FROM_INPUT)
"""Activations whose slopes are kept for the way back: their outputs do not tell them."""

SELU_SCALED_ALPHA = SELU_SCALE * SELU_ALPHA


@inlined
def sigmoid_gradient(dy: Any, y: Any) -> Any:
    """dy * y * (1 - y)."""
    return dy * (y * (like(1.0, y) - y))


@inlined
def tanh_gradient(dy: Any, y: Any) -> Any:
    """dy * (1 - y**2)."""
    return dy * (like(1.0, y) - y * y)


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
def _mish_ratio(x: Any) -> Any:
    e = exp(choose(x > like(MISH_HIGH, x), like(MISH_HIGH, x), _at_least(x, like(MISH_LOW, x))))
    return e * (e + like(2.0, x))


@inlined
def mish(x: Any) -> Any:
    """x * tanh(softplus(x)), which shares its exp with the slope at the same place."""
    n = _mish_ratio(x)
    return _at_least(x, like(MISH_LOW, x)) * (n / (n + like(2.0, x)))


@inlined
def mish_slope(x: Any) -> Any:
    """Slope of mish."""
    near = choose(x > like(MISH_HIGH, x), like(MISH_HIGH, x), _at_least(x, like(MISH_LOW, x)))
    n = _mish_ratio(x)
    inverse = like(1.0, x) / (n + like(2.0, x))
    steepness = near * sigmoid(near) * (like(4.0, x) * (n + like(1.0, x)) * inverse * inverse)
    return n / (n + like(2.0, x)) + steepness


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


@inlined
def activate(code: int, y: Any) -> None:
    """Replace y, 1-D, by f(y).

    In place, with one array: given two, the vector code begins by asking whether they overlap.
    """
    if code == RELU:
        for i in range(y.size):
            y[i] = relu(y[i])
    elif code == SIGMOID:
        for i in range(y.size):
            y[i] = sigmoid(y[i])
    elif code == TANH:
        for i in range(y.size):
            y[i] = tanh(y[i])
    elif code == LEAKY_RELU:
        for i in range(y.size):
            y[i] = leaky_relu(y[i])
    elif code == ELU:
        for i in range(y.size):
            y[i] = elu(y[i])
    elif code == SELU:
        for i in range(y.size):
            y[i] = selu(y[i])
    elif code == SOFTPLUS:
        for i in range(y.size):
            y[i] = softplus(y[i])
    elif code == GELU:
        for i in range(y.size):
            y[i] = gelu(y[i])
    elif code == SILU:
        for i in range(y.size):
            y[i] = silu(y[i])
    elif code == MISH:
        for i in range(y.size):
            y[i] = mish(y[i])


@inlined
def activate_with_slope(code: int, y: Any, slope: Any) -> None:
    """Replace y by f(y), and write f'(y) of what it was to slope: for those whose outputs do not tell."""
    if code == GELU:
        for i in range(y.size):
            x = y[i]
            slope[i] = gelu_slope(x)
            y[i] = gelu(x)
    elif code == SILU:
        for i in range(y.size):
            x = y[i]
            slope[i] = silu_slope(x)
            y[i] = silu(x)
    elif code == MISH:
        for i in range(y.size):
            x = y[i]
            slope[i] = mish_slope(x)
            y[i] = mish(x)


@inlined
def differentiate(code: int, d: Any, y: Any) -> None:
    """Replace d by d * f'(x), with f' in terms of the output y = f(x), another array; both 1-D.

    For activations that are `SLOPED`, y is the slope from `activate_with_slope` instead.
    """
    if code == RELU:
        for i in range(y.size):
            d[i] = relu_gradient(d[i], y[i])
    elif code == SIGMOID:
        for i in range(y.size):
            d[i] = sigmoid_gradient(d[i], y[i])
    elif code == TANH:
        for i in range(y.size):
            d[i] = tanh_gradient(d[i], y[i])
    elif code == LEAKY_RELU:
        for i in range(y.size):
            d[i] = leaky_relu_gradient(d[i], y[i])
    elif code == ELU:
        for i in range(y.size):
            d[i] = elu_gradient(d[i], y[i])
    elif code == SELU:
        for i in range(y.size):
            d[i] = selu_gradient(d[i], y[i])
    elif code == SOFTPLUS:
        for i in range(y.size):
            d[i] = softplus_gradient(d[i], y[i])
    elif code != IDENTITY:
        for i in range(y.size):
            d[i] = d[i] * y[i]


@inlined
def differentiate_at(code: int, dy: Any, x: Any, dx: Any) -> None:
    """Write dy * f'(x) to dx, for activations that are `SLOPED`; all 1-D."""
    if code == GELU:
        for i in range(dy.size):
            dx[i] = dy[i] * gelu_slope(x[i])
    elif code == SILU:
        for i in range(dy.size):
            dx[i] = dy[i] * silu_slope(x[i])
    elif code == MISH:
        for i in range(dy.size):
            dx[i] = dy[i] * mish_slope(x[i])
