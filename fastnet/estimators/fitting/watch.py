"""What happens around the work of a fit: clocks, callbacks, and the count of epochs without improvement."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastnet.training.callbacks import Callback, EpochRecord


class Watch:
    """Tell callbacks how a fit goes on, and say when they or the clock want it to end."""

    def __init__(self, model: Any, callbacks: tuple[Any, ...]) -> None:
        self.model, self.callbacks = model, callbacks
        self.started = time.perf_counter()
        self.limit = math.inf if model.max_time is None else self.started + float(model.max_time)

    def chunk(self, n_done: int, n_samples: int) -> bool:
        """Return whether to stop after this part of an epoch."""
        stop = time.perf_counter() > self.limit
        for callback in self.callbacks:
            stop = bool(callback.on_chunk_end(self.model, n_done, n_samples)) or stop
        return stop

    def epoch(self, learning_rate: float, validation: tuple[float | None, float | None], n_samples: int) -> bool:
        """Return whether to stop after this epoch."""
        if not self.callbacks:
            return time.perf_counter() > self.limit
        now = time.perf_counter()
        record = EpochRecord(
            self.model.n_iter_, self.model.loss_, learning_rate, *validation, n_samples, now - self.started
        )
        return any(
            [bool(callback.on_epoch_end(self.model, record)) for callback in self.callbacks] + [now > self.limit]
        )


@contextmanager
def watching(model: Any) -> Iterator[Watch]:
    """Watch a fit, with a progress bar for `verbose` of 2 and more."""
    callbacks = tuple(model.callbacks)
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"callbacks must be instances of fastnet.training.callbacks.Callback, got {callback!r}")
    if not shows_bar(model):
        yield Watch(model, callbacks)
        return
    from fastnet.estimators.fitting.progress import ProgressBar

    with ProgressBar(model.max_iter) as bar:
        yield Watch(model, (*callbacks, bar))


def shows_bar(model: Any) -> bool:
    """Tell whether a progress bar takes the place of lines."""
    return model.verbose is not True and model.verbose >= 2


def say(model: Any, message: str) -> None:
    """Print for `verbose` of 1."""
    if model.verbose and not shows_bar(model):
        print(message)


def count_epochs(model: Any, validation: tuple[float, float] | None) -> bool:
    """Note the validation, count epochs without improvement; return whether this one was the best by its score."""
    best = False
    if validation is not None:
        loss, score = validation
        model.validation_loss_curve_.append(loss)
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
