"""Reasons to stop before the end: callbacks that answer whether training has gone on long enough."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

from fastnet.training.callbacks import Callback
from fastnet.training.history import Epoch
from fastnet.training.state import Best
from fastnet.validation import settings as checks

__all__ = ["MaxTime", "Patience", "rules"]


@dataclass
class MaxTime(Callback):
    """Stop after about so many seconds of training, within an epoch if need be.

    Parameters
    ----------
    seconds : float
        How long; compilation before the first step does not count.

    Examples
    --------
    >>> from fastnet import MLPRegressor
    >>> model = MLPRegressor(backend="numpy", callbacks=(MaxTime(1e-9),), random_state=0)
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0]).n_iter_
    1
    """

    seconds: float
    deadline: float = field(default=0.0, init=False, repr=False)

    def on_train_begin(self, model: Any) -> None:
        """Start the clock."""
        self.deadline = time.monotonic() + self.seconds

    def on_chunk_end(self, model: Any, n_done: int, n_samples: int) -> bool:
        """Look at the clock."""
        return time.monotonic() > self.deadline

    def on_epoch_end(self, model: Any, epoch: Epoch) -> bool:
        """Look at the clock: validation takes time too."""
        return time.monotonic() > self.deadline


@dataclass(frozen=True)
class Patience(Callback):
    """Stop a trainer where its validation loss has not become lower for so many epochs, and go back to the lowest.

    The best parameters are part of the trainer's state, so that a run that is resumed waits no longer than a whole one.

    Parameters
    ----------
    n_epochs : int
        Epochs, or logging intervals, in a row.

    References
    ----------
    Prechelt, "Early stopping, but when?", 1998, his UP without strips.

    Examples
    --------
    >>> from fastnet import Network, Trainer
    >>> trainer, X, y = Trainer(Network([1, 2], seed=0), backend="numpy", seed=0), [[0.0], [1.0]], [0, 1]
    >>> len(trainer.fit(X, y, ([[0.0], [1.0]], [1, 0]), epochs=2000, callbacks=[Patience(2)]).epochs) < 2000
    True
    """

    on_all_ranks: ClassVar[bool] = True
    n_epochs: int

    def on_train_begin(self, model: Any) -> bool:
        """Begin to watch, unless a run is resumed that has stalled already."""
        model.state.best = model.state.best or Best()
        return bool(model.state.best.stalled >= self.n_epochs)

    def on_epoch_end(self, model: Any, epoch: Epoch) -> bool:
        """Keep the parameters if they are the best so far, else count."""
        checks.validation_for_patience(epoch.validation)
        assert epoch.validation is not None
        model.state.best.note(epoch.validation.loss, model.state.parameters)
        return bool(model.state.best.stalled >= self.n_epochs)

    def on_train_end(self, model: Any) -> None:
        """Go back to the best parameters."""
        best = model.state.best
        if best is not None and best.parameters is not None:
            model.state.parameters[:] = best.parameters


def rules(patience: int | None, max_time: float | None) -> list[Callback]:
    """Return the rules that arguments of those names ask for."""
    found: list[Callback] = []
    if patience is not None:
        found.append(Patience(patience))
    if max_time is not None:
        found.append(MaxTime(float(max_time)))
    return found
