"""Softmax over rows, and its logarithm; a backward needs only the forward's output."""

import numpy as np

from fastnet.validation import operations as checks
from fastnet.validation.operations import ROWS, FloatArray

__all__ = ["log_softmax_backward", "log_softmax_forward", "softmax_backward", "softmax_forward"]


@np.errstate(all="ignore")
def softmax_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Softmax of each row, y = exp(x - max) / sum(exp(x - max)).

    Parameters and errors as in `relu_forward`; x and y have shape (n_samples, n_classes), n_classes >= 1.
    A score of -inf gives probability 0; a row that is all -inf, or holds NaN or +inf, gives NaN.
    Source: Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, section 4.1.

    Examples
    --------
    >>> softmax_forward(np.array([[1e4, 1e4], [0.0, -np.inf]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    y = checks.alike(out, ROWS, x=x)
    exps = np.exp(x - x.max(axis=1, keepdims=True))
    y[...] = exps / exps.sum(axis=1, keepdims=True)
    return y


@np.errstate(all="ignore")
def softmax_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of softmax, dx = y * (dy - sum over classes of dy * y).

    Parameters and errors as in `relu_backward`; dy and y have shape (n_samples, n_classes).
    Source: Bishop, "Pattern Recognition and Machine Learning", Springer 2006, equation 4.106.

    Examples
    --------
    >>> softmax_backward(np.array([[4.0, 0.0]]), np.array([[0.5, 0.5]]))
    array([[ 1., -1.]])
    """
    dx = checks.alike(out, ROWS, dy=dy, y=y)
    dx[...] = y * (dy - (dy * y).sum(axis=1, keepdims=True))
    return dx


@np.errstate(all="ignore")
def log_softmax_forward(x: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Logarithm of softmax, y = (x - max) - log(sum(exp(x - max))).

    Parameters and errors as in `softmax_forward`; -inf gives -inf.
    Source: Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, section 6.2.2.3.

    Examples
    --------
    >>> log_softmax_forward(np.array([[0.0, -1e4]]))
    array([[     0., -10000.]])
    """
    y = checks.alike(out, ROWS, x=x)
    shifted = x - x.max(axis=1, keepdims=True)
    y[...] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return y


@np.errstate(all="ignore")
def log_softmax_backward(dy: FloatArray, y: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of log-softmax, dx = dy - exp(y) * sum over classes of dy.

    Parameters and errors as in `softmax_backward`; y is the output of `log_softmax_forward`.
    Source: the Jacobian of `log_softmax_forward`, (identity - softmax).

    Examples
    --------
    >>> log_softmax_backward(np.array([[1.0, 0.0]]), np.log(np.array([[0.25, 0.75]])))
    array([[ 0.75, -0.75]])
    """
    dx = checks.alike(out, ROWS, dy=dy, y=y)
    dx[...] = dy - np.exp(y) * dy.sum(axis=1, keepdims=True)
    return dx
