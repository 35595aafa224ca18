"""Probabilities of an ensemble, and the temperature that makes them fit what happens."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

Array = npt.NDArray[Any]

LOWEST, HIGHEST = 1 / 8, 64.0
"""Limits of a temperature: where all validation data are classified rightly, none would be low enough."""


def mean_log_probabilities(logits: Array, temperature: float = 1.0) -> Array:
    """Return logarithms of the mean probabilities (n_samples, n_classes) of networks, from logits of each."""
    logs = log_softmax(logits / logits.dtype.type(temperature), axis=-1)
    mean: Array = logs[0] if len(logs) == 1 else logsumexp(logs, axis=0) - logs.dtype.type(math.log(len(logs)))
    return mean


def temperature(logits: Array, labels: Array, weights: Array | None) -> float:
    """Find the temperature with the least cross-entropy of an ensemble (n_networks, n_samples, n_classes)."""

    def cross_entropy(log_temperature: float) -> float:
        logs = mean_log_probabilities(logits.astype(np.float64), math.exp(log_temperature))
        return float(np.average(-logs[np.arange(len(labels)), labels], weights=weights))

    found = minimize_scalar(cross_entropy, bounds=(math.log(LOWEST), math.log(HIGHEST)), method="bounded")
    return math.exp(found.x)
