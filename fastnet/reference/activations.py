"""Elementwise activations; a backward needs only the forward's output. Others are in `rectifiers`, and `softmax`."""

import numpy as np

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


def relu_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Rectify, y = max(x, 0); NaN stays NaN.

    Parameters
    ----------
    x : ndarray of float32 or float64, any shape
        Inputs.
    out : ndarray like x, optional
        Receives the result; may be `x`.

    Returns
    -------
    ndarray of x's dtype and shape
        y, which is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        For anything but a float32 or float64 ndarray; for an `out` that does not fit or partly overlaps `x`.

    References
    ----------
    Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks", AISTATS 2011, section 3.

    Examples
    --------
    >>> relu_forward(np.array([-1.5, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    y = checks.alike(out, x=x)
    y[...] = np.maximum(x, 0)
    return y


def relu_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of ReLU: dy where y > 0, else 0 (so ReLU'(0) = 0), and NaN where y is NaN.

    Parameters
    ----------
    dy : ndarray of float32 or float64, any shape
        Gradient of the loss with respect to y.
    y : ndarray of dy's dtype and shape
        The forward's output.
    out : ndarray of dy's dtype and shape, optional
        Receives the result; may be `dy` or `y`.

    Returns
    -------
    ndarray of dy's dtype and shape
        dx, which is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        As `relu_forward`, or if the dtypes or shapes differ.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, section 6.3.

    Examples
    --------
    >>> relu_backward(np.array([5.0, 6.0]), np.array([0.0, 2.0]))
    array([0., 6.])
    """
    dx = checks.alike(out, dy=dy, y=y)
    dx[...] = np.where(y > 0, dy, np.where(np.isnan(y), y, 0))
    return dx


@np.errstate(all="ignore")
def sigmoid_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Logistic function, y = 1 / (1 + exp(-x)), from exp(-|x|), which cannot overflow.

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: Bishop, "Pattern Recognition and Machine Learning", Springer 2006, equation 4.59.

    Examples
    --------
    >>> sigmoid_forward(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    y = checks.alike(out, x=x)
    e = np.exp(-np.abs(x))
    y[...] = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
    return y


@np.errstate(all="ignore")
def sigmoid_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of the logistic function, dx = dy * y * (1 - y).

    Parameters and errors as in `relu_backward`; dx has dy's shape (any) and dtype, float32 or float64.
    Source: Bishop, "Pattern Recognition and Machine Learning", Springer 2006, equation 4.88.

    Examples
    --------
    >>> sigmoid_backward(np.array([4.0]), np.array([0.5]))
    array([1.])
    """
    dx = checks.alike(out, dy=dy, y=y)
    dx[...] = dy * y * (1 - y)
    return dx


@np.errstate(all="ignore")
def tanh_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Hyperbolic tangent, y = tanh(x).

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: Bishop, "Pattern Recognition and Machine Learning", Springer 2006, equation 5.59.

    Examples
    --------
    >>> tanh_forward(np.array([-1e4, 0.0, 1e4]))
    array([-1.,  0.,  1.])
    """
    y = checks.alike(out, x=x)
    y[...] = np.tanh(x)
    return y


@np.errstate(all="ignore")
def tanh_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of the hyperbolic tangent, dx = dy * (1 - y**2).

    Parameters and errors as in `relu_backward`; dx has dy's shape (any) and dtype, float32 or float64.
    Source: Bishop, "Pattern Recognition and Machine Learning", Springer 2006, equation 5.60.

    Examples
    --------
    >>> tanh_backward(np.array([4.0]), np.array([0.5]))
    array([3.])
    """
    dx = checks.alike(out, dy=dy, y=y)
    dx[...] = dy * (1 - y * y)
    return dx


def identity_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """No activation, y = x (a copy).

    Parameters and errors as in `relu_forward`; y has x's shape (any) and dtype, float32 or float64.
    Source: scikit-learn 0.18, `MLPClassifier`, whose name it has.

    Examples
    --------
    >>> identity_forward(np.array([-1.5, 2.0]))
    array([-1.5,  2. ])
    """
    y = checks.alike(out, x=x)
    y[...] = x
    return y


def identity_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of no activation, dx = dy (a copy).

    Parameters and errors as in `relu_backward`; dx has dy's shape (any) and dtype, float32 or float64.

    Examples
    --------
    >>> identity_backward(np.array([5.0]), np.array([2.0]))
    array([5.])
    """
    dx = checks.alike(out, dy=dy, y=y)
    dx[...] = dy
    return dx
