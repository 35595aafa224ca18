"""Learning rates over a run: by what the rate is multiplied, as a function of progress.

`fastnet.Trainer` and the estimators take them from here. A factor holds for some steps, those of an epoch or fewer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

Schedule = Callable[[float], float]
"""Given progress, 0 for the first steps of a run and 1 for the last ones, return a factor on the learning rate."""

RISE = 0.3
"""Share of a run in which the rate of `one_cycle` rises."""
START = 1 / 25
"""Where it starts, as a share of its peak."""
END = START / 1e4
"""Where it ends: several orders of magnitude below the start, as Smith and Topin have it."""


def constant(progress: float) -> float:
    """One rate from beginning to end."""
    return 1.0


def linear(progress: float) -> float:
    """Fall to 0 along a line.

    Examples
    --------
    >>> linear(0.75)
    0.25
    """
    return 1.0 - progress


def cosine(progress: float, end: float = 0.0) -> float:
    """Fall to `end` along half a cosine (Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts).

    Examples
    --------
    >>> cosine(0.0), round(cosine(0.5), 6), cosine(1.0, end=0.25)
    (1.0, 0.5, 0.25)
    """
    return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * progress))


def one_cycle(progress: float, end: float = END) -> float:
    """Rise from a 25th for 0.3 of the run, and fall to `end`, far below where it began, along half cosines.

    The policy is that of Smith and Topin, "Super-convergence", 2018. Two half cosines in place of their three lines are
    common since.

    Examples
    --------
    >>> one_cycle(0.0), one_cycle(0.3), one_cycle(1.0)
    (0.04, 1.0, 4e-06)
    """
    if progress < RISE:
        start = max(START, end)
        return start + (1.0 - start) * (1.0 - cosine(progress / RISE))
    return cosine((progress - RISE) / (1.0 - RISE), end)


def coslog4(progress: float) -> float:
    """Rise from 0 and fall back four times, each time in twice the steps of the time before.

    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default", NeurIPS 2024, section 3.

    Examples
    --------
    >>> [round(coslog4(progress), 6) for progress in (0.0, 1 / 15, 3 / 15, 1.0)]
    [0.0, 0.0, 0.0, 0.0]
    >>> round(coslog4((2**0.5 - 1) / 15), 6)
    1.0
    """
    return (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * progress))) / 2.0


SCHEDULES: dict[str, Schedule] = {
    "constant": constant, "linear": linear, "cosine": cosine, "one_cycle": one_cycle,
}  # fmt: skip


def make_schedule(schedule: str | Schedule) -> Schedule:
    """Return a schedule by its name, or the function that was given."""
    return schedule if callable(schedule) else SCHEDULES[schedule]


def schedule_name(schedule: str | Schedule) -> str | Schedule:
    """Return the name of a schedule that has one, or the function of the user's own."""
    return next((name for name, one in SCHEDULES.items() if one is schedule), schedule)


def progress_of(done: int, count: int, total: int, ends_at_zero: bool) -> float:
    """Return where in a schedule the next `count` steps, or epochs, of a run of `total` are, when so many are done.

    The first ones take the schedule's beginning, the last ones its end. A rate of 0 would change nothing, so a schedule
    that ends there does so when the run is over.
    """
    last = total if ends_at_zero else total - count
    return min(1.0, done / max(last, 1))


class Rates(Protocol):
    """What gives the learning rates of a run."""

    @property
    def changes_within_epochs(self) -> bool:
        """Whether steps of an epoch may have different rates."""

    def rate(self, done: int, count: int, total: int) -> float:
        """Return the rate of the next `count` steps of a run of `total`, when so many are done."""


@dataclass(frozen=True)
class StepRates:
    """Rates that a schedule gives step by step.

    Attributes
    ----------
    schedule : callable
        The schedule.
    lr : float
        The learning rate that it multiplies.

    Examples
    --------
    >>> [StepRates(linear, 0.5).rate(done, 1, 4) for done in range(4)]
    [0.5, 0.375, 0.25, 0.125]
    """

    schedule: Schedule
    lr: float
    ends_at_zero: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends_at_zero", self.schedule(1.0) == 0.0)

    @property
    def changes_within_epochs(self) -> bool:
        """Whether steps of an epoch may have different rates."""
        return self.schedule is not constant

    def rate(self, done: int, count: int, total: int) -> float:
        """Return the rate of the next `count` steps of a run of `total`, when so many are done."""
        return self.lr * self.schedule(progress_of(done, count, total, self.ends_at_zero))
