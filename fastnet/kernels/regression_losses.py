"""Losses of regression, compiled. The maths stands in `fastnet.reference.regression_losses`."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.compiler.policy import kernel
from fastnet.kernels.codegen import elementary, scalar_activations
from fastnet.kernels.losses import (
    absolute_error_row,
    difference,
    huber_row,
    poisson_row,
    quantile_row,
    squared_error_row,
)
from fastnet.kernels.runtime.arrays import fill, flat, read_only
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.levels import quantile_levels
from fastnet.validation.operations import FloatArray

__all__ = [
    "absolute_error_backward",
    "absolute_error_forward",
    "huber_backward",
    "huber_forward",
    "poisson_backward",
    "poisson_forward",
    "quantile_backward",
    "quantile_forward",
    "squared_error_backward",
    "squared_error_forward",
]


@kernel
def _squared_error_forward(predictions: Any, targets: Any) -> float:
    total = 0.0
    for i in range(predictions.shape[0]):
        total += squared_error_row(predictions[i], targets[i], predictions.shape[1])
    return total


@kernel
def _absolute_error_forward(predictions: Any, targets: Any) -> float:
    total = 0.0
    for i in range(predictions.shape[0]):
        total += absolute_error_row(predictions[i], targets[i], predictions.shape[1])
    return total


@kernel
def _huber_forward(predictions: Any, targets: Any, delta: float) -> float:
    total = 0.0
    for i in range(predictions.shape[0]):
        total += huber_row(predictions[i], targets[i], delta, predictions.shape[1])
    return total


@kernel
def _quantile(predictions: Any, targets: Any, levels: Any, slopes: Any) -> float:
    total = 0.0
    for i in range(predictions.shape[0]):
        total += quantile_row(predictions[i], targets[i], levels, slopes, predictions.shape[1])
    return total


@kernel
def _quantile_backward(predictions: Any, targets: Any, levels: Any, n_samples: int, out: Any) -> None:
    n, columns = predictions.dtype.type(n_samples), levels.size
    for i in range(0, predictions.size, columns):
        slopes = out[i : i + columns]
        quantile_row(predictions[i : i + columns], targets[i : i + columns], levels, slopes, columns)
        for j in range(columns):
            slopes[j] /= n


@kernel
def _poisson_forward(logits: Any, targets: Any, exps: Any) -> float:
    total = 0.0
    for i in range(logits.shape[0]):
        total += poisson_row(logits[i], targets[i], exps, logits.shape[1])
    return total


@kernel
def _absolute_error_backward(predictions: Any, targets: Any, n_samples: int, out: Any) -> None:
    n = predictions.dtype.type(n_samples)
    for i in range(predictions.size):
        out[i] = scalar_activations.sign(predictions[i] - targets[i]) / n


@kernel
def _huber_backward(predictions: Any, targets: Any, delta: float, n_samples: int, out: Any) -> None:
    n, end = predictions.dtype.type(n_samples), predictions.dtype.type(delta)
    for i in range(predictions.size):
        out[i] = scalar_activations.within(predictions[i] - targets[i], end) / n


@kernel
def _poisson_backward(logits: Any, targets: Any, n_samples: int, out: Any) -> None:
    n = logits.dtype.type(n_samples)
    for i in range(logits.size):
        out[i] = (elementary.exp(logits[i]) - targets[i]) / n


def _elementwise(kernel: Any, out: FloatArray, values: FloatArray, targets: FloatArray, *more: Any) -> FloatArray:
    def run(values: FloatArray, targets: FloatArray, target: FloatArray) -> None:
        kernel(values, targets, *more, len(out), target.reshape(-1))

    fill(out, run, flat(values), flat(targets))
    return out


def squared_error_forward(predictions: FloatArray, targets: FloatArray) -> float:
    """Mean over samples of half the squared distance, summed in float64."""
    checks.alike(None, checks.OUTPUTS, predictions=predictions, targets=targets)
    total: float = _squared_error_forward(read_only(predictions), read_only(targets))
    return total / max(len(predictions), 1)


def squared_error_backward(predictions: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """(predictions - targets) / n_samples; one pass of vector code."""
    out = checks.alike(out, checks.OUTPUTS, predictions=predictions, targets=targets)
    return difference(out, predictions, targets)


def absolute_error_forward(predictions: FloatArray, targets: FloatArray) -> float:
    """Mean over samples of the sum of absolute differences, summed in float64."""
    checks.alike(None, checks.OUTPUTS, predictions=predictions, targets=targets)
    total: float = _absolute_error_forward(read_only(predictions), read_only(targets))
    return total / max(len(predictions), 1)


def absolute_error_backward(predictions: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """sign(predictions - targets) / n_samples; one pass of vector code."""
    out = checks.alike(out, checks.OUTPUTS, predictions=predictions, targets=targets)
    return _elementwise(_absolute_error_backward, out, predictions, targets)


def quantile_forward(predictions: FloatArray, targets: FloatArray, levels: tuple[float, ...]) -> float:
    """Mean over samples of the sum of the pinball loss, summed in float64."""
    checks.alike(None, checks.OUTPUTS, predictions=predictions, targets=targets)
    asked = np.array(quantile_levels(levels, predictions.shape[1]))
    slopes = np.empty(predictions.shape[1], predictions.dtype)
    total: float = _quantile(read_only(predictions), read_only(targets), asked, slopes)
    return total / max(len(predictions), 1)


def quantile_backward(
    predictions: FloatArray, targets: FloatArray, levels: tuple[float, ...], out: FloatArray | None = None
) -> FloatArray:
    """(sign(predictions - targets) / 2 + 1/2 - level) / n_samples."""
    out = checks.alike(out, checks.OUTPUTS, predictions=predictions, targets=targets)
    asked = np.array(quantile_levels(levels, predictions.shape[1]))
    return _elementwise(_quantile_backward, out, predictions, targets, asked)


def huber_forward(predictions: FloatArray, targets: FloatArray, delta: float = 1.0) -> float:
    """Mean over samples of the sum of Huber's loss, summed in float64."""
    checks.alike(None, checks.OUTPUTS, predictions=predictions, targets=targets)
    training_checks.positive("delta", delta)
    total: float = _huber_forward(read_only(predictions), read_only(targets), float(delta))
    return total / max(len(predictions), 1)


def huber_backward(
    predictions: FloatArray, targets: FloatArray, delta: float = 1.0, out: FloatArray | None = None
) -> FloatArray:
    """Differences, cut to [-delta, delta], / n_samples; one pass of vector code."""
    out = checks.alike(out, checks.OUTPUTS, predictions=predictions, targets=targets)
    training_checks.positive("delta", delta)
    return _elementwise(_huber_backward, out, predictions, targets, float(delta))


def poisson_forward(logits: FloatArray, targets: FloatArray) -> float:
    """Mean over samples of half the Poisson deviance, summed in float64."""
    checks.alike(None, checks.OUTPUTS, logits=logits, targets=targets)
    total: float = _poisson_forward(read_only(logits), read_only(targets), np.empty(logits.shape[1], logits.dtype))
    return total / max(len(logits), 1)


def poisson_backward(logits: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """(exp(logits) - targets) / n_samples; one pass of vector code."""
    out = checks.alike(out, checks.OUTPUTS, logits=logits, targets=targets)
    return _elementwise(_poisson_backward, out, logits, targets)
