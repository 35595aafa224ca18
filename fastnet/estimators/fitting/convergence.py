"""What estimators note after each epoch, and scikit-learn's reasons to stop, as callbacks of the training loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.estimators.fitting.schedules import EpochRates
from fastnet.estimators.fitting.tasks import Tasks
from fastnet.training.callbacks import Callback, Callbacks
from fastnet.training.history import Epoch
from fastnet.training.stopping import rules
from fastnet.validation import settings as checks


@dataclass
class Bookkeeping(Callback):
    """Note the epoch in the estimator's attributes, count those without improvement, and keep the best parameters."""

    rates: EpochRates
    best: npt.NDArray[Any] | None

    def on_train_begin(self, model: Any) -> None:
        """Begin to count; where nothing will have been validated, the parameters stay as they are."""
        model.n_iter_ = 0
        self.best = model._parameters.copy() if model.early_stopping else None

    def on_epoch_end(self, model: Any, epoch: Epoch) -> None:
        """Note everything that others then look at."""
        model.n_iter_ += 1
        model.loss_ = epoch.loss
        model.t_ += epoch.n_samples
        model.loss_curve_.append(model.loss_)
        say(model, f"Iteration {model.n_iter_}, loss = {model.loss_:.8f}")
        if count_epochs(model, epoch) and self.best is not None:
            self.best[...] = model._parameters
        self.rates.epoch_ends(model.t_, model._no_improvement_count)

    def on_train_end(self, model: Any) -> None:
        """Go back to the best parameters, where something has been validated."""
        if self.best is not None and model.best_validation_score_ > -np.inf:
            model._parameters[...] = self.best


@dataclass(frozen=True)
class Converged(Callback):
    """Stop for want of improvement, unless a lower rate is worth a try."""

    rates: EpochRates

    def on_epoch_end(self, model: Any, epoch: Epoch) -> bool:
        """Tell whether there have been too many epochs without improvement."""
        if model._no_improvement_count <= model.n_iter_no_change:
            return False
        what = "Validation score" if model.early_stopping else "Training loss"
        message = f"{what} did not improve more than tol={model.tol:f} for {model.n_iter_no_change} consecutive epochs."
        if self.rates.try_lower():
            model._no_improvement_count = 0
            say(model, f"{message} Setting learning rate to {self.rates.current:f}")
            return False
        small = " Learning rate too small." if self.rates.kind == "adaptive" else ""
        say(model, f"{message}{small} Stopping.")
        return True


def callbacks_of(model: Any, tasks: Tasks | None, first: list[Callback], last: list[Callback]) -> Callbacks:
    """Return whom an estimator tells of its fit: its own, scikit-learn's, the user's, the clock, and a progress bar."""
    told = [*first, *([tasks] if tasks else []), *checks.callbacks(model.callbacks), *rules(None, model.max_time)]
    if model.progress_bar:
        from fastnet.estimators.fitting.progress import ProgressBar

        told.append(ProgressBar(model.max_iter))
    return Callbacks(model, [*told, *last])


def say(model: Any, message: str) -> None:
    """Print for `verbose`, which any number may ask for."""
    if model.verbose:
        print(message)


def count_epochs(model: Any, epoch: Epoch) -> bool:
    """Note the validation, count epochs without improvement; return whether this one was the best by its score."""
    best = False
    if epoch.score is not None:
        score = epoch.score
        model.validation_loss_curve_.append(epoch.validation_loss)
        model.validation_scores_.append(score)
        say(model, f"Validation score: {score:f}")
        stalled = score < model.best_validation_score_ + model.tol
        best = score > model.best_validation_score_
        model.best_validation_score_ = score if best else model.best_validation_score_
    if not model.early_stopping:
        stalled = model.loss_ > model.best_loss_ - model.tol
        model.best_loss_ = min(model.best_loss_, model.loss_)
    model._no_improvement_count = model._no_improvement_count + 1 if stalled else 0
    return best
