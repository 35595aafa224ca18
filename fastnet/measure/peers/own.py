"""fastnet's two backends, both through `Trainer`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

import fastnet
from fastnet.machine.threads import team_sizes
from fastnet.measure.peers.protocol import Run, Task
from fastnet.training.history import History

ENDLESS = 1_000_000_000
"""Epochs of a run that time ends."""


@contextmanager
def blas_threads(n_threads: int) -> Iterator[None]:
    """Give the BLAS of NumPy and SciPy so many threads."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(n_threads, user_api="blas"):
        yield


class FastnetRun(Run):
    """The compiled kernels; the check of the data, done once for each call of `fit`, is not counted."""

    backend: ClassVar[str] = "numba"
    chooses_threads: ClassVar[bool] = False

    def __init__(self, task: Task) -> None:
        settings = fastnet.SGD if task.workload.optimizer == "sgd" else fastnet.Adam
        self._task = task
        self._trainer = fastnet.Trainer(
            task.network(),
            settings(lr=task.learning_rate),
            batch_size=task.workload.batch,
            backend=self.backend,
            n_threads=None if self.chooses_threads else task.n_threads,
            seed=task.seed,
        )

    def warm_up(self) -> float:
        """Compile the kernels, or read them from the cache, by training on no samples."""
        return self._fit(epochs=0).compile_seconds

    def epoch(self) -> float:
        """Train for the workload's epochs."""
        return sum(self._fit(epochs=self._task.workload.repeats).seconds)

    def train_for(self, seconds: float) -> float:
        """Train for about so long in one call, as users do; return the samples per second of training."""
        done = self._fit(epochs=ENDLESS, max_time=seconds).epochs
        return sum(epoch.seconds * epoch.samples_per_second for epoch in done) / sum(epoch.seconds for epoch in done)

    def _fit(self, **limits: Any) -> History:
        return self._trainer.fit(self._task.X, self._task.y, **limits)

    def logits_argmax(self, X: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Predict with the same backend."""
        return self._trainer.predict(X).astype(np.int64)


class ChoosingRun(FastnetRun):
    """The compiled kernels with as many threads as they take when nobody says how many."""

    chooses_threads = True


class WaitingRun(FastnetRun):
    """The compiled kernels with threads that stay together and wait for each other, whatever that costs."""

    def _fit(self, **limits: Any) -> History:
        with team_sizes(self._task.n_threads):
            return super()._fit(**limits)


class OneThreadRun(FastnetRun):
    """The compiled kernels with one thread, however many the others have."""

    def __init__(self, task: Task) -> None:
        super().__init__(replace(task, n_threads=1))


class ReferenceRun(FastnetRun):
    """The reference in NumPy, whose BLAS gets the threads."""

    backend = "numpy"

    def _fit(self, **limits: Any) -> History:
        with blas_threads(self._task.n_threads), np.errstate(all="ignore"):
            return super()._fit(**limits)
