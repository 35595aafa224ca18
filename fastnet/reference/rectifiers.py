"""Rectifiers other than ReLU: leaky or smooth below zero, close to x above it.

The backward of `gelu` and `silu` needs the forward's input: both fall before they rise, so that an output may
come from two inputs. That of the others needs only the output.
"""

from typing import Any

import numpy as np

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

LEAKY_SLOPE = 0.01
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
GELU_FACTOR = 2 * (2 / np.pi) ** 0.5
GELU_CUBIC = 0.044715

SILU_END, GELU_END = 1000.0, 30.0
"""Distances from zero beyond which silu and gelu are 0 or x in float64 too: their formulas are cut there, where
products of 0 and infinity would begin."""


@np.errstate(all="ignore")
def leaky_relu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Leaky ReLU, y = x where x > 0, else 0.01 x.

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013
    workshop, equation 2.

    Examples
    --------
    >>> leaky_relu_forward(np.array([-100.0, 0.0, 2.0]))
    array([-1.,  0.,  2.])
    """
    y = checks.alike(out, x=x)
    y[...] = np.where(x > 0, x, LEAKY_SLOPE * x)
    return y


@np.errstate(all="ignore")
def leaky_relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of leaky ReLU, dx = dy where y > 0, else 0.01 dy (at 0 too), and NaN where y is NaN.

    Parameters and errors as in `relu_backward`; dx has dy's shape (any) and dtype, float32 or float64.

    Examples
    --------
    >>> leaky_relu_backward(np.array([5.0, 6.0]), np.array([-1.0, 2.0]))
    array([0.05, 6.  ])
    """
    dx = checks.alike(out, dy=dy, y=y)
    dx[...] = np.where(y > 0, dy, np.where(np.isnan(y), y, LEAKY_SLOPE * dy))
    return dx


@np.errstate(all="ignore")
def elu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Exponential linear unit, y = x where x > 0, else exp(x) - 1.

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear
    units (ELUs)", ICLR 2016, equation 15, alpha 1.

    Examples
    --------
    >>> elu_forward(np.array([-1e4, 0.0, 2.0]))
    array([-1.,  0.,  2.])
    """
    y = checks.alike(out, x=x)
    y[...] = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    return y


@np.errstate(all="ignore")
def elu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of the exponential linear unit, dx = dy where y > 0, else dy * (y + 1).

    Parameters and errors as in `relu_backward`; dx has dy's shape (any) and dtype, float32 or float64.

    Examples
    --------
    >>> elu_backward(np.array([4.0, 6.0]), np.array([-0.5, 2.0]))
    array([2., 6.])
    """
    dx = checks.alike(out, dy=dy, y=y)
    dx[...] = np.where(y > 0, dy, dy * (y + 1))
    return dx


@np.errstate(all="ignore")
def selu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Scaled exponential linear unit, y = 1.0507 x where x > 0, else 1.0507 * 1.6733 * (exp(x) - 1).

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, equation 2, with the constants of
    its appendix, which keep mean 0 and variance 1.

    Examples
    --------
    >>> selu_forward(np.array([-1e4, 0.0, 2.0])).round(4)
    array([-1.7581,  0.    ,  2.1014])
    """
    y = checks.alike(out, x=x)
    y[...] = np.where(x > 0, SELU_SCALE * x, SELU_SCALE * SELU_ALPHA * np.expm1(np.minimum(x, 0)))
    return y


@np.errstate(all="ignore")
def selu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of the scaled exponential linear unit, dx = 1.0507 dy where y > 0, else dy * (y + 1.7581).

    Parameters and errors as in `relu_backward`; dx has dy's shape (any) and dtype, float32 or float64.

    Examples
    --------
    >>> selu_backward(np.array([1.0, 2.0]), np.array([-1.0, 1.0])).round(4)
    array([0.7581, 2.1014])
    """
    dx = checks.alike(out, dy=dy, y=y)
    dx[...] = dy * np.where(y > 0, SELU_SCALE, y + SELU_SCALE * SELU_ALPHA)
    return dx


@np.errstate(all="ignore")
def softplus_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Softplus, y = log(1 + exp(x)), as max(x, 0) + log1p(exp(-|x|)), which cannot overflow.

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: Dugas et al., "Incorporating second-order functional knowledge for better option pricing", NeurIPS
    2000, section 2.

    Examples
    --------
    >>> softplus_forward(np.array([-1e4, 1e4])), softplus_forward(np.array([0.0])) == np.log(2)
    (array([    0., 10000.]), array([ True]))
    """
    y = checks.alike(out, x=x)
    y[...] = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return y


@np.errstate(all="ignore")
def softplus_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of softplus, the logistic function: dx = dy * (1 - exp(-y)).

    Parameters and errors as in `relu_backward`; dx has dy's shape (any) and dtype, float32 or float64.

    Examples
    --------
    >>> softplus_backward(np.array([4.0]), np.log(np.array([2.0])))
    array([2.])
    """
    dx = checks.alike(out, dy=dy, y=y)
    dx[...] = dy * -np.expm1(-y)
    return dx


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


def _gelu_exponent(x: FloatArray) -> Any:
    return GELU_FACTOR * x * (1 + GELU_CUBIC * x * x)


def _sigmoids(x: Any) -> tuple[FloatArray, FloatArray]:
    """sigmoid(x) and 1 - sigmoid(x), neither by a difference that cancels."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e), np.where(x >= 0, e, 1) / (1 + e)
