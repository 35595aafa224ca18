"""Loss functions, compiled. The maths stands in `fastnet.reference.losses`.

The functions of one row do the work, here and inside the training step; a loss and its gradient come from
one pass over a row that stays in the first-level cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastnet._jit import inlined, kernel
from fastnet.kernels import elementary
from fastnet.kernels.arrays import fill, flat, locked
from fastnet.kernels.softmax import softmax_row
from fastnet.reference import checks
from fastnet.reference.checks import FloatArray, IntArray

CODES = {"cross_entropy": 0, "binary_cross_entropy": 1, "squared_error": 2}
CROSS_ENTROPY, BINARY_CROSS_ENTROPY, SQUARED_ERROR = 0, 1, 2


@inlined
def cross_entropy_row(logits: Any, label: int, probs: Any, columns: int) -> float:
    """Write softmax(logits) to probs, another array, and return the loss of the row."""
    top, total = softmax_row(logits, probs, columns)
    return math.log(np.float64(total)) - np.float64(logits[label] - top)


@inlined
def binary_cross_entropy_row(logits: Any, targets: Any, probs: Any, columns: int) -> float:
    """Write sigmoid(logits) to probs, another array, and return the loss of the row."""
    loss = 0.0
    zero = logits.dtype.type(0)
    for j in range(columns):
        z = logits[j]
        small = elementary.exp(z if z <= zero else -z)  # exp(-|z|), NaN for NaN
        positive = zero if z <= zero else z
        loss += np.float64(positive - targets[j] * z) + math.log1p(np.float64(small))
        probs[j] = elementary.sigmoid(z)
    return loss


@inlined
def squared_error_row(predictions: Any, targets: Any, columns: int) -> float:
    """Return half the sum of squared differences."""
    loss = 0.0
    for j in range(columns):
        difference = predictions[j] - targets[j]
        loss += np.float64(difference * difference)
    return 0.5 * loss


@kernel
def _softmax_cross_entropy_forward(logits: Any, labels: Any, probs: Any) -> float:
    total = 0.0
    for i in range(logits.shape[0]):
        total += cross_entropy_row(logits[i], labels[i], probs[i], logits.shape[1])
    return total


@kernel
def _softmax_cross_entropy_backward(probs: Any, labels: Any, dlogits: Any) -> None:
    n = probs.dtype.type(probs.shape[0])
    one = probs.dtype.type(1)
    for i in range(probs.shape[0]):
        source, target = probs[i], dlogits[i]
        at_label = (source[labels[i]] - one) / n
        for j in range(source.size):
            target[j] = source[j] / n
        target[labels[i]] = at_label


@kernel
def _binary_cross_entropy_forward(logits: Any, targets: Any, probs: Any) -> float:
    total = 0.0
    for i in range(logits.shape[0]):
        total += binary_cross_entropy_row(logits[i], targets[i], probs[i], logits.shape[1])
    return total


@kernel
def _squared_error_forward(predictions: Any, targets: Any) -> float:
    total = 0.0
    for i in range(predictions.shape[0]):
        total += squared_error_row(predictions[i], targets[i], predictions.shape[1])
    return total


@kernel
def _mean_difference(values: Any, targets: Any, n_samples: int, out: Any) -> None:
    n = values.dtype.type(n_samples)
    for i in range(values.size):
        out[i] = (values[i] - targets[i]) / n


def softmax_cross_entropy_forward(
    logits: FloatArray, labels: IntArray, out: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Mean loss of (n_samples, n_classes) logits and their probabilities, in one pass."""
    probs = checks.labelled(out, labels, logits=logits)
    # a row's logits are read again after its probs were written
    source = logits.copy() if np.may_share_memory(probs, logits) else logits
    total = fill(probs, _softmax_cross_entropy_forward, locked(source), locked(labels.astype(np.int64)))
    return total / max(len(labels), 1), probs


def softmax_cross_entropy_backward(probs: FloatArray, labels: IntArray, out: FloatArray | None = None) -> FloatArray:
    """(probs - onehot(labels)) / n_samples, without the one-hot array."""
    dlogits = checks.labelled(out, labels, probs=probs)
    fill(dlogits, _softmax_cross_entropy_backward, locked(probs), locked(labels.astype(np.int64)))
    return dlogits


def binary_cross_entropy_forward(
    logits: FloatArray, targets: FloatArray, out: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Mean loss of (n_samples, n_outputs) logits and their probabilities, in one pass."""
    probs = checks.alike(out, checks.OUTPUTS, logits=logits, targets=targets)
    total = fill(probs, _binary_cross_entropy_forward, locked(logits), locked(targets))
    return total / max(len(logits), 1), probs


def binary_cross_entropy_backward(probs: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """(probs - targets) / n_samples; one pass of vector code."""
    return _difference(checks.alike(out, checks.OUTPUTS, probs=probs, targets=targets), probs, targets)


def squared_error_forward(predictions: FloatArray, targets: FloatArray) -> float:
    """Mean over samples of half the squared distance, summed in float64."""
    checks.alike(None, checks.OUTPUTS, predictions=predictions, targets=targets)
    total: float = _squared_error_forward(locked(predictions), locked(targets))
    return total / max(len(predictions), 1)


def squared_error_backward(predictions: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """(predictions - targets) / n_samples; one pass of vector code."""
    out = checks.alike(out, checks.OUTPUTS, predictions=predictions, targets=targets)
    return _difference(out, predictions, targets)


def _difference(out: FloatArray, values: FloatArray, targets: FloatArray) -> FloatArray:
    def run(values: FloatArray, targets: FloatArray, target: FloatArray) -> None:
        _mean_difference(values, targets, len(out), target.reshape(-1))

    fill(out, run, flat(values), flat(targets))
    return out
