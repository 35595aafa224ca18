"""Learning rates over a run of `fastnet.Trainer`: by what the rate is multiplied, as a function of progress."""

from __future__ import annotations

import math
from collections.abc import Callable

from fastnet.reference import training_checks

Schedule = Callable[[float], float]
"""Given the share of the steps that are done, in [0, 1), return a factor on the learning rate."""

RISE = 0.3
"""Share of a run in which the rate of `one_cycle` rises."""
START, END = 1 / 25, 1e-4
"""Where it starts and ends, as shares of its peak."""


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


def cosine(progress: float) -> float:
    """Fall to 0 along half a cosine (Loshchilov and Hutter, "SGDR", 2017, equation 5, without restarts).

    Examples
    --------
    >>> cosine(0.0), round(cosine(0.5), 6)
    (1.0, 0.5)
    """
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def one_cycle(progress: float) -> float:
    """Rise for 0.3 of the run and fall to almost nothing, along half cosines (Smith and Topin, 2018).

    Examples
    --------
    >>> one_cycle(0.0), one_cycle(0.3)
    (0.04, 1.0)
    """
    if progress < RISE:
        return START + (1.0 - START) * (1.0 - cosine(progress / RISE))
    return END + (1.0 - END) * cosine((progress - RISE) / (1.0 - RISE))


SCHEDULES: dict[str, Schedule] = {
    "constant": constant, "linear": linear, "cosine": cosine, "one_cycle": one_cycle,
}  # fmt: skip


def make_schedule(schedule: str | Schedule) -> Schedule:
    """Return a schedule by its name, or the function that was given."""
    if callable(schedule):
        return schedule
    training_checks.choice("schedule", schedule, tuple(SCHEDULES))
    return SCHEDULES[schedule]


def schedule_name(schedule: Schedule) -> str | None:
    """Return the name of a schedule, None for a function of the user's own."""
    return next((name for name, one in SCHEDULES.items() if one is schedule), None)
