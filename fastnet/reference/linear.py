"""The linear layer y = x @ W + b, alone and fused with the ReLU that follows it."""

import numpy as np

from fastnet.reference.activations import relu_backward, relu_forward
from fastnet.validation import operations as checks
from fastnet.validation.operations import FloatArray

__all__ = ["linear_backward", "linear_forward", "linear_relu_backward", "linear_relu_forward"]


@np.errstate(all="ignore")
def linear_forward(x: FloatArray, W: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Apply a linear layer, y = x @ W + b.

    Parameters
    ----------
    x : ndarray of float32 or float64, shape (n_samples, in_features)
        Inputs.
    W : ndarray of x's dtype, shape (in_features, out_features)
        Weights.
    b : ndarray of x's dtype, shape (out_features,)
        Biases.
    out : ndarray of x's dtype, shape (n_samples, out_features), optional
        Receives the result; shares no memory with the inputs.

    Returns
    -------
    ndarray of x's dtype, shape (n_samples, out_features)
        y, which is `out` if that was given.

    Raises
    ------
    TypeError
        For an argument that is not an ndarray of float32 or float64, or if the dtypes differ.
    ValueError
        For a wrong shape, or an `out` that is read-only or overlaps an input.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, section 6.5.

    Examples
    --------
    >>> linear_forward(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([0.5]))
    array([[11.5]])
    """
    y = checks.linear_forward(x, W, b, out)
    y[...] = x @ W + b
    return y


@np.errstate(all="ignore")
def linear_backward(
    dz: FloatArray, x: FloatArray, W: FloatArray, out: tuple[FloatArray, FloatArray, FloatArray] | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of a linear layer: dx = dz @ W.T, dW = x.T @ dz, db = the sum of dz over samples.

    Parameters
    ----------
    dz : ndarray of float32 or float64, shape (n_samples, out_features)
        Gradient of the loss with respect to the layer's output.
    x : ndarray of dz's dtype, shape (n_samples, in_features)
        The layer's inputs.
    W : ndarray of dz's dtype, shape (in_features, out_features)
        Weights.
    out : tuple of three ndarrays of dz's dtype, optional
        Receive dx, dW and db; they share no memory with the inputs or each other.

    Returns
    -------
    dx : ndarray of dz's dtype, shape (n_samples, in_features)
        Gradient with respect to x.
    dW : ndarray of dz's dtype, shape (in_features, out_features)
        Gradient with respect to W.
    db : ndarray of dz's dtype, shape (out_features,)
        Gradient with respect to b, one sum for each unit.

    Raises
    ------
    TypeError
        For an argument that is not an ndarray of float32 or float64, or if the dtypes differ.
    ValueError
        For a wrong shape, or an `out` that is read-only or overlaps.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, algorithm 6.4.

    Examples
    --------
    >>> dx, dW, db = linear_backward(np.array([[2.0]]), np.array([[5.0, 7.0]]), np.array([[3.0], [4.0]]))
    >>> dx, db
    (array([[6., 8.]]), array([2.]))
    >>> dW
    array([[10.],
           [14.]])
    """
    dx, dW, db = checks.linear_backward(x, W, out, dz=dz)
    dx[...] = dz @ W.T
    dW[...] = x.T @ dz
    db[...] = dz.sum(axis=0)
    return dx, dW, db


def linear_relu_forward(x: FloatArray, W: FloatArray, b: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Apply a linear layer and the ReLU after it, y = max(0, x @ W + b).

    Parameters
    ----------
    x : ndarray of float32 or float64, shape (n_samples, in_features)
        Inputs.
    W : ndarray of x's dtype, shape (in_features, out_features)
        Weights.
    b : ndarray of x's dtype, shape (out_features,)
        Biases.
    out : ndarray of x's dtype, shape (n_samples, out_features), optional
        Receives the result; shares no memory with the inputs.

    Returns
    -------
    ndarray of x's dtype, shape (n_samples, out_features)
        y, which is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        As `linear_forward`.

    References
    ----------
    Glorot, Bordes and Bengio, "Deep sparse rectifier neural networks", AISTATS 2011, section 3.

    Examples
    --------
    >>> linear_relu_forward(np.array([[1.0], [-1.0]]), np.array([[2.0]]), np.array([0.5]))
    array([[2.5],
           [0. ]])
    """
    y = checks.linear_forward(x, W, b, out)
    return relu_forward(linear_forward(x, W, b), out=y)


def linear_relu_backward(
    dy: FloatArray,
    y: FloatArray,
    x: FloatArray,
    W: FloatArray,
    out: tuple[FloatArray, FloatArray, FloatArray] | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of a linear layer followed by ReLU.

    Parameters
    ----------
    dy : ndarray of float32 or float64, shape (n_samples, out_features)
        Gradient of the loss with respect to y.
    y : ndarray of dy's dtype, shape (n_samples, out_features)
        The output of `linear_relu_forward`.
    x : ndarray of dy's dtype, shape (n_samples, in_features)
        The layer's inputs.
    W : ndarray of dy's dtype, shape (in_features, out_features)
        Weights.
    out : tuple of three ndarrays of dy's dtype, optional
        Receive dx, dW and db; they share no memory with the inputs or each other.

    Returns
    -------
    dx, dW, db : ndarrays of dy's dtype
        Gradients with respect to x, W and b, of their shapes.

    Raises
    ------
    TypeError, ValueError
        As `linear_backward`.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, algorithm 6.4.

    Examples
    --------
    >>> dy, y = np.array([[3.0], [4.0]]), np.array([[2.5], [0.0]])
    >>> linear_relu_backward(dy, y, np.array([[1.0], [-1.0]]), np.array([[2.0]]))
    (array([[6.],
           [0.]]), array([[3.]]), array([3.]))
    """
    dx, dW, db = checks.linear_backward(x, W, out, dy=dy, y=y)
    return linear_backward(relu_backward(dy, y), x, W, out=(dx, dW, db))
