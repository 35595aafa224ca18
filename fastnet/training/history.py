"""What a training run reports: figures for each epoch, or for so many steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Evaluation(NamedTuple):
    """Mean loss over samples, and the share of correct answers (None for a loss of values)."""

    loss: float
    accuracy: float | None


@dataclass(frozen=True)
class Epoch:
    """Figures of one epoch, or of the epochs or steps between two looks at them.

    Attributes
    ----------
    number : int
        From 1, counted over all calls of `fit` of a trainer; of the last one where it stands for several epochs.
        Where training goes by steps, it is these figures that are counted.
    loss, accuracy : float
        Mean over the samples, each measured just before the update of its batch; the loss with the penalty on the
        weights, the accuracy None for a loss of values.
    validation : Evaluation or None
        Loss and accuracy on the validation data after the epoch; None without validation data.
    seconds : float
        Time of training, without validation and without compilation.
    samples_per_second : float
        Samples trained on in a second of that time.
    step : int
        Steps taken so far.
    """

    number: int
    loss: float
    accuracy: float | None
    validation: Evaluation | None
    seconds: float
    samples_per_second: float
    step: int = 0


@dataclass
class History:
    """Figures of a training run, an item for each epoch in every list.

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
        return [epoch.validation.loss if epoch.validation else None for epoch in self.epochs]

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
