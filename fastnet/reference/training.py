"""A dense network on one flat parameter vector: inference, and epochs of minibatch descent."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.reference import activations as act
from fastnet.reference import checks, losses, optimizers, regression_losses, training_checks
from fastnet.reference.checks import FloatArray, IntArray
from fastnet.reference.linear import linear_backward, linear_forward

_ACTIVATION = {
    "relu": (act.relu_forward, act.relu_backward),
    "sigmoid": (act.sigmoid_forward, act.sigmoid_backward),
    "tanh": (act.tanh_forward, act.tanh_backward),
    "identity": (act.identity_forward, act.identity_backward),
}
_STEP: dict[str, Callable[..., None]] = {
    "sgd": optimizers.sgd_step,
    "momentum": optimizers.momentum_step,
    "adam": optimizers.adam_step,
    "adamw": optimizers.adamw_step,
}


def layer_slices(sizes: Sequence[int]) -> list[tuple[slice, slice]]:
    """Where each layer's W and b lie in the flat parameter vector.

    Layer after layer, W (in, out) in row-major order and then b (out,).

    Parameters
    ----------
    sizes : sequence of int
        Layer sizes (in, hidden..., out), at least two, each at least 1; else TypeError or ValueError.

    Returns
    -------
    list of (slice, slice)
        The slices of W and b, for each layer.

    Examples
    --------
    >>> layer_slices([3, 2, 1])
    [(slice(0, 6, None), slice(6, 8, None)), (slice(8, 10, None), slice(10, 11, None))]
    """
    training_checks.layer_sizes(sizes)
    slices, start = [], 0
    for n_in, n_out in pairwise(int(size) for size in sizes):
        middle, stop = start + n_in * n_out, start + n_in * n_out + n_out
        slices.append((slice(start, middle), slice(middle, stop)))
        start = stop
    return slices


def _layers(vector: FloatArray, sizes: Sequence[int]) -> list[tuple[FloatArray, FloatArray]]:
    """Return views (W, b) of a flat vector, layer after layer."""
    return [
        (vector[w].reshape(n_in, n_out), vector[b])
        for (w, b), (n_in, n_out) in zip(layer_slices(sizes), pairwise(sizes), strict=True)
    ]


@np.errstate(all="ignore")
def _prepare(x: npt.NDArray[Any], dtype: checks.FloatDtype, scale: float) -> FloatArray:
    """Convert inputs to the parameters' dtype and scale them."""
    scaled: FloatArray = x.astype(dtype) * float(scale)
    return scaled


def _forward(
    x: FloatArray, layers: list[tuple[FloatArray, FloatArray]], activations: Sequence[str]
) -> list[FloatArray]:
    """Return the input of every layer, and the logits last."""
    values = [x]
    for (W, b), name in zip(layers[:-1], activations, strict=True):
        forward, _ = _ACTIVATION[name]
        values.append(forward(linear_forward(values[-1], W, b)))
    values.append(linear_forward(values[-1], *layers[-1]))
    return values


def _backward(
    dz: FloatArray,
    values: list[FloatArray],
    layers: list[tuple[FloatArray, FloatArray]],
    gradients: list[tuple[FloatArray, FloatArray]],
    activations: Sequence[str],
) -> None:
    """Write the gradient of every W and b, from the last layer to the first."""
    for i in reversed(range(len(layers))):
        x, (W, _), (dW, db) = values[i], layers[i], gradients[i]
        dx, dW[...], db[...] = linear_backward(dz, x, W)
        if i > 0:
            _, backward = _ACTIVATION[activations[i - 1]]
            dz = backward(dx, x)


def _loss(loss: str, logits: FloatArray, y: npt.NDArray[Any]) -> tuple[float, FloatArray, int]:
    """Return a batch's mean loss, its gradient for the logits, and the count of correct answers."""
    if loss == "cross_entropy":
        value, probs = losses.softmax_cross_entropy_forward(logits, y)
        n_correct = int(np.count_nonzero(logits.argmax(axis=1) == y))
        return value, losses.softmax_cross_entropy_backward(probs, y), n_correct
    if loss == "binary_cross_entropy":
        value, probs = losses.binary_cross_entropy_forward(logits, y)
        n_correct = int(np.count_nonzero((logits > 0) == (y > 0.5)))
        return value, losses.binary_cross_entropy_backward(probs, y), n_correct
    value = regression_losses.squared_error_forward(logits, y)
    return value, regression_losses.squared_error_backward(logits, y), 0


@np.errstate(all="ignore")
def _clip(gradient: FloatArray, clip_norm: float | None, clip_value: float | None) -> None:
    """Limit the gradient's elements, and then its norm, in place."""
    if clip_value is not None:
        limit = gradient.dtype.type(clip_value)
        np.clip(gradient, -limit, limit, out=gradient)
    if clip_norm is not None:
        norm = math.sqrt(np.square(gradient, dtype=np.float64).sum())
        if norm > clip_norm:
            gradient *= gradient.dtype.type(float(clip_norm) / norm)


def _update(p: FloatArray, g: FloatArray, slots: tuple[FloatArray, ...], optimizer: Sequence[Any], t: int) -> None:
    """Take step number t of the optimizer."""
    name, *settings = optimizer
    _STEP[name](p, g, *slots, *settings, *((t,) if name in ("adam", "adamw") else ()))


def predict_logits(
    parameters: FloatArray,
    x: npt.NDArray[Any],
    sizes: Sequence[int],
    activations: Sequence[str],
    scale: float = 1.0,
    out: FloatArray | None = None,
) -> FloatArray:
    """Run a network forward.

    Parameters
    ----------
    parameters : ndarray of float32 or float64, shape (n_parameters,)
        Weights and biases as `layer_slices` lays them out.
    x : ndarray of parameters' dtype or uint8, shape (n_samples, sizes[0])
        Inputs, converted to the parameters' dtype and multiplied by `scale`.
    sizes : sequence of int
        Layer sizes (in, hidden..., out), at least two.
    activations : sequence of str
        "relu", "sigmoid", "tanh" or "identity" for each hidden layer; the last layer has none.
    scale : float, default 1.0
        Factor on x, say 1 / 255 for pixels.
    out : ndarray of parameters' dtype, shape (n_samples, sizes[-1]), optional
        Receives the result; shares no memory with parameters or x.

    Returns
    -------
    ndarray of parameters' dtype, shape (n_samples, sizes[-1])
        The last layer's outputs, which is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        For a wrong type or dtype; for a wrong shape, an unknown activation or an unsuitable `out`.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, algorithm 6.3.

    Examples
    --------
    >>> pixels = np.array([[100, 50]], dtype=np.uint8)
    >>> predict_logits(np.array([1.0, 2.0, 0.5]), pixels, sizes=[2, 1], activations=[], scale=0.01)
    array([[2.5]])
    """
    training_checks.network(parameters, x, sizes, activations, scale)
    logits = checks.output(out, (len(x), int(sizes[-1])), parameters.dtype, (parameters, x))
    logits[...] = _forward(_prepare(x, parameters.dtype, scale), _layers(parameters, sizes), activations)[-1]
    return logits


def train_epoch(
    parameters: FloatArray,
    slots: tuple[FloatArray, ...],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    order: IntArray,
    sizes: Sequence[int],
    activations: Sequence[str],
    loss: str,
    optimizer: Sequence[Any],
    batch_size: int,
    step: int = 0,
    scale: float = 1.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> tuple[float, int]:
    """Minibatch descent over the chosen samples, updating parameters and optimizer state in place.

    Parameters
    ----------
    parameters, x, sizes, activations, scale
        As in `predict_logits`; `parameters` is updated.
    slots : tuple of ndarrays of parameters' dtype and shape
        State of the optimizer, updated: () for "sgd", (v,) for "momentum", (m, v) for "adam" and "adamw".
    y : ndarray of integers, shape (n_samples,), or of parameters' dtype, shape (n_samples, sizes[-1])
        Labels for "cross_entropy"; targets for the other losses.
    order : ndarray of integers, shape (n_chosen,)
        Rows of x and y in the order of their use, in batches of `batch_size`, the last one short.
    loss : {"cross_entropy", "binary_cross_entropy", "squared_error"}
        Each a mean over the samples of a batch.
    optimizer : tuple
        ("sgd", lr), ("momentum", lr, momentum, nesterov), ("adam", lr, beta1, beta2, eps) or
        ("adamw", lr, beta1, beta2, eps, weight_decay).
    batch_size : int
        Samples per step, at least 1.
    step : int, default 0
        Number of steps taken before.
    clip_norm : float, optional
        If the L2 norm of a batch's whole gradient (that of every W and b together, its squares summed in float64)
        is larger, the gradient is multiplied by `clip_norm` / norm, rounded to the parameters' dtype. So a gradient
        whose norm is infinite is multiplied by 0, which makes its infinities NaN; one whose norm is NaN is left as
        it is.
    clip_value : float, optional
        Each element of a batch's gradient is limited to [-clip_value, clip_value], before `clip_norm` is looked at.
        A NaN stays a NaN.

    Returns
    -------
    loss_sum : float
        Sum over samples of the loss before the update of their batch, accumulated in float64.
    n_correct : int
        Samples whose first largest logit is the label's; entries with (logit > 0) == (target > 0.5) for
        "binary_cross_entropy"; 0 for "squared_error".

    Raises
    ------
    TypeError, ValueError
        For a wrong type or dtype; for a wrong shape or value. Nothing is updated then.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, algorithms 6.4 and 8.1, section 10.11.1 on
    clipping. Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.

    Examples
    --------
    >>> p, x, y = np.zeros(2), np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]])
    >>> train_epoch(p, (), x, y, np.array([1, 0]), [1, 1], [], "squared_error", ("sgd", 0.5), batch_size=2)
    (10.0, 0)
    >>> p
    array([3.5, 1.5])
    """
    training_checks.network(parameters, x, sizes, activations, scale)
    training_checks.training(parameters, slots, x, y, order, int(sizes[-1]), loss, optimizer)
    training_checks.whole("batch_size", batch_size, 1)
    training_checks.whole("step", step, 0)
    training_checks.clipping(clip_norm, clip_value)
    gradient = np.empty_like(parameters)
    layers, gradients = _layers(parameters, sizes), _layers(gradient, sizes)
    loss_sum, n_correct = 0.0, 0
    for i, start in enumerate(range(0, len(order), int(batch_size))):
        rows = order[start : start + int(batch_size)]
        values = _forward(_prepare(x[rows], parameters.dtype, scale), layers, activations)
        batch_loss, dlogits, batch_correct = _loss(loss, values[-1], y[rows])
        loss_sum += batch_loss * len(rows)
        n_correct += batch_correct
        _backward(dlogits, values, layers, gradients, activations)
        _clip(gradient, clip_norm, clip_value)
        _update(parameters, gradient, slots, optimizer, step + i + 1)
    return loss_sum, n_correct
