"""How long a run is, in which batches, and how often metrics are taken."""

from __future__ import annotations

import math
from typing import NamedTuple

from fastnet.validation import settings as checks


class Plan(NamedTuple):
    """How long to train: rounds of so many samples, and how many rounds a logging interval has."""

    by_steps: bool
    n_batch: int
    round_size: int  # samples: all of them, or those of a step
    n_rounds: int
    every: int

    @property
    def n_samples(self) -> int:
        """Samples in all, those that come again counted again."""
        return self.n_rounds * self.round_size

    @property
    def n_steps(self) -> int:
        """Steps in all."""
        return self.steps_of(self.n_samples)

    @property
    def interval(self) -> int:
        """Samples of a logging interval."""
        return self.every * self.round_size

    def steps_of(self, used: int) -> int:
        """Return the steps that so many samples of the run are."""
        rounds, rest = divmod(used, self.round_size)
        return rounds * math.ceil(self.round_size / self.n_batch) + math.ceil(rest / self.n_batch)


def make_plan(n_samples: int, batch_size: int | None, epochs: int, steps: int | None, every: int | None) -> Plan:
    """Plan epochs, or steps if they are given."""
    checks.length(epochs, steps, every)
    n_batch = n_samples if batch_size is None else min(int(batch_size), n_samples)
    if steps is None:
        return Plan(False, n_batch, n_samples, int(epochs), int(every or 1))
    return Plan(True, n_batch, n_batch, int(steps), int(every or math.ceil(n_samples / n_batch)))
