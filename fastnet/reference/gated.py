"""Gated activations, x times a gate between 0 and 1 that depends on x: smooth, close to 0 below and to x above.

They fall before they rise, so an output may come from two inputs: the backward needs the forward's input.
"""

from typing import Any

import numpy as np

from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = [
    "gelu_backward", "gelu_forward",
    "mish_backward", "mish_forward",
    "silu_backward", "silu_forward",
]  # fmt: skip

GELU_FACTOR = 2 * (2 / np.pi) ** 0.5
GELU_CUBIC = 0.044715

SILU_END, GELU_END = 1000.0, 30.0
"""Distances from zero beyond which silu and gelu are 0 or x in float64 too: their formulas are cut there, where
products of 0 and infinity would begin."""

MISH_LOW, MISH_HIGH = -1000.0, 40.0
"""Mish is 0 below and x above; squares of exp do not overflow in float32 up to there."""


@np.errstate(all="ignore")
def silu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Sigmoid linear unit, also called swish, y = x * sigmoid(x).

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning", Neural Networks 107, 2018, equation 8.

    Examples
    --------
    >>> silu_forward(np.array([-1e4, 0.0, 1e4])) + 0.0
    array([    0.,     0., 10000.])
    """
    y = checks.alike(out, x=x)
    y[...] = np.maximum(x, -SILU_END) * _sigmoids(x)[0]
    return y


@np.errstate(all="ignore")
def silu_backward(dy: FloatArray, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of the sigmoid linear unit, dx = dy * s * (1 + x * (1 - s)) with s = sigmoid(x).

    Parameters
    ----------
    dy : ndarray of float32 or float64, any shape
        Gradient of the loss with respect to y.
    x : ndarray of dy's dtype and shape
        The forward's input: y does not tell on which side of its minimum x lies.
    out : ndarray of dy's dtype and shape, optional
        Receives the result; may be `dy` or `x`.

    Returns
    -------
    ndarray of dy's dtype and shape
        dx, which is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        As `relu_backward`.

    References
    ----------
    Elfwing, Uchibe and Doya, as in `silu_forward`, equation 9.

    Examples
    --------
    >>> silu_backward(np.array([4.0]), np.array([0.0]))
    array([2.])
    """
    dx = checks.alike(out, dy=dy, x=x)
    near = np.clip(x, -SILU_END, SILU_END)
    s, rest = _sigmoids(near)
    dx[...] = dy * (s * (1 + near * rest))
    return dx


@np.errstate(all="ignore")
def gelu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gaussian error linear unit in its tanh form, y = x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x**3))).

    (1 + tanh(u)) / 2 is sigmoid(2u), which loses no digits where tanh(u) is near -1.

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415, section 2.

    Examples
    --------
    >>> gelu_forward(np.array([-1e4, 0.0, 1e4])) + 0.0
    array([    0.,     0., 10000.])
    """
    y = checks.alike(out, x=x)
    s, _ = _sigmoids(_gelu_exponent(np.clip(x, -GELU_END, GELU_END)))
    y[...] = np.maximum(x, -GELU_END) * s
    return y


@np.errstate(all="ignore")
def gelu_backward(dy: FloatArray, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of the tanh form of the Gaussian error linear unit, by the product rule.

    dx = dy * s * (1 + x * (1 - s) * v') with s = sigmoid(v), v = 2 sqrt(2/pi) * (x + 0.044715 x**3).

    Parameters and errors as in `silu_backward`; dx has dy's shape (any) and dtype, float32 or float64.
    Source: Hendrycks and Gimpel, as in `gelu_forward`.

    Examples
    --------
    >>> gelu_backward(np.array([4.0]), np.array([0.0]))
    array([2.])
    """
    dx = checks.alike(out, dy=dy, x=x)
    near = np.clip(x, -GELU_END, GELU_END)
    s, rest = _sigmoids(_gelu_exponent(near))
    slope = GELU_FACTOR * (1 + 3 * GELU_CUBIC * near * near)
    dx[...] = dy * (s * (1 + near * rest * slope))
    return dx


@np.errstate(all="ignore")
def mish_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Mish, y = x * tanh(softplus(x)).

    With e = exp(x), tanh(log(1 + e)) is n / (n + 2) for n = e (e + 2): no logarithm, and nothing cancels.

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020, equation 1.

    Examples
    --------
    >>> mish_forward(np.array([-1e4, 0.0, 1e4])) + 0.0
    array([    0.,     0., 10000.])
    """
    y = checks.alike(out, x=x)
    n = _mish_ratio(x)
    y[...] = np.maximum(x, MISH_LOW) * (n / (n + 2))
    return y


@np.errstate(all="ignore")
def mish_backward(dy: FloatArray, x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of Mish, dx = dy * (t + x * sigmoid(x) * (1 - t**2)) with t = tanh(softplus(x)), by the product rule.

    1 - t**2 is 4 (n + 1) / (n + 2)**2.

    Parameters and errors as in `silu_backward`; dx has dy's shape (any) and dtype, float32 or float64.
    Source: Misra, as in `mish_forward`.

    Examples
    --------
    >>> mish_backward(np.array([5.0]), np.array([0.0]))
    array([3.])
    """
    dx = checks.alike(out, dy=dy, x=x)
    near, n = np.clip(x, MISH_LOW, MISH_HIGH), _mish_ratio(x)
    inverse = 1 / (n + 2)
    steepness = near * _sigmoids(near)[0] * (4 * (n + 1) * inverse * inverse)
    dx[...] = dy * (n / (n + 2) + steepness)
    return dx


def _mish_ratio(x: FloatArray) -> Any:
    e = np.exp(np.clip(x, MISH_LOW, MISH_HIGH))
    return e * (e + 2)


def _gelu_exponent(x: FloatArray) -> Any:
    return GELU_FACTOR * x * (1 + GELU_CUBIC * x * x)


def _sigmoids(x: Any) -> tuple[FloatArray, FloatArray]:
    """sigmoid(x) and 1 - sigmoid(x), neither by a difference that cancels."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e), np.where(x >= 0, e, 1) / (1 + e)
