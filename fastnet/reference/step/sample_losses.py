"""The loss of each sample on its own, in float64, as the mean losses and weighted training need it."""

import numpy as np
import numpy.typing as npt

from fastnet.reference.softmax import softmax_forward
from fastnet.validation.operations import FloatArray, IntArray

Losses = npt.NDArray[np.float64]


def mean(losses: Losses) -> float:
    """Mean over samples, 0.0 if there are none."""
    return float(losses.sum()) / max(losses.size, 1)


def _sums(entries: FloatArray) -> Losses:
    """Sum over outputs."""
    sums: Losses = entries.sum(axis=1, dtype=np.float64)
    return sums


def cross_entropy(logits: FloatArray, labels: IntArray, label_smoothing: float = 0.0) -> Losses:
    """-log softmax(logits)[label]; smoothing mixes in the mean of that over all classes."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(labels.size), labels]
    losses: FloatArray = np.log(np.exp(shifted).sum(axis=1)) - (1 - float(label_smoothing)) * chosen
    if label_smoothing:  # an excluded class has an infinite loss, and none without smoothing
        losses -= float(label_smoothing) * shifted.mean(axis=1)
    return losses.astype(np.float64)


def softmax_squared_error(logits: FloatArray, labels: IntArray) -> Losses:
    """Sum over classes of (softmax(logits) - onehot)**2."""
    differences = softmax_forward(logits)
    differences[np.arange(labels.size), labels] -= 1
    return _sums(differences * differences)


def binary_cross_entropy(logits: FloatArray, targets: FloatArray) -> Losses:
    """Sum over outputs of softplus(z) - t*z."""
    entries = np.maximum(logits, 0) - targets * logits + np.log1p(np.exp(-np.abs(logits)))
    return _sums(entries)


def squared_error(predictions: FloatArray, targets: FloatArray) -> Losses:
    """Half the sum over outputs of (p - t)**2."""
    differences = predictions - targets
    return 0.5 * _sums(differences * differences)


def poisson(logits: FloatArray, targets: FloatArray) -> Losses:
    """Sum over outputs of t*log(t) - t*z - t + exp(z), which is half the deviance; 0*log(0) is 0."""
    entropies = np.where(targets == 0, 0, targets * np.log(targets))
    return _sums(entropies - targets * logits - targets + np.exp(logits))


def huber(predictions: FloatArray, targets: FloatArray, delta: float = 1.0) -> Losses:
    """Sum over outputs of r**2 / 2 up to delta, and of the line that goes on from there."""
    sizes, limit = np.abs(predictions - targets), float(delta)
    entries = np.where(sizes <= limit, 0.5 * sizes * sizes, limit * (sizes - 0.5 * limit))
    return _sums(entries)


def quantile(predictions: FloatArray, targets: FloatArray, levels: tuple[float, ...]) -> Losses:
    """Sum over outputs of |r| / 2 + (1/2 - level) * r, with r = p - t: (1 - level) * r above t, -level * r below."""
    residuals = predictions - targets
    leanings = (0.5 - np.array(levels)).astype(residuals.dtype)
    return _sums(0.5 * np.abs(residuals) + leanings * residuals)


def absolute_error(predictions: FloatArray, targets: FloatArray) -> Losses:
    """Sum over outputs of the distances."""
    return _sums(np.abs(predictions - targets))
