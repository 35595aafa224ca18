"""A run of training in pieces: batches drawn, rates set, and a look at Python between chunks of whole batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from fastnet._plan import Plan
from fastnet._sampling import Sampler
from fastnet.reference.training import Totals
from fastnet.schedules import SCHEDULES

if TYPE_CHECKING:
    from fastnet.trainer import Trainer

CHUNK_FLOP = 5_000_000_000
"""Work between two looks at Python, for Ctrl-C and progress: some tens of milliseconds."""

RATES_PER_EPOCH = 32
"""Learning rates that a schedule gives in an epoch, at most."""

Progress = Callable[[int, int], object]


class Course:
    """What takes the steps of a plan.

    Parameters
    ----------
    trainer : Trainer
        Whose network is trained, and whose steps are counted.
    train : callable
        What `prepare_training` returned.
    plan : Plan
        How long, in which batches.
    first : int
        Steps that were taken before the first of the plan.
    sampler : Sampler
        Draws the samples.
    """

    def __init__(
        self, trainer: Trainer, train: Callable[..., Totals], plan: Plan, first: int, sampler: Sampler
    ) -> None:
        self._trainer, self._train, self.plan, self._first, self.sampler = trainer, train, plan, first, sampler
        self._constant = trainer.schedule is SCHEDULES["constant"]

    def run(self, n_rounds: int, on_chunk: Progress | None) -> Totals:
        """Train for some rounds of the plan."""
        plan, trainer = self.plan, self._trainer
        n, done, sums = n_rounds * plan.round_size, 0, Totals(0.0, 0, 0.0)
        chunk = self._chunk_samples(n if plan.by_steps else plan.round_size)
        while done < n:
            left = n - done if plan.by_steps else plan.round_size - done % plan.round_size  # of the epoch
            order = self.sampler.take(min(chunk, left))
            totals = self._train(order, trainer._steps, self._rate())
            loss, n_correct, penalty = (a + b for a, b in zip(sums, totals, strict=True))
            sums = Totals(loss, int(n_correct), penalty)
            trainer._steps += math.ceil(len(order) / plan.n_batch)
            done += len(order)
            if on_chunk is not None:
                on_chunk(done, n)
        return sums

    def _rate(self) -> float | None:
        """Return the learning rate where a schedule sets it."""
        if self._constant:
            return None
        trainer = self._trainer
        progress = (trainer._steps - self._first) / self.plan.n_steps
        return float(trainer.optimizer.as_tuple()[1]) * trainer.schedule(progress)

    def _chunk_samples(self, n_samples: int) -> int:
        """Count the samples of a chunk, whole batches of them."""
        n_batch = self.plan.n_batch
        flop = 6 * sum(n_in * n_out for n_in, n_out in pairwise(self._trainer.network.sizes))
        chunk = max(1, CHUNK_FLOP // (flop * n_batch)) * n_batch
        if self._constant:
            return chunk
        return min(chunk, max(1, n_samples // RATES_PER_EPOCH // n_batch) * n_batch)
