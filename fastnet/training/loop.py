"""A run of training in pieces: batches drawn, rates set, and a look at Python between chunks of whole batches."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fastnet.reference.training import Totals
from fastnet.training import targets
from fastnet.training.history import Epoch
from fastnet.training.plan import Data, Origin, Plan
from fastnet.training.sampler import Sampler
from fastnet.training.schedules import SCHEDULES, progress_of

if TYPE_CHECKING:
    from fastnet.training.trainer import Trainer

CHUNK_FLOP = 5_000_000_000
"""Work between two looks at Python, for Ctrl-C and progress: some tens of milliseconds."""

RATES_PER_EPOCH = 32
"""Learning rates that a schedule gives in an epoch of many steps, about."""

Progress = Callable[[int, int], object]


class TrainingLoop:
    """What takes the steps of a plan, and the figures.

    Parameters
    ----------
    trainer : Trainer
        Whose network is trained, and whose steps are counted.
    train : callable
        What `prepare_training` returned.
    plan : Plan
        How long, in which batches.
    data : Data
        The samples.
    resume : bool
        Whether to go on where the trainer's last run ended.
    deadline : float, default infinity
        When to stop, on the clock of `time.monotonic`.
    """

    def __init__(
        self, trainer: Trainer, train: Callable[..., Totals], plan: Plan, data: Data, resume: bool,
        deadline: float = math.inf,
    ) -> None:  # fmt: skip
        self._trainer, self._train, self._plan, self._data, self._deadline = trainer, train, plan, data, deadline
        self._constant = trainer.schedule is SCHEDULES["constant"]
        self._ends_at_zero = trainer.schedule(1.0) == 0.0
        self._done = self._begin(resume)
        n = len(data.X)
        self._sampler = Sampler(trainer._rng, trainer.sampling, n, plan.n_batch >= n, trainer._left)
        self._stopped = False

    @property
    def over(self) -> bool:
        """Whether there is nothing left to do, the time is up, or `on_chunk` wanted the end."""
        return self._stopped or self._done >= self._plan.n_rounds * self._plan.round_size

    def _begin(self, resume: bool) -> int:
        """Note where the run begins; return how many samples of it were used before."""
        trainer, plan = self._trainer, self._plan
        origin = Origin(trainer._steps, trainer._epochs, len(self._data.X), plan.n_batch, plan.by_steps)
        if not resume or trainer._origin is None:
            trainer._origin, trainer._best = origin, None
            if not plan.by_steps:
                trainer._left = np.empty(0, np.int64)
            return 0
        if origin[2:] != trainer._origin[2:]:
            raise ValueError(f"resume: expected {trainer._origin} as before, got {origin}")
        rounds, steps = divmod(trainer._steps - trainer._origin.step, plan.round_steps)
        return rounds * plan.round_size + steps * plan.n_batch

    def train_interval(self, on_chunk: Progress | None) -> Epoch:
        """Train until figures are taken, or the time is up, and take them."""
        start, first, trainer, plan = time.perf_counter(), self._done, self._trainer, self._plan
        totals = self._run(on_chunk)
        seconds, n = time.perf_counter() - start, self._done - first
        assert trainer._origin is not None
        trainer._left = self._sampler.left
        trainer._epochs = (
            trainer._epochs + 1 if plan.by_steps else trainer._origin.epoch + math.ceil(self._done / plan.round_size)
        )
        loss_sum = totals.loss_sum + totals.penalty_sum
        if not (math.isfinite(loss_sum) and np.isfinite(trainer.network.parameters).all()):
            what = "parameters" if math.isfinite(loss_sum) else "loss"  # the loss is that before the last step
            when = f"by step {trainer._steps}" if plan.by_steps else f"in epoch {trainer._epochs}"
            cure = "lower the learning rate or scale the inputs"
            raise FloatingPointError(f"the {what} became infinite or NaN {when}; {cure}")
        held_out = self._data.held_out
        validation = None if held_out is None else trainer._evaluate(*held_out)
        accuracy = targets.accuracy(trainer.loss, totals.n_correct, n, trainer.network.sizes[-1])
        return Epoch(trainer._epochs, loss_sum / n, accuracy, validation, seconds, n / seconds, trainer._steps)

    def _run(self, on_chunk: Progress | None) -> Totals:
        """Train chunk by chunk until figures are due."""
        trainer, plan, sums = self._trainer, self._plan, Totals(0.0, 0, 0.0)
        size = plan.every * plan.round_size
        begin = self._done // size * size
        end = min(begin + size, plan.n_rounds * plan.round_size)
        chunk = self._chunk_samples(size if plan.by_steps else plan.round_size)
        while self._done < end and not self._stopped:
            left = end - self._done if plan.by_steps else plan.round_size - self._done % plan.round_size  # of the epoch
            order = self._sampler.take(min(chunk, left))
            n_steps = math.ceil(len(order) / plan.n_batch)
            totals = self._train(order, trainer._steps, self._rate(n_steps))
            loss, n_correct, penalty = (a + b for a, b in zip(sums, totals, strict=True))
            sums = Totals(loss, int(n_correct), penalty)
            trainer._steps += n_steps
            self._done += len(order)
            self._stopped = time.monotonic() > self._deadline
            if on_chunk is not None and on_chunk(self._done - begin, end - begin):
                self._stopped = True
        return sums

    def _rate(self, n_steps: int) -> float | None:
        """Return the learning rate of the next steps where a schedule sets it."""
        if self._constant:
            return None
        trainer = self._trainer
        assert trainer._origin is not None
        done = trainer._steps - trainer._origin.step
        progress = progress_of(done, n_steps, self._plan.n_steps, self._ends_at_zero)
        return float(trainer.optimizer.as_tuple()[1]) * trainer.schedule(progress)

    def _chunk_samples(self, n_samples: int) -> int:
        """Count the samples of a chunk, whole batches of them."""
        n_batch = self._plan.n_batch
        flop = 6 * sum(n_in * n_out for n_in, n_out in pairwise(self._trainer.network.sizes))
        chunk = max(1, CHUNK_FLOP // (flop * n_batch)) * n_batch
        if self._constant:
            return chunk
        return min(chunk, max(1, n_samples // RATES_PER_EPOCH // n_batch) * n_batch)
