"""Learning rates: scikit-learn's schedules for "sgd", and others for every stochastic solver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from fastnet.training.schedules import END, Schedule, cosine, linear, one_cycle, progress_of

SMALLEST_ADAPTIVE = 1e-6


@dataclass
class EpochRates:
    """The learning rate of one fit, or of calls of `partial_fit` one after the other.

    It goes by epochs: a rate holds for all steps of an epoch.
    """

    kind: str
    initial: float
    n_epochs: int
    warmup: int
    decay: float
    decay_every: int
    least: float
    power_t: float
    current: float  # the state of "invscaling", "adaptive" and "plateau"
    epoch: int = 0
    changes_within_epochs: ClassVar[bool] = False

    @classmethod
    def of(cls, model: Any) -> EpochRates:
        """Make the schedule that an estimator's parameters ask for."""
        initial = float(model.learning_rate_init)
        ignored = model.solver != "sgd" and model.learning_rate in ("invscaling", "adaptive")
        return cls(
            "constant" if ignored else model.learning_rate, initial, int(model.max_iter), int(model.warmup),
            float(model.decay), int(model.decay_every), float(model.min_learning_rate), float(model.power_t), initial,
        )  # fmt: skip

    def rate(self, done: int = 0, count: int = 0, total: int = 0) -> float:
        """Return the rate of the epoch that is about to begin, whatever its step."""
        if self.kind in ("linear", "cosine", "one_cycle"):
            wave = self._wave()
            progress = progress_of(self.epoch, 1, self.n_epochs, wave(1.0) == 0.0)
            rate = max(self.least, self.initial * wave(progress))
        elif self.kind == "step":
            rate = max(self.least, self.initial * self.decay ** (self.epoch // self.decay_every))
        else:
            rate = self.current
        return rate * min(1.0, (self.epoch + 1) / self.warmup) if self.warmup else rate

    def _wave(self) -> Schedule:
        """Return the schedule, which ends no lower than the least rate."""
        if self.kind == "linear":
            return linear
        end = min(1.0, self.least / self.initial)
        return partial(cosine, end=end) if self.kind == "cosine" else partial(one_cycle, end=max(END, end))

    def epoch_ends(self, n_samples_seen: int, n_without_improvement: int) -> None:
        """Count the epoch, after which some schedules change the rate."""
        self.epoch += 1
        if self.kind == "invscaling":
            self.current = self.initial / (n_samples_seen + 1) ** self.power_t
        elif self.kind == "plateau" and n_without_improvement and n_without_improvement % self.decay_every == 0:
            self.current = max(self.least, self.current * self.decay)

    def try_lower(self) -> bool:
        """Ask, where training would stop for want of improvement, whether a lower rate is worth a try."""
        if self.kind != "adaptive" or self.current <= SMALLEST_ADAPTIVE:
            return False
        self.current /= 5.0
        return True
