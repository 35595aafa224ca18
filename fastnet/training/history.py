"""What a training run reports: metrics of each epoch, or of each logging interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fastnet.inference import Evaluation
from fastnet.output.reprs import short_repr


@dataclass(frozen=True)
class Epoch:
    """Metrics of one epoch, or of the epochs or steps of a logging interval, of a trainer or of an estimator.

    Attributes
    ----------
    number : int
        From 1, counted over all calls of `fit` of a trainer, and over one of an estimator; of the last one where it
        stands for several epochs. Where training goes by steps, it is logging intervals that are counted.
    loss, accuracy : float
        Mean over the samples, each measured just before the update of its batch; the loss with the penalty on the
        weights, the accuracy None for a loss of values.
    validation : Evaluation or None
        Loss and accuracy on the validation data after the epoch; None without validation data. Estimators have a score
        in place of the accuracy.
    seconds : float
        Time of training of this epoch, without validation and without compilation.
    samples_per_second : float
        Samples trained on in a second of that time.
    step : int
        Steps taken so far.
    n_samples : int
        Samples trained on in this epoch.
    learning_rate : float
        Rate of its last steps; NaN for "lbfgs", which searches along lines.
    score : float or None
        Score of an estimator on its validation data.
    elapsed : float
        Seconds since the run began, with validation and callbacks.
    """

    number: int
    loss: float
    accuracy: float | None
    validation: Evaluation | None
    seconds: float
    samples_per_second: float
    step: int = 0
    n_samples: int = 0
    learning_rate: float = math.nan
    score: float | None = None
    elapsed: float = 0.0

    @property
    def validation_loss(self) -> float | None:
        """Validation loss, None without validation data."""
        return None if self.validation is None else self.validation.loss

    @property
    def validation_score(self) -> float | None:
        """Validation score of an estimator, else the validation accuracy; None where there is neither."""
        if self.score is not None or self.validation is None:
            return self.score
        return self.validation.accuracy


@dataclass
class History:
    """Metrics of a training run, an item for each epoch in every list.

    Attributes
    ----------
    epochs : list of Epoch
        The epochs in order.
    compile_seconds : float
        Time spent on compiling kernels, or on reading them from the cache, before the first epoch.

    Examples
    --------
    >>> history = History([Epoch(1, 0.5, 0.9, None, 2.0, 500.0)])
    >>> history.loss, history.accuracy, history.validation_loss
    ([0.5], [0.9], [None])
    """

    epochs: list[Epoch] = field(default_factory=list)
    compile_seconds: float = 0.0

    __repr__ = short_repr

    @property
    def loss(self) -> list[float]:
        """Mean training loss."""
        return [epoch.loss for epoch in self.epochs]

    @property
    def accuracy(self) -> list[float | None]:
        """Training accuracy."""
        return [epoch.accuracy for epoch in self.epochs]

    @property
    def validation_loss(self) -> list[float | None]:
        """Validation loss, None without validation data."""
        return [epoch.validation_loss for epoch in self.epochs]

    @property
    def validation_accuracy(self) -> list[float | None]:
        """Validation accuracy, None without validation data."""
        return [epoch.validation.accuracy if epoch.validation else None for epoch in self.epochs]

    @property
    def seconds(self) -> list[float]:
        """Time of training."""
        return [epoch.seconds for epoch in self.epochs]

    @property
    def samples_per_second(self) -> list[float]:
        """Speed of training."""
        return [epoch.samples_per_second for epoch in self.epochs]
