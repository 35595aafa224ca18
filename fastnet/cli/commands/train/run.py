"""A training run that Ctrl-C can end between two chunks of work."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnet.cli.progress import number_of
from fastnet.cli.signals import deferred_interrupt
from fastnet.inference import Evaluation
from fastnet.training.callbacks import Callback
from fastnet.training.history import Epoch
from fastnet.training.plan import Plan

if TYPE_CHECKING:
    from fastnet.cli.commands.train.job import Job

UNKNOWN = Evaluation(math.nan, None)


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
        """Return all metrics."""
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


@dataclass
class Recorder(Callback):
    """Keep the metrics of a run, end it where the user wants that, and have its state kept."""

    run: Run
    plan: Plan
    was_asked: Callable[[], bool]
    keep: Callable[[Run, bool], object]

    def on_chunk_end(self, model: Any, n_done: int, n_samples: int) -> bool:
        """End the run where the user wants that and the epoch is not over anyway."""
        self.run.interrupted = n_done < n_samples and self.was_asked()
        return self.run.interrupted

    def on_epoch_end(self, model: Any, epoch: Epoch) -> bool:
        """Keep the metrics; a run that is over cannot be interrupted any more."""
        self.run.epochs.append(epoch)
        is_last = number_of(self.plan, epoch)[1] >= self.plan.n_rounds
        self.run.interrupted = self.run.interrupted or (not is_last and self.was_asked())
        self.keep(self.run, is_last or self.run.interrupted)
        return self.run.interrupted


def run_training(job: Job) -> Run:
    """Compile, train with progress shown, and evaluate on the test part.

    Raises
    ------
    FloatingPointError
        If training diverged.
    KeyboardInterrupt
        If Ctrl-C came while kernels were compiled, or came twice.
    """
    trainer, data = job.trainer, job.prepare()
    with job.progress() as progress, np.errstate(over="ignore", invalid="ignore"):  # divergence is reported once
        start = time.perf_counter()
        trainer.compile(data)
        run = Run(time.perf_counter() - start, list(job.before), watched=job.watched_name)
        start = time.perf_counter()
        with deferred_interrupt() as was_asked:
            recorder = Recorder(run, job.plan, was_asked, job.keep)
            trainer.fit(data, callbacks=[progress, recorder], **job.length)
        run.run_seconds = time.perf_counter() - start
        run.test = trainer.evaluate(*job.test)
        finite = math.isfinite(run.test.loss) and bool(np.isfinite(trainer.network.parameters).all())
    if not finite:
        raise FloatingPointError("the test loss is not finite; lower the learning rate or scale the inputs")
    return run
