"""Callbacks of the estimators: called after each epoch and each part of one, they watch, keep, and stop a fit."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Callback", "Checkpoint", "EpochRecord", "Record", "StopWhen"]


@dataclass(frozen=True)
class EpochRecord:
    """Figures of one epoch of an estimator's fit.

    Attributes
    ----------
    number : int
        From 1, counted over one call of `fit`.
    loss : float
        The training loss, as in `loss_curve_`.
    learning_rate : float
        Rate of the epoch's steps; NaN for "lbfgs", which searches along lines.
    validation_loss, validation_score : float or None
        As in `validation_loss_curve_` and `validation_scores_`; None without validation data.
    n_samples : int
        Samples trained on in this epoch.
    seconds : float
        Time since the fit began.
    """

    number: int
    loss: float
    learning_rate: float
    validation_loss: float | None
    validation_score: float | None
    n_samples: int
    seconds: float


class Callback:
    """What an estimator calls as it is fitted. Derive from it, and override what you need.

    Both methods are handed the estimator, which can predict. Whatever they return, a true value ends the fit; so
    does `KeyboardInterrupt`, and either way the model is kept.

    Examples
    --------
    >>> from fastnet import MLPRegressor
    >>> class StopAtTen(Callback):
    ...     def on_epoch_end(self, model, epoch):
    ...         return epoch.number == 10
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0]
    >>> MLPRegressor(backend="numpy", callbacks=(StopAtTen(),), random_state=0).fit(X, y).n_iter_
    10
    """

    def on_chunk_end(self, model: Any, n_done: int, n_samples: int) -> object:
        """Be told of a part of an epoch, some tens of milliseconds of work: the samples done, and those in all."""
        return None

    def on_epoch_end(self, model: Any, epoch: EpochRecord) -> object:
        """Be told of an epoch."""
        return None


@dataclass
class Record(Callback):
    """Keep the figures of every epoch.

    Attributes
    ----------
    epochs : list of EpochRecord
        One for each epoch, of all fits that it was part of.

    Examples
    --------
    >>> from fastnet import MLPRegressor
    >>> record = Record()
    >>> model = MLPRegressor(backend="numpy", callbacks=(record,), random_state=0, n_iter_no_change=3, tol=10.0)
    >>> model = model.fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0])
    >>> [epoch.number for epoch in record.epochs]
    [1, 2, 3, 4, 5]
    """

    epochs: list[EpochRecord] = field(default_factory=list)

    def on_epoch_end(self, model: Any, epoch: EpochRecord) -> None:
        """Keep the figures."""
        self.epochs.append(epoch)


@dataclass(frozen=True)
class StopWhen(Callback):
    """Stop after the first epoch of which something is true.

    Parameters
    ----------
    condition : callable
        Given an `EpochRecord`, it tells whether to stop.

    Examples
    --------
    >>> from fastnet import MLPRegressor
    >>> stop = StopWhen(lambda epoch: epoch.loss < 0.1)
    >>> model = MLPRegressor(backend="numpy", callbacks=(stop,), random_state=0, learning_rate_init=0.01)
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0]).loss_ < 0.1
    True
    """

    condition: Callable[[EpochRecord], object]

    def on_epoch_end(self, model: Any, epoch: EpochRecord) -> bool:
        """Ask the condition."""
        return bool(self.condition(epoch))


@dataclass
class Checkpoint(Callback):
    """Write the model to a safetensors file, which `fastnet.load_model` reads.

    The file is written beside the path and then renamed: there is never half a model.

    Parameters
    ----------
    path : path-like
        Where to; an existing file is replaced.
    every : int, default 1
        Epochs between two checkpoints.
    best_only : bool, default False
        Write only where the validation score, or without validation data the training loss, is the best so far.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from fastnet import MLPRegressor, load_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.safetensors"
    ...     callbacks = (Checkpoint(path, every=5), StopWhen(lambda epoch: epoch.number == 7))
    ...     model = MLPRegressor(backend="numpy", hidden_layer_sizes=(4,), callbacks=callbacks, random_state=0)
    ...     model = model.fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0])
    ...     load_model(path).metrics["epoch"]
    5.0
    """

    path: str | os.PathLike[str]
    every: int = 1
    best_only: bool = False
    best: float = field(default=float("-inf"), init=False, repr=False)

    def on_epoch_end(self, model: Any, epoch: EpochRecord) -> None:
        """Write the model if it is time to."""
        from fastnet.models import save_model

        if epoch.number % self.every:
            return
        merit = -epoch.loss if epoch.validation_score is None else epoch.validation_score
        if self.best_only and not merit > self.best:
            return
        self.best = max(self.best, merit)
        figures = {"loss": epoch.loss, "validation_score": epoch.validation_score, "epoch": epoch.number}
        metrics = {name: float(value) for name, value in figures.items() if value is not None}
        save_model(self.path, model.to_model(metrics))
