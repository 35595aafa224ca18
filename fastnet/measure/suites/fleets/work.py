"""What is trained: many networks of one shape, on the same batches or each on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.measure.peers.protocol import LEARNING_RATES
from fastnet.network import Network
from fastnet.optimizers import SGD, Adam, Optimizer

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ManyNetworks:
    """Networks of one shape, with ReLU between layers, that are trained at once.

    Attributes
    ----------
    count : int
        How many.
    sizes : tuple of int
        Layer sizes. A single output is trained for the squared error, more of them for the cross-entropy.
    batch, samples, epochs : int
        Samples of a step, a multiple of which there are, and passes over them.
    optimizer : {"sgd", "adam"}
        Of the steps.
    own_order : bool
        Whether each network has rows of its own, drawn with replacement, in an order of its own; if not, all see the
        same batches.

    Examples
    --------
    >>> work = ManyNetworks(3, (4, 2), 8, 16, 1)
    >>> work.name
    '3 x 4-2, batch 8, the same batches'
    >>> work.rows().shape, work.order(np.random.default_rng(0)).shape
    ((3, 16), (1, 2, 8))
    """

    count: int
    sizes: tuple[int, ...]
    batch: int
    samples: int
    epochs: int
    optimizer: str = "sgd"
    own_order: bool = False

    @property
    def name(self) -> str:
        """What is trained."""
        which = "rows and order of their own" if self.own_order else "the same batches"
        return f"{self.count} x {'-'.join(map(str, self.sizes))}, batch {self.batch}, {which}"

    @property
    def loss(self) -> str:
        """The loss, as fastnet calls it."""
        return "squared_error" if self.sizes[-1] == 1 else "cross_entropy"

    @property
    def learning_rate(self) -> float:
        """The rate of all steps."""
        return LEARNING_RATES[self.optimizer]

    def data(self) -> tuple[Array, Array]:
        """Draw inputs, and targets or labels, the same ones every time."""
        rng = np.random.default_rng(0)
        X = rng.random((self.samples, self.sizes[0]), dtype=np.float32)
        if self.loss == "squared_error":
            return X, X.mean(axis=1, dtype=np.float32)
        return X, rng.integers(0, self.sizes[-1], self.samples)

    def networks(self) -> list[Network]:
        """Return the networks as they are before the first step."""
        return [Network(self.sizes, seed=seed) for seed in range(self.count)]

    def steps(self) -> Optimizer:
        """Return the optimizer, as fastnet has it."""
        return SGD(self.learning_rate) if self.optimizer == "sgd" else Adam(self.learning_rate)

    def rows(self) -> Array:
        """Draw the rows of each network, where these are its own."""
        return np.random.default_rng(1).integers(0, self.samples, (self.count, self.samples))

    def order(self, rng: np.random.Generator) -> Array:
        """Draw the rows of an epoch's batches: (1, steps, batch), or (count, steps, batch) if each has its own."""
        steps = self.samples // self.batch
        if not self.own_order:
            return rng.permutation(self.samples).reshape(1, steps, self.batch)
        orders = [own[rng.permutation(self.samples)] for own in self.rows()]
        return np.stack(orders).reshape(self.count, steps, self.batch)
