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
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from fastnet.cli.commands.train.method import Method
from fastnet.cli.data import Parts
from fastnet.cli.progress import Bar, Lines, make_progress
from fastnet.training.checkpoints import load_checkpoint, save_checkpoint
from fastnet.training.history import Epoch, Evaluation
from fastnet.training.plan import make_plan
from fastnet.training.trainer import Trainer

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
    watched: str = "test"

    @property
    def samples_per_second(self) -> float | None:
        """Median over the epochs; None if not one has ended."""
        return statistics.median(epoch.samples_per_second for epoch in self.epochs) if self.epochs else None

    @property
    def best(self) -> Epoch | None:
        """Whose parameters were kept, where training chose its end by validation samples."""
        if self.watched == "test" or not self.epochs:
            return None
        return min(self.epochs, key=lambda epoch: (epoch.validation or UNKNOWN).loss)

    def as_json(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "history": [_epoch_as_json(epoch, self.watched) for epoch in self.epochs],
            "test_loss": self.test.loss,
            "test_accuracy": self.test.accuracy,
            "best_epoch": self.best.number if self.best else None,
            "best_step": self.best.step if self.best else None,
            "compile_seconds": self.compile_seconds,
            "run_seconds": self.run_seconds,
            "samples_per_second": self.samples_per_second,
            "interrupted": self.interrupted,
        }


def _epoch_as_json(epoch: Epoch, watched: str) -> dict[str, Any]:
    others = epoch.validation or UNKNOWN
    return {
        "epoch": epoch.number,
        "step": epoch.step,
        "loss": epoch.loss,
        "accuracy": epoch.accuracy,
        f"{watched}_loss": others.loss,
        f"{watched}_accuracy": others.accuracy,
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


def resumed(path: Path, parts: Parts, backend: str, threads: int | None) -> tuple[Trainer, list[Epoch]]:
    """Return the trainer of a checkpoint, and its figures so far.

    Raises
    ------
    ValueError
        If the data is not of the shape that it was trained on.
    """
    trainer, notes = load_checkpoint(path)
    expected, sizes = notes.get("samples"), trainer.network.sizes
    found = (parts.X.shape[1], parts.n_classes)
    if (sizes[0], sizes[-1]) != found or expected != len(parts.X):
        raise ValueError(
            f"--resume {path}: {len(parts.X)} samples of {found[0]} features and {found[1]} classes, expected "
            f"{expected} of {sizes[0]} and {sizes[-1]} as before"
        )
    trainer.backend, trainer.n_threads = backend, threads
    figures = [Epoch(**{**one, "validation": Evaluation(*one["validation"])}) for one in notes.get("figures", [])]
    return trainer, figures


def _keep(trainer: Trainer, run: Run, method: Method, n_samples: int, last: bool) -> None:
    """Write the checkpoint if it is time to."""
    if method.checkpoint is not None and (last or len(run.epochs) % method.checkpoint_every == 0):
        notes = {
            "options": dict(method.options),
            "samples": n_samples,
            "figures": [vars(epoch) for epoch in run.epochs],
        }
        save_checkpoint(method.checkpoint, trainer, notes)


def run_training(trainer: Trainer, parts: Parts, n_epochs: int, json: bool, method: Method, before: list[Epoch]) -> Run:
    """Compile, train with progress shown, and evaluate on the test part; `before` are figures of a run resumed.

    Raises
    ------
    FloatingPointError
        If training diverged.
    KeyboardInterrupt
        If Ctrl-C came while kernels were compiled, or came twice.
    """
    watched = "validation" if parts.validation else "test"
    length = _Length.of(trainer, len(parts.X), n_epochs, method)
    progress = make_progress(
        length.records, length.samples, trainer.backend == "numba", json, length.unit, length.total, watched
    )
    with progress, np.errstate(over="ignore", invalid="ignore"):  # divergence is reported once
        start = time.perf_counter()
        trainer.compile(parts.X, parts.y)
        run = Run(time.perf_counter() - start, list(before), watched=watched)
        progress.compiled(len(before))
        start = time.perf_counter()
        _train(trainer, parts, n_epochs, progress, run, method)
        run.run_seconds = time.perf_counter() - start
        run.test = trainer.evaluate(parts.X_test, parts.y_test)
        finite = math.isfinite(run.test.loss) and bool(np.isfinite(trainer.network.parameters).all())
    if not finite:
        raise FloatingPointError("the test loss is not finite; lower the learning rate or scale the inputs")
    return run


class _Length(NamedTuple):
    """How long a run is, for those who watch it: lines of figures, samples of each, and how they are counted."""

    records: int
    samples: int
    unit: str
    total: int

    @classmethod
    def of(cls, trainer: Trainer, n_samples: int, n_epochs: int, method: Method) -> _Length:
        """Work it out as `Trainer.fit` does."""
        plan = make_plan(n_samples, trainer.batch_size, n_epochs, method.steps, method.every)
        unit = "step" if plan.by_steps else "epoch"
        return cls(math.ceil(plan.n_rounds / plan.every), plan.every * plan.round_size, unit, plan.n_rounds)


def _train(trainer: Trainer, parts: Parts, n_epochs: int, progress: Bar | Lines, run: Run, method: Method) -> None:
    with deferred_interrupt() as check:

        def asked() -> bool:
            try:
                check()
            except Stopped:
                return True
            return False

        def on_chunk(done: int, n_samples: int) -> bool:
            progress.chunk(done, n_samples)
            run.interrupted = done < n_samples and asked()
            return run.interrupted

        def on_epoch(epoch: Epoch) -> bool:
            run.epochs.append(epoch)
            progress.epoch(epoch)
            last = (epoch.step if method.steps else epoch.number) >= (method.steps or n_epochs)
            run.interrupted = run.interrupted or (not last and asked())
            _keep(trainer, run, method, len(parts.X), last or run.interrupted)
            return run.interrupted

        trainer.fit(
            parts.X, parts.y, parts.watched, n_epochs, on_epoch, on_chunk, steps=method.steps, every=method.every,
            resume=method.resume is not None, patience=method.patience, max_time=method.max_time,
        )  # fmt: skip
