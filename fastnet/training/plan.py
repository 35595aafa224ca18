"""What a call of `Trainer.fit` is to do, understood and checked before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.network import Network
from fastnet.training import targets
from fastnet.training.targets import Loss
from fastnet.validation import inputs
from fastnet.validation import training as training_checks


class Data(NamedTuple):
    """Samples to train on, their weights, and those that are only looked at."""

    X: npt.NDArray[Any]
    y: npt.NDArray[Any]
    weights: npt.NDArray[np.float64] | None
    held_out: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None


class Plan(NamedTuple):
    """How long to train: rounds of so many samples, and how many rounds go by between two looks at the figures."""

    by_steps: bool
    n_batch: int
    round_size: int  # samples: all of them, or those of a step
    n_rounds: int
    every: int

    @property
    def n_steps(self) -> int:
        """Steps in all."""
        return self.n_rounds * self.round_steps

    @property
    def round_steps(self) -> int:
        """Steps of a round."""
        return math.ceil(self.round_size / self.n_batch)


class Origin(NamedTuple):
    """Where a run began, and what it must have in common with one that goes on with it."""

    step: int
    epoch: int
    n_samples: int
    n_batch: int
    by_steps: bool

    def __str__(self) -> str:
        return f"{'steps' if self.by_steps else 'epochs'} over {self.n_samples} samples in batches of {self.n_batch}"


def make_plan(n_samples: int, batch_size: int | None, epochs: int, steps: int | None, every: int | None) -> Plan:
    """Plan epochs, or steps if they are given."""
    training_checks.whole("epochs", epochs, 0)
    if every is not None:
        training_checks.whole("every", every, 1)
    n_batch = n_samples if batch_size is None else min(int(batch_size), n_samples)
    if steps is None:
        return Plan(False, n_batch, n_samples, int(epochs), int(every or 1))
    training_checks.whole("steps", steps, 0)
    return Plan(True, n_batch, n_batch, int(steps), int(every or math.ceil(n_samples / n_batch)))


def check_limits(patience: int | None, max_time: float | None, validation: object) -> None:
    """Check when training is to end early."""
    if patience is not None:
        training_checks.whole("patience", patience, 1)
        if validation is None:
            raise ValueError("patience needs validation data, got none")
    if max_time is not None:
        training_checks.positive("max_time", max_time)


def checked_data(
    network: Network, loss: Loss, X: npt.ArrayLike, y: npt.ArrayLike, validation: Any, sample_weight: Any
) -> Data:
    """Bring everything to the arrays that kernels take."""
    features, expected = targets.checked(network, loss, X, y)
    if len(features) == 0:
        raise ValueError("X must hold at least one sample, got none")
    held_out = None
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise TypeError(f"validation must be a pair (X, y), got {type(validation).__name__}")
        other_X, other_y = validation
        held_out = targets.checked(network, loss, other_X, other_y, "validation ")
    weights = None if sample_weight is None else inputs.weights("sample_weight", sample_weight, len(features))
    return Data(features, expected, weights, held_out)


def rates(dropout: float | Sequence[float], n_hidden: int) -> tuple[float, ...]:
    """Return the rate of dropout of each hidden layer; nothing if none is dropped."""
    if isinstance(dropout, int | float):
        training_checks.fraction("dropout", dropout)
        dropout = (dropout,) * n_hidden
    training_checks.dropout_rates(dropout, 0, n_hidden)
    return tuple(map(float, dropout)) if any(dropout) else ()
