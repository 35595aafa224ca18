"""Steps of training in shards: gradients of a rank's own shards, their sum over ranks, the update of its segment."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.distributed import gradients
from fastnet.distributed.gradients import Problem
from fastnet.distributed.ranks import Ranks
from fastnet.distributed.shards import GradientTree, bounds, tree_sum
from fastnet.distributed.update import SegmentUpdate
from fastnet.inference import Evaluation, accuracy
from fastnet.reference.training import Totals

Array = npt.NDArray[Any]
Order = npt.NDArray[np.int64]


class ShardedSteps:
    """Takes steps over some of the samples, as what `prepare_training` returns does, in shards and with other ranks.

    Masks of dropout are those of a step of its own for each shard, so that they do not depend on who holds it.

    Parameters
    ----------
    problem : Problem
        What is trained.
    n_batch : int
        Samples of a batch.
    ranks : Ranks
        Who holds which shards.

    Raises
    ------
    ValueError
        If a batch has fewer samples than shards: a rank could be left without rows.
    """

    def __init__(self, problem: Problem, n_batch: int, ranks: Ranks) -> None:
        shards = ranks.shards
        if n_batch < shards:
            raise ValueError(
                f"batch_size must be at least {shards}, the shards of a batch, got batches of {n_batch}: "
                "a rank could be left without rows"
            )
        self.ranks, self._problem, self._n_batch, self._shards = ranks, problem, n_batch, shards
        self._leaf: Array = np.zeros_like(problem.parameters)
        self._tree = GradientTree(self._leaf, len(ranks.own_shards))
        self._gradient = gradients.prepare(problem, -(-n_batch // shards), self._leaf)
        self._update = SegmentUpdate(problem, self._leaf, ranks)

    @property
    def parts(self) -> tuple[Callable[..., Totals], Callable[..., Array], Array]:
        """What computes a shard's gradient, what updates a segment, and the vector between them: to be measured."""
        return self._gradient, self._update, self._leaf

    def __call__(self, order: Order, step: int = 0, lr: float | None = None) -> Totals:
        """Take the steps of an epoch, or of a part of it."""
        if not len(order):
            self._compile()
            return Totals(0.0, 0, 0.0)
        batches = [order[start : start + self._n_batch] for start in range(0, len(order), self._n_batch)]
        results = np.zeros((len(self.ranks.own_shards), len(batches), 2))
        squares = np.zeros((len(self.ranks.own_pieces), len(batches)))
        sizes = np.zeros(len(batches))
        with np.errstate(all="ignore"):
            for i, rows in enumerate(batches):
                weights = self._weights_of(rows)
                sizes[i] = len(rows) if weights is None else tree_sum(weights)
                results[:, i] = self._gradients(rows, weights, sizes[i], step + i)
                self.ranks.reduce_scatter(self._leaf)
                squares[:, i] = self._update(step + i + 1, sizes[i], lr)
                self.ranks.allgather(self._problem.parameters)
            return self._totals(results, squares, sizes, np.array([len(rows) for rows in batches]))

    def gather(self) -> None:
        """Bring all segments of the optimizer's state to every rank."""
        for vector in self._problem.vectors:
            self.ranks.allgather(vector)

    def _compile(self) -> None:
        """Compile what is needed, or load it: on each machine one rank first, from whose cache others take it."""
        for takes_turn in self.ranks.one_after_another():
            if takes_turn:
                self._gradient(np.empty(0, np.int64), 0)
                self._update.compile()
            self.ranks.wait()

    def _weights_of(self, rows: Order) -> Array | None:
        """Sum the weights of each shard."""
        if self._problem.weights is None:
            return None
        weights = self._problem.weights[rows]
        return np.array([weights[first:last].sum() for first, last in bounds(len(rows), self._shards)])

    def _gradients(self, rows: Order, weights: Array | None, size: float, step: int) -> Array:
        """Leave the sum of the gradients of a rank's own shards; return their sums of losses, and correct answers."""
        leaf, cuts, results = self._leaf, bounds(len(rows), self._shards), []
        for place, shard in enumerate(self.ranks.own_shards):
            first, last = cuts[shard]
            own = last - first if weights is None else weights[shard]
            result = (0.0, 0)
            if last > first:
                loss, n_correct, _ = self._gradient(rows[first:last], step * self._shards + shard)
                result = loss if weights is None else loss / (last - first) * own, n_correct
            if own == 0:  # without samples, or with none that weighs anything: their mean is NaN
                leaf[...], result = 0, (0.0, result[1])
            else:
                np.multiply(leaf, leaf.dtype.type(own / size), out=leaf)
            self._tree.add(place)
            results.append(result)
        return np.array(results)

    def _totals(self, results: Array, squares: Array, sizes: Array, counts: Array) -> Totals:
        """Add up what steps came to, shard by shard and piece by piece in the tree."""
        of_steps = tree_sum(self.ranks.of_shards(results))
        losses = of_steps[:, 0] if self._problem.weights is None else of_steps[:, 0] / sizes * counts
        penalty = 0.0
        if self._problem.l2:
            sums = tree_sum(self.ranks.of_pieces(squares))
            penalty = float((0.5 * self._problem.l2 * sums / sizes * counts).sum())
        return Totals(float(losses.sum()), int(of_steps[:, 1].sum()), penalty)


def evaluate(
    part: Callable[[Any, Array], Evaluation], X: Any, y: Array, loss: str | tuple[str, float], ranks: Ranks
) -> Evaluation:
    """Evaluate samples in as many shards as a batch has, each rank its own.

    Parameters
    ----------
    part : callable
        Evaluates some samples.
    X, y
        All samples.
    loss : str or tuple
        The loss.
    ranks : Ranks
        Who holds which shards.
    """
    cuts, outputs = bounds(len(y), ranks.shards), math.prod(y.shape[1:])
    own = np.zeros((len(ranks.own_shards), 2))
    for place, shard in enumerate(ranks.own_shards):
        first, last = cuts[shard]
        if last > first:
            found = part(X[first:last], y[first:last])
            own[place] = found.loss * (last - first), round((found.accuracy or 0.0) * (last - first) * outputs)
    loss_sum, n_correct = tree_sum(ranks.of_shards(own))
    return Evaluation(float(loss_sum) / max(len(y), 1), accuracy(loss, int(n_correct), len(y), outputs))
