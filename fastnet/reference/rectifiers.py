"""Rectifiers other than ReLU: leaky or smooth below zero, close to x above it; gradients come from the output alone."""

import numpy as np

from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = [
    "elu_backward", "elu_forward",
    "leaky_relu_backward", "leaky_relu_forward",
    "selu_backward", "selu_forward",
    "softplus_backward", "softplus_forward",
]  # fmt: skip

LEAKY_SLOPE = 0.01
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


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
