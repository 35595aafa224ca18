"""Callbacks of trainers and estimators: told how training goes, they watch, keep, and stop it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from fastnet.training.history import Epoch
from fastnet.validation import settings as checks
from fastnet.validation.settings import EVENTS

__all__ = ["Callback", "Callbacks", "Record", "SaveModel", "StopWhen"]


class Callback:
    """What a trainer or an estimator calls as it is fitted. Derive from it, and override what you need.

    Methods are handed the `fastnet.Trainer` or the estimator, which can predict. Whatever they return, a true value
    ends the fit; so does `KeyboardInterrupt`, after which an estimator keeps its model, and a trainer raises it on.

    Where there is nothing but the end of an epoch to be told of, a plain function will do: it is called with the
    `Epoch`, and a true value ends the fit as well. An object need not be derived from this class if it has some of its
    methods.

    Examples
    --------
    >>> from fastnet import MLPRegressor, Network, Trainer
    >>> class StopAtTen(Callback):
    ...     def on_epoch_end(self, model, epoch):
    ...         return epoch.number == 10
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0]
    >>> MLPRegressor(backend="numpy", callbacks=(StopAtTen(),), random_state=0).fit(X, y).n_iter_
    10
    >>> trainer = Trainer(Network([1, 1], seed=0), loss="squared_error", backend="numpy")
    >>> len(trainer.fit(X, y, epochs=20, callbacks=[StopAtTen()]).epochs)
    10
    """

    on_all_ranks: ClassVar[bool] = False
    """Whether ranks that train together must have it alike: what it does depends on them all, or matters to all."""

    def on_train_begin(self, model: Any) -> object:
        """Be told that everything is ready and the first step comes next."""
        return None

    def on_chunk_end(self, model: Any, n_done: int, n_samples: int) -> object:
        """Be told of a part of an epoch, some tens of milliseconds of work: the samples done, and those in all."""
        return None

    def on_epoch_end(self, model: Any, epoch: Epoch) -> object:
        """Be told of an epoch, or of a logging interval."""
        return None

    def on_train_end(self, model: Any) -> object:
        """Be told that there are no more steps, for whatever reason: an error, too."""
        return None


class Callbacks:
    """All callbacks of a fit, called in their order.

    Parameters
    ----------
    model : Trainer or estimator
        What they are handed.
    callbacks : tuple or list
        Callbacks, objects with some of their methods, or functions of an `Epoch`.

    Examples
    --------
    >>> Callbacks(None, [lambda epoch: epoch == 3]).tell("on_epoch_end", 3)
    True
    """

    def __init__(self, model: Any, callbacks: Any) -> None:
        self._model = model
        self._methods: dict[str, list[Callable[..., object]]] = {event: [] for event in EVENTS}
        self.on_all_ranks = [one for one in callbacks if getattr(one, "on_all_ranks", False)]
        for one in checks.callbacks(callbacks):
            methods = [event for event in EVENTS if hasattr(one, event)]
            for event in methods:
                self._methods[event].append(getattr(one, event))
            if not methods:
                self._methods["on_epoch_end"].append(lambda _, epoch, function=one: function(epoch))

    def tell(self, event: str, *news: Any) -> bool:
        """Tell all of them, and return whether any wants the end."""
        answers = [bool(method(self._model, *news)) for method in self._methods[event]]  # all are told, whoever stops
        return any(answers)


@dataclass
class Record(Callback):
    """Keep the metrics of every epoch since the weights were new.

    What goes on from earlier weights is added: further calls of a trainer's `fit` and of `partial_fit`, and warm
    starts. A fit that begins anew forgets the one before. A clone of an estimator has an empty record of its own: after
    a search it is found among the `callbacks` of `best_estimator_`.

    Attributes
    ----------
    epochs : list of Epoch
        One for each epoch.

    Examples
    --------
    >>> from fastnet import MLPRegressor
    >>> record = Record()
    >>> model = MLPRegressor(backend="numpy", callbacks=(record,), random_state=0, n_iter_no_change=3, tol=10.0)
    >>> model = model.fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0])
    >>> [epoch.number for epoch in record.epochs]
    [1, 2, 3, 4, 5]
    """

    epochs: list[Epoch] = field(default_factory=list, init=False)

    def on_train_begin(self, model: Any) -> None:
        """Forget what others were trained, or this model before it began anew."""
        if _is_new(model):
            self.epochs = []

    def on_epoch_end(self, model: Any, epoch: Epoch) -> None:
        """Keep the metrics."""
        self.epochs.append(epoch)

    def __sklearn_clone__(self) -> Record:
        """Return a record without epochs, for an estimator that is cloned."""
        return replace(self)


@dataclass(frozen=True)
class StopWhen(Callback):
    """Stop after the first epoch of which something is true.

    Parameters
    ----------
    condition : callable
        Given an `Epoch`, it tells whether to stop.

    Examples
    --------
    >>> from fastnet import MLPRegressor
    >>> stop = StopWhen(lambda epoch: epoch.loss < 0.1)
    >>> model = MLPRegressor(backend="numpy", callbacks=(stop,), random_state=0, learning_rate_init=0.01)
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0]).loss_ < 0.1
    True
    """

    condition: Callable[[Epoch], object]

    def on_epoch_end(self, model: Any, epoch: Epoch) -> bool:
        """Ask the condition."""
        return bool(self.condition(epoch))


@dataclass
class SaveModel(Callback):
    """Write the model to a safetensors file, which `fastnet.load_model` reads.

    The file is written beside the path and then renamed: there is never half a model. What a run needs to go on, beside
    the model, is kept by `fastnet.training.checkpoints`.

    Parameters
    ----------
    path : path-like
        Where to; an existing file is replaced.
    every : int, default 1
        Epochs between two files.
    best_only : bool, default False
        Write only where the validation score, or without one the loss (of the validation data, else that of training),
        is the best since the weights were new: the first fit of another model, or one that begins anew, replaces the
        file whatever is in it.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from fastnet import MLPRegressor, load_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.safetensors"
    ...     callbacks = (SaveModel(path, every=5), StopWhen(lambda epoch: epoch.number == 7))
    ...     model = MLPRegressor(backend="numpy", hidden_layer_sizes=(4,), callbacks=callbacks, random_state=0)
    ...     model = model.fit([[0.0], [1.0], [2.0]], [1.0, 2.0, 3.0])
    ...     load_model(path).metrics["epoch"]
    5.0
    """

    path: str | os.PathLike[str]
    every: int = 1
    best_only: bool = False
    best: float = field(default=float("-inf"), init=False, repr=False)

    def on_train_begin(self, model: Any) -> None:
        """Forget the best of other weights."""
        if _is_new(model):
            self.best = float("-inf")

    def on_epoch_end(self, model: Any, epoch: Epoch) -> None:
        """Write the model if it is time to."""
        from fastnet.models import save_model

        if epoch.number % self.every or getattr(model, "rank", 0):  # of several ranks, the first one writes
            return
        loss = epoch.loss if epoch.validation_loss is None else epoch.validation_loss
        merit = -loss if epoch.validation_score is None else epoch.validation_score
        if self.best_only and not merit > self.best:
            return
        self.best = max(self.best, merit)
        kept = {"loss": epoch.loss, "validation_score": epoch.validation_score, "epoch": epoch.number}
        metrics = {name: float(value) for name, value in kept.items() if value is not None}
        save_model(self.path, model.to_model(metrics))

    def __sklearn_clone__(self) -> SaveModel:
        """Return one that has seen no epoch, for an estimator that is cloned."""
        return replace(self)


def _is_new(model: Any) -> bool:
    """Tell whether no step has been taken with the weights of a trainer, or of an estimator, by epochs or "lbfgs"."""
    return bool(model.state.step == 0 if hasattr(model, "state") else model.t_ == 0)
