"""The parts of a training step: layers in a flat vector, forward, loss, backward, penalty, limits and update."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.reference import activations as act
from fastnet.reference import gated, losses, optimizers, rectifiers, regression_losses
from fastnet.reference.dropout import dropout_backward, dropout_forward
from fastnet.reference.linear import linear_backward, linear_forward
from fastnet.reference.softmax import softmax_forward
from fastnet.reference.step import sample_losses
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.activations import ACTIVATIONS, FROM_INPUT
from fastnet.validation.groups import Groups
from fastnet.validation.operations import FloatArray

Layers = list[tuple[FloatArray, FloatArray]]
Masks = Sequence[tuple[float, int]]
"""The rate and the key of each hidden layer's dropout; none at all without it."""

_MODULES = (act, rectifiers, gated)


def _functions(name: str) -> tuple[Callable[..., FloatArray], Callable[..., FloatArray]]:
    """Return an activation and its gradient."""
    (module,) = (module for module in _MODULES if hasattr(module, f"{name}_forward"))
    return getattr(module, f"{name}_forward"), getattr(module, f"{name}_backward")


_ACTIVATION = {name: _functions(name) for name in ACTIVATIONS}

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


def layers_of(vector: FloatArray, sizes: Sequence[int]) -> Layers:
    """Return views (W, b) of a flat vector, layer after layer."""
    return [
        (vector[w].reshape(n_in, n_out), vector[b])
        for (w, b), (n_in, n_out) in zip(layer_slices(sizes), pairwise(sizes), strict=True)
    ]


@np.errstate(all="ignore")
def prepare(x: npt.NDArray[Any], dtype: checks.FloatDtype, scale: float) -> FloatArray:
    """Convert inputs, made dense if they are sparse, to the parameters' dtype and scale them."""
    dense = x if isinstance(x, np.ndarray) else x.toarray()
    scaled: FloatArray = dense.astype(dtype) * float(scale)
    return scaled


class Passed(NamedTuple):
    """What a forward pass leaves for the backward one."""

    inputs: list[FloatArray]  # of every layer, and the logits last
    saved: list[FloatArray]  # of each hidden layer's activation: its output, or its input where that is needed


def forward(x: FloatArray, layers: Layers, activations: Sequence[str], masks: Masks = ()) -> Passed:
    """Run a batch through the layers."""
    inputs, saved = [x], []
    for i, ((W, b), name) in enumerate(zip(layers[:-1], activations, strict=True)):
        z = linear_forward(inputs[-1], W, b)
        y = _ACTIVATION[name][0](z)
        saved.append(z if name in FROM_INPUT else y)
        inputs.append(dropout_forward(y, *masks[i]) if masks else y)
    inputs.append(linear_forward(inputs[-1], *layers[-1]))
    return Passed(inputs, saved)


def backward(
    dz: FloatArray,
    passed: Passed,
    layers: Layers,
    gradients: Layers,
    activations: Sequence[str],
    masks: Masks = (),
    bias: bool = True,
) -> FloatArray:
    """Write the gradient of every W and b, from the last layer to the first; that of b is 0 if there are none.

    Return that of the first layer's inputs.
    """
    for i in reversed(range(len(layers))):
        (W, _), (dW, db) = layers[i], gradients[i]
        dx, dW[...], db[...] = linear_backward(dz, passed.inputs[i], W)
        if not bias:
            db *= 0  # a NaN stays a NaN
        if i > 0:
            dz = _ACTIVATION[activations[i - 1]][1](dx, passed.saved[i - 1])
            if masks:  # last, so that what was dropped has no gradient even where it was NaN
                dz = dropout_backward(dz, *masks[i - 1])
    return dx


@np.errstate(all="ignore")
def batch_loss(
    name: str, setting: Any, logits: FloatArray, y: npt.NDArray[Any], weights: npt.NDArray[np.float64] | None = None
) -> tuple[float, FloatArray, int]:
    """Return a batch's mean loss, its gradient for the logits, and the count of correct answers."""
    has_setting = name in training_checks.LOSS_SETTINGS or name == training_checks.QUANTILE
    n_correct, settings = 0, (setting,) if has_setting else ()
    if name == "cross_entropy":
        n_correct = int(np.count_nonzero(logits.argmax(axis=1) == y))
        dlogits = losses.softmax_cross_entropy_backward(softmax_forward(logits), y, *settings)
    elif name == "softmax_squared_error":
        n_correct = int(np.count_nonzero(logits.argmax(axis=1) == y))
        dlogits = losses.softmax_squared_error_backward(softmax_forward(logits), y)
    elif name == "binary_cross_entropy":
        n_correct = int(np.count_nonzero((logits > 0) == (y > 0.5)))
        dlogits = losses.binary_cross_entropy_backward(act.sigmoid_forward(logits), y)
    else:
        dlogits = getattr(regression_losses, f"{name}_backward")(logits, y, *settings)
    each: sample_losses.Losses = getattr(sample_losses, name)(logits, y, *settings)
    if weights is None:
        return sample_losses.mean(each), dlogits, n_correct
    total = weights.sum()
    dlogits *= (weights / total * each.size).astype(dlogits.dtype)[:, None]  # a mean over samples until now
    return float((weights * each).sum() / total), dlogits, n_correct


@np.errstate(all="ignore")
def add_penalty(layers: Layers, gradients: Layers, l2: float, size: float) -> float:
    """Add the gradient of 0.5 * l2 * sum(W**2) / size to that of the weights, and return the penalty."""
    rate, squares = float(np.float64(l2) / size), 0.0
    for (W, _), (dW, _) in zip(layers, gradients, strict=True):
        squares += float(np.square(W, dtype=np.float64).sum())
        dW += rate * W
    return 0.5 * rate * squares


@np.errstate(all="ignore")
def clip(gradient: FloatArray, clip_norm: float | None, clip_value: float | None) -> None:
    """Limit the gradient's elements, and then its norm, in place."""
    if clip_value is not None:
        limit = gradient.dtype.type(clip_value)
        np.clip(gradient, -limit, limit, out=gradient)
    if clip_norm is not None:
        norm = math.sqrt(np.square(gradient, dtype=np.float64).sum())
        if norm > clip_norm:
            gradient *= gradient.dtype.type(float(clip_norm) / norm)


def update(p: FloatArray, g: FloatArray, state: tuple[FloatArray, ...], optimizer: Sequence[Any], t: int) -> None:
    """Take step number t of the optimizer."""
    name, *settings = optimizer
    _STEP[name](p, g, *state, *settings, *((t,) if name in ("adam", "adamw") else ()))


def update_groups(
    p: FloatArray, g: FloatArray, state: tuple[FloatArray, ...], optimizer: Sequence[Any], t: int,
    slices: list[tuple[slice, slice]], groups: Groups,
) -> None:  # fmt: skip
    """Take step number t of the optimizer, group by group of the parameters."""
    name, lr, *rest = optimizer
    of_scale = slice(slices[-1][1].stop, None)
    places = [*(place for pair in slices for place in pair), *([] if groups.scale is None else [of_scale])]
    for place, (rate, epsilon) in zip(places, groups.factors(), strict=True):
        settings = [lr * float(rate), *rest]
        if name in ("adam", "adamw"):
            settings[3] *= float(epsilon) * (math.sqrt(1 - float(settings[2]) ** t) if groups.corrected else 1.0)
        update(p[place], g[place], tuple(vector[place] for vector in state), (name, *settings), t)
