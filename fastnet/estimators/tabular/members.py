"""Training of the networks of an ensemble, side by side, and of the epoch whose weights are kept."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.estimators.tabular.recipe import Recipe, draw, folded, groups_of
from fastnet.training.schedules import coslog4

Array = npt.NDArray[Any]


class Rows(NamedTuple):
    """Encoded inputs, labels or targets of the network, and weights if there are any."""

    x: Array
    y: Array
    weights: Array | None


class Patience(NamedTuple):
    """When a fit stops: in an epoch later than `factor` times the best one, and `epochs` more."""

    factor: float
    epochs: int

    def is_over(self, epoch: int, best: int) -> bool:
        """Tell whether an epoch, counted from 1, is no longer of use."""
        return epoch > self.factor * best + self.epochs


class Fitted(NamedTuple):
    """What a fit came to."""

    networks: list[Array]  # the parameters of ordinary networks
    best_epoch: int  # from 1; the last one where nothing was validated
    losses: list[float]
    errors: list[float]  # of validation, epoch by epoch


class Member:
    """A network that is trained: its parameters, its order of samples, and the epochs that were prepared for it."""

    def __init__(self, recipe: Recipe, rows: Rows, backend: Any, n_threads: int | None, seed: int) -> None:
        self._recipe, self._rng = recipe, np.random.RandomState(seed)
        self.parameters = draw(recipe.sizes, self._rng, rows.x.dtype)
        self._state = (np.zeros_like(self.parameters), np.zeros_like(self.parameters))
        self._n_rows, self._step = len(rows.x), 0
        self._take = backend.prepare_training(
            self.parameters, self._state, rows.x, rows.y, recipe.sizes, recipe.activations, recipe.loss,
            recipe.optimizer, recipe.batch_size, sample_weight=rows.weights, n_threads=n_threads,
            groups=groups_of(recipe.sizes),
        )  # fmt: skip

    def train(self) -> float:
        """Take an epoch over all whole batches of a new order; return the mean loss."""
        recipe = self._recipe
        n_steps = self._n_rows // recipe.batch_size
        order = self._rng.permutation(self._n_rows)[: n_steps * recipe.batch_size]
        done, total = np.arange(self._step, self._step + n_steps), recipe.n_epochs * n_steps
        rates = recipe.learning_rate * np.array([coslog4(step / total) for step in done])
        totals = self._take(order, self._step, rates)
        self._step += n_steps
        return float(totals.loss_sum / order.size)

    @property
    def network(self) -> Array:
        """The parameters of an ordinary network that answers as this one does."""
        return folded(self.parameters, self._recipe.sizes)


def train(
    members: list[Member],
    recipe: Recipe,
    error_of: Callable[[list[Array]], float] | None,
    patience: Patience | None = None,
) -> Fitted:
    """Train an ensemble, and keep the networks of the epoch with the least error: of several, those of the last."""
    losses: list[float] = []
    errors: list[float] = []
    best, least, networks = 0, math.inf, [member.network for member in members]
    try:
        for epoch in range(1, recipe.n_epochs + 1):
            losses.append(float(np.mean([member.train() for member in members])))
            now = [member.network for member in members]
            if error_of is None:
                best, networks = epoch, now
                continue
            errors.append(error_of(now))
            if patience is not None and patience.is_over(epoch, best):
                break
            if errors[-1] <= least:
                best, least, networks = epoch, errors[-1], now
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=2)
    return Fitted(networks, best, losses, errors)
