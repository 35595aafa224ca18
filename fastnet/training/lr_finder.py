"""The learning-rate range test: how high a rate a network stands, found by raising it step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fastnet.output.reprs import short_repr
from fastnet.training.loop import Layers, Task
from fastnet.training.samples import Samples, prepare
from fastnet.training.state import TrainingState
from fastnet.training.trainer import Trainer
from fastnet.validation import settings as checks

SMOOTHING = 0.9
"""Share of the running mean of the losses that the next step keeps."""

DIVERGED = 4.0
"""How many times its least value the smoothed loss may reach before the test ends."""

NOISY = 8
"""Steps whose median is the loss that the test begins with."""


@dataclass(frozen=True, eq=False)
class RangeTest:
    """Losses at rising learning rates.

    Attributes
    ----------
    lrs, losses : ndarray of float64, shape (n_steps,)
        The rate of each step, and the running mean of the losses before it.
    suggestion : float
        The rate at which the loss falls fastest over the logarithm of the rate, after a tenth of its fall.
    """

    lrs: npt.NDArray[np.float64]
    losses: npt.NDArray[np.float64]
    suggestion: float

    __repr__ = short_repr


def find_lr(
    trainer: Trainer, X: npt.ArrayLike, y: npt.ArrayLike, low: float = 1e-6, high: float = 10.0, steps: int = 200
) -> RangeTest:
    """Train a copy of a network with rates that rise from `low` to `high`, each by the same factor.

    Parameters
    ----------
    trainer : Trainer
        Whose network, optimizer, loss and batches are tried; it stays as it is.
    X, y
        As in `Trainer.fit`.
    low, high : float
        First and last rate.
    steps : int, default 200
        At most; the test ends where the loss has grown to four times its least value, or is not finite.

    Returns
    -------
    RangeTest
        Rates, losses and a suggestion.

    Raises
    ------
    TypeError, ValueError
        For data as in `Trainer.fit`, rates that do not rise from above 0, fewer than 10 steps.

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.

    Examples
    --------
    >>> from fastnet import SGD, Network
    >>> from fastnet.datasets import load_digits
    >>> digits = load_digits()
    >>> trainer = Trainer(Network([64, 10], seed=0, input_scale=1 / 16), SGD(), backend="numpy", seed=0)
    >>> 0.01 < find_lr(trainer, digits.X, digits.y).suggestion < 10
    True
    """
    checks.rate_range(low, high, steps)
    samples = prepare(trainer.network, trainer.loss, X, y, feature_names=trainer.feature_names).samples
    rates = np.geomspace(low, high, steps)
    losses = _losses(trainer, samples, rates)
    rates, smooth = rates[: len(losses)], _smoothed(losses)
    return RangeTest(rates, smooth, _steepest(rates, smooth))


def _losses(trainer: Trainer, samples: Samples, rates: npt.NDArray[np.float64]) -> list[float]:
    """Return the loss before each step, of a copy of the network."""
    settings = replace(trainer.settings, shards=None, ranks=None)
    generator, n = np.random.default_rng(0), len(samples.y)
    state = TrainingState.begin(trainer.network.parameters.copy(), settings)
    state.mask_seed = 0
    n_batch = min(n, settings.batch_size or n)
    train = Task(Layers.of(trainer.network), settings, state, samples).prepare(n_batch)
    losses: list[float] = []
    least = math.inf
    with np.errstate(all="ignore"):
        for step, rate in enumerate(rates.tolist()):
            totals = train(generator.integers(0, n, n_batch), step, rate)
            losses.append((totals.loss_sum + totals.penalty_sum) / n_batch)
            smooth = _smoothed(losses)[-1]
            least = min(least, smooth)
            if not math.isfinite(losses[-1]) or smooth > DIVERGED * least:
                return losses[:-1] if not math.isfinite(losses[-1]) else losses
    return losses


def _smoothed(losses: list[float]) -> npt.NDArray[np.float64]:
    """Return running means, corrected for their start at 0 as Adam's are."""
    means, mean = [], 0.0
    for i, loss in enumerate(losses, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        means.append(mean / (1 - SMOOTHING**i))
    return np.array(means)


def _steepest(rates: npt.NDArray[np.float64], losses: npt.NDArray[np.float64]) -> float:
    """Return the rate of the steepest fall, after the first tenth of it: before that there is nothing but noise."""
    least = int(losses.argmin()) if len(losses) else 0
    first = float(np.median(losses[:NOISY])) if least > NOISY else -math.inf
    fall = first - float(losses[least]) if least else 0.0
    if not fall > 0:
        raise ValueError("the loss never fell; begin with a lower rate, or scale the inputs")
    begin = int(np.flatnonzero(losses[: least + 1] > first - 0.1 * fall)[-1])
    slopes = np.gradient(losses[begin : least + 1], np.log(rates[begin : least + 1]))
    return float(rates[begin + int(slopes.argmin())])
