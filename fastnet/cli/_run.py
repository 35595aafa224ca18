"""A training run that Ctrl-C can end between two chunks of work."""

from __future__ import annotations

import math
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from fastnet.cli._data import Parts
from fastnet.cli._progress import Bar, Lines, make_progress
from fastnet.history import Epoch, Evaluation
from fastnet.trainer import Trainer

UNKNOWN = Evaluation(math.nan, None)


class Stopped(Exception):  # noqa: N818, it is no error
    """The user has asked for the end of training."""


@dataclass
class Run:
    """What a training run has come to."""

    compile_seconds: float
    epochs: list[Epoch] = field(default_factory=list)
    run_seconds: float = 0.0
    interrupted: bool = False
    test: Evaluation = UNKNOWN

    @property
    def samples_per_second(self) -> float | None:
        """Median over the epochs; None if not one has ended."""
        return statistics.median(epoch.samples_per_second for epoch in self.epochs) if self.epochs else None

    def as_json(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "history": [_epoch_as_json(epoch) for epoch in self.epochs],
            "test_loss": self.test.loss,
            "test_accuracy": self.test.accuracy,
            "compile_seconds": self.compile_seconds,
            "run_seconds": self.run_seconds,
            "samples_per_second": self.samples_per_second,
            "interrupted": self.interrupted,
        }


def _epoch_as_json(epoch: Epoch) -> dict[str, Any]:
    test = epoch.validation or UNKNOWN
    return {
        "epoch": epoch.number,
        "step": epoch.step,
        "loss": epoch.loss,
        "accuracy": epoch.accuracy,
        "test_loss": test.loss,
        "test_accuracy": test.accuracy,
        "seconds": epoch.seconds,
        "samples_per_second": epoch.samples_per_second,
    }


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back until the function yielded is called, which raises `Stopped`; the second one is at once."""
    asked = False

    def remember(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    def check() -> None:
        if asked:
            raise Stopped

    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, remember)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def run_training(trainer: Trainer, parts: Parts, n_epochs: int, json: bool) -> Run:
    """Compile, train with progress shown, and evaluate on the test part.

    Raises
    ------
    FloatingPointError
        If training diverged.
    KeyboardInterrupt
        If Ctrl-C came while kernels were compiled, or came twice.
    """
    test = parts.X_test, parts.y_test
    progress = make_progress(n_epochs, len(parts.X), trainer.backend == "numba", json)
    with progress, np.errstate(over="ignore", invalid="ignore"):  # divergence is reported once
        run = Run(trainer.fit(parts.X, parts.y, test, epochs=0).compile_seconds)
        progress.compiled()
        start = time.perf_counter()
        _train(trainer, parts, n_epochs, progress, run)
        run.run_seconds = time.perf_counter() - start
        run.test = trainer.evaluate(*test)
        finite = math.isfinite(run.test.loss) and bool(np.isfinite(trainer.network.parameters).all())
    if not finite:
        raise FloatingPointError("the test loss is not finite; lower the learning rate or scale the inputs")
    return run


def _train(trainer: Trainer, parts: Parts, n_epochs: int, progress: Bar | Lines, run: Run) -> None:
    with deferred_interrupt() as check:

        def on_chunk(done: int, n_samples: int) -> None:
            progress.chunk(done, n_samples)
            if done < n_samples:  # else the epoch is whole and is counted first
                check()

        def on_epoch(epoch: Epoch) -> None:
            run.epochs.append(epoch)
            progress.epoch(epoch)
            if len(run.epochs) < n_epochs:
                check()

        try:
            trainer.fit(parts.X, parts.y, (parts.X_test, parts.y_test), n_epochs, on_epoch, on_chunk)
        except Stopped:
            run.interrupted = True
