"""The order in which training uses samples."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SAMPLINGS = ("shuffle", "replacement")

Order = npt.NDArray[np.int64]


class Sampler:
    """Draws samples: each once in a new order and then all again, or any of them at any time.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where randomness comes from.
    kind : {"shuffle", "replacement"}
        Whether a sample comes once in every round, or is drawn with replacement.
    n_samples : int
        How many there are.
    whole : bool
        Whether a step takes all of them, whose order is then of no matter.
    left : ndarray of int64, optional
        What a round that began before has still to give.
    """

    def __init__(
        self, rng: np.random.Generator, kind: str, n_samples: int, whole: bool, left: Order | None = None
    ) -> None:
        self._rng, self._kind, self._n_samples = rng, kind, n_samples
        self._in_order = whole and kind == "shuffle"
        self.left: Order = np.empty(0, np.int64) if left is None else left

    def take(self, count: int) -> Order:
        """Return the next samples."""
        if self._kind == "replacement":
            return self._rng.integers(0, self._n_samples, count)
        if self._in_order:
            return np.arange(count) % self._n_samples
        drawn = [self.left]
        while sum(map(len, drawn)) < count:
            drawn.append(self._rng.permutation(self._n_samples))
        order = np.concatenate(drawn)
        self.left = order[count:]
        return order[:count]
