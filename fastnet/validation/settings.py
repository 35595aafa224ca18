"""Settings of training, checked where they are made: by trainers, estimators, recipes and the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.validation import training as checks

SAMPLINGS = ("shuffle", "replacement")
EVENTS = ("on_train_begin", "on_chunk_end", "on_epoch_end", "on_train_end")
"""What callbacks may be told of."""
SCHEDULES = ("constant", "linear", "cosine", "one_cycle")


def settings(
    loss: Any, batch_size: Any, backend: Any, n_threads: Any, seed: Any, clip_norm: Any, clip_value: Any, l2: Any,
    dropout: Any, sampling: Any, schedule: Any,
) -> None:  # fmt: skip
    """Check everything about training that needs no data, but for its optimizer, which was checked when made."""
    checks.choice("loss", checks.loss_setting(loss)[0], checks.LOSSES)
    if batch_size is not None:
        checks.whole("batch_size", batch_size, 1)
    checks.choice("backend", backend, tuple(checks.BACKENDS))
    checks.threads(n_threads)
    if seed is not None:
        checks.whole("seed", seed, 0)
    checks.clipping(clip_norm, clip_value)
    checks.hyperparameters(l2=l2)
    hidden_dropout(dropout, len(dropout) if isinstance(dropout, Sequence) else 0)
    checks.choice("sampling", sampling, SAMPLINGS)
    if not callable(schedule):
        checks.choice("schedule", schedule, SCHEDULES)


def hidden_dropout(dropout: float | Sequence[float], n_hidden: int) -> tuple[float, ...]:
    """Return the rate of dropout of each hidden layer; nothing if none is dropped."""
    if isinstance(dropout, int | float):
        checks.fraction("dropout", dropout)
        dropout = (dropout,) * n_hidden
    checks.dropout_rates(dropout, 0, n_hidden)
    return tuple(map(float, dropout)) if any(dropout) else ()


def limits(patience: int | None, max_time: float | None, validation: object) -> None:
    """Check when training is to end early."""
    if patience is not None:
        checks.whole("patience", patience, 1)
        validation_for_patience(validation)
    if max_time is not None:
        checks.positive("max_time", max_time)


def validation_for_patience(validation: object) -> None:
    """Check that there is something by which training may lose its patience."""
    if validation is None:
        raise ValueError("patience needs validation data, got none")


def loss_for_patience(loss: float) -> None:
    """Check that the validation data have a loss before training, by which later ones can be told to be lower."""
    if not math.isfinite(loss):
        raise ValueError(f"patience needs validation data with a finite loss, got {loss} before training")


def length(epochs: Any, steps: Any, every: Any) -> None:
    """Check how long to train, and how often metrics are taken."""
    checks.whole("epochs", epochs, 0)
    if steps is not None:
        checks.whole("steps", steps, 0)
    if every is not None:
        checks.whole("every", every, 1)


def rate_range(low: float, high: float, steps: Any) -> None:
    """Check the learning rates of a range test."""
    if not 0 < low < high < math.inf:
        raise ValueError(f"low and high must be rates with 0 < low < high, got {low} and {high}")
    checks.whole("steps", steps, 10)


def indices(name: str, values: npt.NDArray[Any], n_samples: int) -> None:
    """Check indices of samples that come from a file: kernels read there."""
    if values.dtype != np.int64 or values.ndim != 1:
        raise ValueError(f"{name} must be a vector of int64")
    if values.size and (values.min() < 0 or values.max() >= n_samples):
        raise ValueError(f"{name} must be indices of {n_samples} samples")


def callbacks(values: Any) -> Sequence[Any]:
    """Check that callbacks are objects with methods for some of the events, or functions."""
    if not isinstance(values, tuple | list):
        raise TypeError(f"callbacks must be a tuple or a list, got {type(values).__name__}")
    for one in values:
        if isinstance(one, type) or not (callable(one) or any(hasattr(one, event) for event in EVENTS)):
            raise TypeError(f"callbacks must be functions, or objects with {', '.join(EVENTS)}, got {one!r}")
    return values
