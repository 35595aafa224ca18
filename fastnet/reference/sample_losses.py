"""The loss of each sample on its own, in float64, as the mean losses and weighted training need it."""

import numpy as np
import numpy.typing as npt

from fastnet.reference.checks import FloatArray, IntArray

Losses = npt.NDArray[np.float64]


def cross_entropy(logits: FloatArray, labels: IntArray, label_smoothing: float = 0.0) -> Losses:
    """-log softmax(logits)[label]; smoothing mixes in the mean of that over all classes."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    losses = log_sums - shifted[np.arange(labels.size), labels]
    if label_smoothing:
        means = (log_sums[:, None] - shifted).mean(axis=1)
        losses = (1 - label_smoothing) * losses + label_smoothing * means
    return losses.astype(np.float64)


def binary_cross_entropy(logits: FloatArray, targets: FloatArray) -> Losses:
    """Sum over outputs of softplus(z) - t*z."""
    entries = np.maximum(logits, 0) - targets * logits + np.log1p(np.exp(-np.abs(logits)))
    return entries.sum(axis=1, dtype=np.float64)


def squared_error(predictions: FloatArray, targets: FloatArray) -> Losses:
    """Half the sum over outputs of (p - t)**2."""
    differences = predictions - targets
    return 0.5 * (differences * differences).sum(axis=1, dtype=np.float64)


def poisson(logits: FloatArray, targets: FloatArray) -> Losses:
    """Sum over outputs of t*log(t) - t*z - t + exp(z), which is half the deviance; 0*log(0) is 0."""
    constants = targets * np.log(np.where(targets == 0, 1, targets)) - targets
    return (constants - targets * logits + np.exp(logits)).sum(axis=1, dtype=np.float64)


def huber(predictions: FloatArray, targets: FloatArray, delta: float = 1.0) -> Losses:
    """Sum over outputs of r**2 / 2 up to delta, and of the line that goes on from there."""
    distances = np.abs(predictions - targets)
    entries = np.where(distances <= delta, 0.5 * distances * distances, delta * (distances - 0.5 * delta))
    return entries.sum(axis=1, dtype=np.float64)


def absolute_error(predictions: FloatArray, targets: FloatArray) -> Losses:
    """Sum over outputs of the distances."""
    return np.abs(predictions - targets).sum(axis=1, dtype=np.float64)
