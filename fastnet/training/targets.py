"""What the outputs of a network mean under each loss: what they are held against, and what they predict."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.network import Network
from fastnet.training.history import Evaluation
from fastnet.validation import inputs
from fastnet.validation.training import LABELLED, LOSS_SETTINGS, loss_setting

Loss = str | tuple[str, float]
Array = npt.NDArray[Any]

_WITH_PROBABILITIES = {
    "cross_entropy": "softmax_forward",
    "softmax_squared_error": "softmax_forward",
    "binary_cross_entropy": "sigmoid_forward",
}


def loss_name(loss: Loss) -> str:
    """Return the name of a loss, without its setting."""
    return loss if isinstance(loss, str) else loss[0]


def checked(network: Network, loss: Loss, X: npt.ArrayLike, y: npt.ArrayLike, prefix: str = "") -> tuple[Array, Array]:
    """Return inputs and labels or targets as kernels take them; `prefix` stands before their names in errors."""
    features = inputs.features(f"{prefix}X", X, network.sizes[0], network.dtype)
    n_samples, n_outputs, name = len(features), network.sizes[-1], loss_name(loss)
    if name in LABELLED:
        return features, inputs.labels(f"{prefix}y", y, n_samples, n_outputs)
    probabilities = name == "binary_cross_entropy"
    targets = inputs.targets(f"{prefix}y", y, n_samples, n_outputs, network.dtype, probabilities)
    if name == "poisson" and targets.size and targets.min() < 0:
        raise ValueError(f"{prefix}y must not be negative for the poisson loss, got {targets.min()}")
    return features, targets


def probabilities(kernels: ModuleType, loss: Loss, logits: Array) -> Array:
    """Turn outputs into probabilities; ValueError for a loss that has none."""
    name = loss_name(loss)
    if name not in _WITH_PROBABILITIES:
        raise ValueError(f"predict_proba needs a loss with probabilities, got {name}")
    return np.asarray(getattr(kernels, _WITH_PROBABILITIES[name])(logits))


def predictions(loss: Loss, logits: Array) -> Array:
    """Turn outputs into classes, into 0 or 1 each, or into the values they stand for."""
    name = loss_name(loss)
    if name in LABELLED:
        return np.asarray(logits.argmax(axis=1), np.int32)
    if name == "binary_cross_entropy":
        return np.asarray(logits > 0, np.int32)
    values: Array = np.exp(logits) if name == "poisson" else logits
    return values


def evaluation(kernels: ModuleType, loss: Loss, logits: Array, y: Array) -> Evaluation:
    """Return the mean loss of outputs, and the share of right ones."""
    name, setting = loss_setting(loss)
    settings = (setting,) if name in LOSS_SETTINGS else ()
    operation = "softmax_cross_entropy" if name == "cross_entropy" else name
    result = getattr(kernels, f"{operation}_forward")(logits, y, *settings)
    n_correct = 0
    if name in LABELLED:
        n_correct = int(np.count_nonzero(logits.argmax(axis=1) == y))
    elif name == "binary_cross_entropy":
        n_correct = int(np.count_nonzero((logits > 0) == (y > 0.5)))
    mean = result[0] if isinstance(result, tuple) else result
    return Evaluation(mean, accuracy(loss, n_correct, *logits.shape))


def accuracy(loss: Loss, n_correct: int, n_samples: int, n_outputs: int) -> float | None:
    """Return the share of right answers, None for a loss of values."""
    name = loss_name(loss)
    if name not in _WITH_PROBABILITIES:
        return None
    return n_correct / max(n_samples * (1 if name in LABELLED else n_outputs), 1)
