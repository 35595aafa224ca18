"""Losses of classification, and of one row of all losses, compiled. The maths stands in `fastnet.reference.losses`.

Those of one row do the work, here and inside the training step; a loss and its gradient come from
one pass over a row that stays in the first-level cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.compiler.policy import inlined, kernel
from fastnet.kernels.codegen import elementary, reductions, scalar_activations
from fastnet.kernels.runtime.arrays import fill, flat, read_only
from fastnet.kernels.softmax import softmax_row
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.operations import FloatArray, IntArray

__all__ = [
    "binary_cross_entropy_backward",
    "binary_cross_entropy_forward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_squared_error_backward",
    "softmax_squared_error_forward",
]

CROSS_ENTROPY, BINARY_CROSS_ENTROPY, SQUARED_ERROR, POISSON, HUBER, ABSOLUTE_ERROR, SOFTMAX_SQUARED_ERROR = range(7)
QUANTILE = 7
CODES = {
    "cross_entropy": CROSS_ENTROPY, "binary_cross_entropy": BINARY_CROSS_ENTROPY, "squared_error": SQUARED_ERROR,
    "poisson": POISSON, "huber": HUBER, "absolute_error": ABSOLUTE_ERROR, "quantile": QUANTILE,
    "softmax_squared_error": SOFTMAX_SQUARED_ERROR,
}  # fmt: skip


@inlined
def cross_entropy_row(logits: Any, label: int, probs: Any, columns: int, smoothing: float = 0.0) -> float:
    """Write softmax(logits) to probs, another array, and return the loss of the row."""
    top, total = softmax_row(logits, probs, columns)
    loss = elementary.log(np.float64(total)) - (1.0 - smoothing) * np.float64(logits[label] - top)
    if smoothing > 0.0:
        others = 0.0
        for j in range(columns):
            others += np.float64(logits[j] - top)
        loss -= smoothing * (others / columns)
    return loss  # type: ignore[no-any-return]


@inlined
def softmax_squared_error_row(logits: Any, label: int, probs: Any, columns: int) -> float:
    """Write softmax(logits) to probs, which may be logits, and return the loss of the row."""
    softmax_row(logits, probs, columns)
    own = probs[label]
    probs[label] = own - probs.dtype.type(1)
    loss = reductions.squares_in_double(probs, columns)
    probs[label] = own
    return loss  # type: ignore[no-any-return]


@inlined
def softmax_squared_error_slope(probs: Any, label: int, dlogits: Any, columns: int) -> None:
    """Write the gradient of the row's loss to dlogits, which may be probs."""
    two, inner = probs.dtype.type(2), reductions.dot_of_slopes(probs, label, columns)
    for j in range(columns):
        dlogits[j] = probs[j] * ((two * probs[j] - two if j == label else two * probs[j]) - inner)


@inlined
def binary_cross_entropy_row(logits: Any, targets: Any, probs: Any, columns: int) -> float:
    """Write sigmoid(logits) to probs and return the loss of the row."""
    return reductions.sigmoid_cross_entropy(logits, targets, probs, columns)  # type: ignore[no-any-return]


@inlined
def squared_error_row(predictions: Any, targets: Any, columns: int) -> float:
    """Return half the sum of squared differences."""
    return 0.5 * reductions.squared_distance(predictions, targets, columns)  # type: ignore[no-any-return]


@inlined
def absolute_error_row(predictions: Any, targets: Any, columns: int) -> float:
    """Return the sum of absolute differences; their signs, `units.sign`, are the gradient."""
    return reductions.absolute_distance(predictions, targets, columns)  # type: ignore[no-any-return]


@inlined
def quantile_row(predictions: Any, targets: Any, levels: Any, slopes: Any, columns: int) -> float:
    """Write the slopes of the pinball loss of levels, and return that loss of the row."""
    real, loss = predictions.dtype.type, 0.0
    half, zero = real(0.5), real(0)
    for j in range(columns):  # few: the levels that somebody asks for
        residual, leaning = predictions[j] - targets[j], real(0.5 - levels[j])
        size = elementary.choose(residual < zero, -residual, residual)
        loss += np.float64(half * size + leaning * residual)
        slopes[j] = half * scalar_activations.sign(residual) + leaning
    return loss


@inlined
def huber_row(predictions: Any, targets: Any, delta: float, columns: int) -> float:
    """Return the sum of Huber's loss of the differences; those, cut by `units.within` delta, are the gradient."""
    return reductions.huber_distance(predictions, targets, columns, delta)  # type: ignore[no-any-return]


@inlined
def poisson_row(logits: Any, targets: Any, probs: Any, columns: int) -> float:
    """Write exp(logits) to probs, another array, and return the loss of the row."""
    zero = logits.dtype.type(0)
    for j in range(columns):  # sums have loops of their own: the others then become vector code
        target = targets[j]
        entropy = elementary.choose(target == zero, zero, target * elementary.log(target))
        probs[j] = entropy - target * logits[j] - target
    loss = reductions.total_in_double(probs, columns)
    for j in range(columns):
        probs[j] = elementary.exp(logits[j])
    return loss + reductions.total_in_double(probs, columns)  # type: ignore[no-any-return]


@kernel
def _softmax_cross_entropy_forward(logits: Any, labels: Any, smoothing: float, probs: Any) -> float:
    total = 0.0
    for i in range(logits.shape[0]):
        total += cross_entropy_row(logits[i], labels[i], probs[i], logits.shape[1], smoothing)
    return total


@kernel
def _softmax_cross_entropy_backward(probs: Any, labels: Any, smoothing: float, dlogits: Any) -> None:
    real = probs.dtype.type
    n, even, own = real(probs.shape[0]), real(smoothing / probs.shape[1]), real(1.0 - smoothing)
    for i in range(probs.shape[0]):
        source, target = probs[i], dlogits[i]
        at_label = ((source[labels[i]] - even) - own) / n
        for j in range(source.size):
            target[j] = (source[j] - even) / n
        target[labels[i]] = at_label


@kernel
def _softmax_squared_error_forward(logits: Any, labels: Any, probs: Any) -> float:
    total = 0.0
    for i in range(logits.shape[0]):
        total += softmax_squared_error_row(logits[i], labels[i], probs[i], logits.shape[1])
    return total


@kernel
def _softmax_squared_error_backward(probs: Any, labels: Any, dlogits: Any) -> None:
    n = probs.dtype.type(probs.shape[0])
    for i in range(probs.shape[0]):
        target = dlogits[i]
        softmax_squared_error_slope(probs[i], labels[i], target, target.size)
        for j in range(target.size):
            target[j] /= n


@kernel
def _binary_cross_entropy_forward(logits: Any, targets: Any, probs: Any) -> float:
    total = 0.0
    for i in range(logits.shape[0]):
        total += binary_cross_entropy_row(logits[i], targets[i], probs[i], logits.shape[1])
    return total


@kernel
def _mean_difference(values: Any, targets: Any, n_samples: int, out: Any) -> None:
    n = values.dtype.type(n_samples)
    for i in range(values.size):
        out[i] = (values[i] - targets[i]) / n


def softmax_cross_entropy_forward(
    logits: FloatArray, labels: IntArray, label_smoothing: float = 0.0, out: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Mean loss of (n_samples, n_classes) logits and their probabilities, in one pass."""
    probs = checks.labelled(out, labels, logits=logits)
    training_checks.fraction("label_smoothing", label_smoothing)
    # a row's logits are read again after its probs were written
    source = logits.copy() if np.may_share_memory(probs, logits) else logits
    given = read_only(source), read_only(labels.astype(np.int64)), float(label_smoothing)
    return fill(probs, _softmax_cross_entropy_forward, *given) / max(len(labels), 1), probs


def softmax_cross_entropy_backward(
    probs: FloatArray, labels: IntArray, label_smoothing: float = 0.0, out: FloatArray | None = None
) -> FloatArray:
    """(probs - targets) / n_samples, without an array of the targets."""
    dlogits = checks.labelled(out, labels, probs=probs)
    training_checks.fraction("label_smoothing", label_smoothing)
    given = read_only(probs), read_only(labels.astype(np.int64)), float(label_smoothing)
    fill(dlogits, _softmax_cross_entropy_backward, *given)
    return dlogits


def softmax_squared_error_forward(
    logits: FloatArray, labels: IntArray, out: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Mean loss of (n_samples, n_classes) logits and their probabilities, in one pass."""
    probs = checks.labelled(out, labels, logits=logits)
    total = fill(probs, _softmax_squared_error_forward, read_only(logits), read_only(labels.astype(np.int64)))
    return total / max(len(labels), 1), probs


def softmax_squared_error_backward(probs: FloatArray, labels: IntArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient for the logits, row by row, through the whole Jacobian of the softmax."""
    dlogits = checks.labelled(out, labels, probs=probs)
    fill(dlogits, _softmax_squared_error_backward, read_only(probs), read_only(labels.astype(np.int64)))
    return dlogits


def binary_cross_entropy_forward(
    logits: FloatArray, targets: FloatArray, out: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Mean loss of (n_samples, n_outputs) logits and their probabilities, in one pass."""
    probs = checks.alike(out, checks.OUTPUTS, logits=logits, targets=targets)
    total = fill(probs, _binary_cross_entropy_forward, read_only(logits), read_only(targets))
    return total / max(len(logits), 1), probs


def binary_cross_entropy_backward(probs: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """(probs - targets) / n_samples; one pass of vector code."""
    return difference(checks.alike(out, checks.OUTPUTS, probs=probs, targets=targets), probs, targets)


def difference(out: FloatArray, values: FloatArray, targets: FloatArray) -> FloatArray:
    """Write (values - targets) / n_samples to out, and return it."""

    def run(values: FloatArray, targets: FloatArray, target: FloatArray) -> None:
        _mean_difference(values, targets, len(out), target.reshape(-1))

    fill(out, run, flat(values), flat(targets))
    return out
