"""The gradient of one shard: a single sum over its samples, by either backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.compiler.policy import COMPILES
from fastnet.reference.dropout import dropout_key
from fastnet.reference.step import passes
from fastnet.reference.training import Totals
from fastnet.validation import training as training_checks

Array = npt.NDArray[Any]
Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """What is trained, how, and with what: the arguments of `prepare_training`, by name.

    Attributes
    ----------
    kernels : module
        Whose operations compute.
    parameters, vectors
        The network's parameters, and the vectors of the optimizer's state.
    x, y, weights
        Samples, and their weights if there are any.
    sizes, activations, scale, bias
        Of the network.
    loss, optimizer, clip_norm, clip_value, l2, dropout, seed, n_threads
        As `prepare_training` takes them; the optimizer as a tuple, `dropout` empty if nothing is dropped.
    """

    kernels: ModuleType
    parameters: Array
    vectors: tuple[Array, ...]
    x: Any
    y: Array
    weights: npt.NDArray[np.float64] | None
    sizes: Sequence[int]
    activations: Sequence[str]
    scale: float
    bias: bool
    loss: str | tuple[str, float]
    optimizer: tuple[Any, ...]
    clip_norm: float | None
    clip_value: float | None
    l2: float
    dropout: tuple[float, ...]
    seed: int
    n_threads: int | None

    @property
    def is_compiled(self) -> bool:
        """Whether compiled kernels compute."""
        return COMPILES and self.kernels.__name__ == "fastnet.kernels"


Gradient = Callable[[Order, int], Totals]
"""Given the rows of a shard and a number for its masks of dropout, write the gradient of their mean loss."""


def prepare(problem: Problem, most_rows: int, out: Array) -> Gradient:
    """Return what writes gradients of shards to `out`, without penalty or limits.

    Parameters
    ----------
    problem : Problem
        What is trained.
    most_rows : int
        Rows of a shard, at most.
    out : ndarray of parameters' dtype and shape
        Receives a gradient in each call.
    """
    training_checks.network(
        problem.parameters, problem.x, problem.sizes, problem.activations, problem.scale, csr=True
    )  # fmt: skip
    training_checks.biases(problem.parameters, problem.sizes, problem.bias)
    return (_compiled if problem.is_compiled else _plain)(problem, max(most_rows, 1), out)


def _compiled(problem: Problem, most_rows: int, out: Array) -> Gradient:
    """Use the compiled step, which stores the gradient where no optimizer is named."""
    from fastnet.kernels.step.driver.epochs import Data, Epochs
    from fastnet.kernels.step.driver.teams import Task

    task = Task(
        problem.sizes, problem.activations, *training_checks.loss_setting(problem.loss), batch_size=most_rows,
        dropout=problem.dropout, seed=problem.seed, bias=problem.bias,
    )  # fmt: skip
    data = Data(problem.x, problem.y, problem.scale, problem.weights)
    return Epochs(task, problem.parameters, (out,), data, problem.n_threads)


def _plain(problem: Problem, most_rows: int, out: Array) -> Gradient:
    """Use the reference's passes."""
    layers, gradients = passes.layers_of(problem.parameters, problem.sizes), passes.layers_of(out, problem.sizes)
    name, setting = training_checks.loss_setting(problem.loss)

    def gradient(rows: Order, number: int) -> Totals:
        if not len(rows):
            return Totals(0.0, 0, 0.0)
        weights = None if problem.weights is None else problem.weights[rows]
        masks = [(rate, dropout_key(problem.seed, number + 1, i)) for i, rate in enumerate(problem.dropout)]
        x = passes.prepare(problem.x[rows], problem.parameters.dtype, problem.scale)
        passed = passes.forward(x, layers, problem.activations, masks)
        mean, dlogits, n_correct = passes.batch_loss(name, setting, passed.inputs[-1], problem.y[rows], weights)
        passes.backward(dlogits, passed, layers, gradients, problem.activations, masks, problem.bias)
        return Totals(mean * len(rows), n_correct, 0.0)

    return gradient
