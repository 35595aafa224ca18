"""The update of a segment of the parameters, from a segment of the summed gradient: penalty, limits, optimizer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.distributed.gradients import Problem
from fastnet.distributed.ranks import Ranks
from fastnet.distributed.shards import piece_bounds, tree_sum
from fastnet.reference.step.passes import layer_slices

Array = npt.NDArray[Any]


class SegmentUpdate:
    """Updates a rank's own pieces of the parameters and of the optimizer's state.

    Norms are sums over pieces, added in the tree of the shards: their bits do not depend on who holds which pieces.

    Parameters
    ----------
    problem : Problem
        What is trained.
    gradient : ndarray of parameters' dtype and shape
        Holds the summed gradient, in a rank's own pieces at least; it is changed.
    ranks : Ranks
        Who holds which pieces.
    """

    def __init__(self, problem: Problem, gradient: Array, ranks: Ranks) -> None:
        self._problem, self._ranks = problem, ranks
        at = piece_bounds(gradient.size, ranks.shards)
        self._own = slice(at[ranks.own_pieces.start], at[ranks.own_pieces.stop])
        self._pieces = [slice(at[i], at[i + 1]) for i in ranks.own_pieces]
        self._weights = [_within(w, self._own) for w, _ in layer_slices(problem.sizes)]
        self._weight_pieces = [[_within(w, piece) for w, _ in layer_slices(problem.sizes)] for piece in self._pieces]
        self._gradient = gradient

    def compile(self) -> None:
        """Compile the optimizer's step, or load it, by taking one that counts for nothing."""
        one = np.zeros(1, self._gradient.dtype)
        self._step(one, one.copy(), [one.copy() for _ in self._problem.vectors], self._problem.optimizer, 1)

    def __call__(self, t: int, size: float, lr: float | None) -> Array:
        """Take step number t of a batch of so many samples, or of such a sum of weights.

        Returns
        -------
        ndarray of float64, shape (n_own_pieces,)
            Sums of the squares of the weights before it, which are penalised; zeros without a penalty.
        """
        problem, p, g = self._problem, self._problem.parameters, self._gradient
        squares = np.zeros(len(self._pieces))
        if problem.l2:
            squares[:] = [sum(_squares(p[w]) for w in weights) for weights in self._weight_pieces]
            for w in self._weights:
                g[w] += float(np.float64(problem.l2) / size) * p[w]
        self._limit()
        optimizer = problem.optimizer if lr is None else (problem.optimizer[0], lr, *problem.optimizer[2:])
        own = self._own
        if own.stop > own.start:
            self._step(p[own], g[own], [vector[own] for vector in problem.vectors], optimizer, t)
        return squares

    def _limit(self) -> None:
        """Limit the gradient's elements, and then its norm."""
        problem, g = self._problem, self._gradient[self._own]
        if problem.clip_value is not None:
            limit = g.dtype.type(problem.clip_value)
            np.clip(g, -limit, limit, out=g)
        if problem.clip_norm is not None:
            squares = np.array([_squares(self._gradient[piece]) for piece in self._pieces])
            norm = math.sqrt(tree_sum(self._ranks.of_pieces(squares)))
            if norm > problem.clip_norm:
                g *= g.dtype.type(float(problem.clip_norm) / norm)

    def _step(self, p: Array, g: Array, vectors: list[Array], optimizer: tuple[Any, ...], t: int) -> None:
        name, *settings = optimizer
        last = (t,) if name in ("adam", "adamw") else ()
        getattr(self._problem.kernels, f"{name}_step")(p, g, *vectors, *settings, *last)


def _within(part: slice, whole: slice) -> slice:
    """Return what of a slice lies within another."""
    first = max(part.start, whole.start)
    return slice(first, max(first, min(part.stop, whole.stop)))


def _squares(values: Array) -> float:
    """Sum squares in float64."""
    return float(np.square(values, dtype=np.float64).sum())
