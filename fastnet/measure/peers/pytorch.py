"""PyTorch, as it is and through `torch.compile`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.measure.peers.protocol import Run, Task, Unavailable


class EagerRun(Run):
    """Linear layers with fastnet's initial weights; `torch.optim`'s optimizers, which work in place.

    Adam adds eps to the root of the corrected second moment, fastnet to that of the plain one (both are in use).
    """

    def __init__(self, task: Task) -> None:
        import torch

        self._task, self._torch = task, torch
        self._model = _model(torch, task)
        optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[task.workload.optimizer]
        self._optimizer = optimizer(self._model.parameters(), lr=task.learning_rate)
        self._data, self._labels = torch.from_numpy(task.X), torch.from_numpy(task.y)
        self._generator = torch.Generator().manual_seed(task.seed)
        self._loss = self._loss_function()

    def _loss_function(self) -> Callable[[Any, Any], Any]:
        """Return what computes the mean loss of a batch."""
        model, cross_entropy = self._model, self._torch.nn.functional.cross_entropy
        return lambda x, labels: cross_entropy(model(x), labels)

    def warm_up(self) -> float:
        """Compute gradients, and take no step, for a batch of every size that comes."""
        self._torch.set_num_threads(self._task.n_threads)
        batch, samples = self._task.workload.batch, self._task.workload.samples
        start = time.perf_counter()
        for rows in (batch, samples % batch or batch):
            self._loss(self._data[:rows], self._labels[:rows]).backward()
        self._optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - start

    def epoch(self) -> float:
        """Train for the workload's epochs."""
        self._torch.set_num_threads(self._task.n_threads)
        start = time.perf_counter()
        for _ in range(self._task.workload.repeats):
            self._train()
        return time.perf_counter() - start

    def _train(self) -> None:
        batch, samples = self._task.workload.batch, self._task.workload.samples
        data, labels, optimizer, loss = self._data, self._labels, self._optimizer, self._loss
        order = self._torch.randperm(samples, generator=self._generator)
        for first in range(0, samples, batch):
            rows = order[first : first + batch]
            x, target = (data, labels) if batch == samples else (data[rows], labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss(x, target).backward()
            optimizer.step()

    def logits_argmax(self, X: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Predict without gradients."""
        with self._torch.inference_mode():
            classes: npt.NDArray[np.int64] = self._model(self._torch.from_numpy(X)).argmax(dim=1).numpy()
        return classes


class CompiledRun(EagerRun):
    """The forward pass with its loss, and so the backward pass, through `torch.compile`; the optimizer is eager.

    A new run forgets what was compiled for earlier ones: the compiler keeps only so many versions of a function, and
    would stop compiling in the middle of a series.
    """

    def _loss_function(self) -> Callable[[Any, Any], Any]:
        self._torch.compiler.reset()
        # dynamic=False: code of its own for the last short batch, rather than code for any size that serves all
        compile_static = self._torch.compile(fullgraph=True, dynamic=False)
        compiled: Callable[[Any, Any], Any] = compile_static(super()._loss_function())
        return compiled

    def warm_up(self) -> float:
        """Compile for batches of every size that comes."""
        try:
            return super().warm_up()
        except Exception as error:  # whatever a compiler, a linker or a missing header leads to
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise Unavailable(f"PyTorch compiled: torch.compile failed: {reason}") from error


def _model(torch: Any, task: Task) -> Any:
    network, layers = task.network(), []
    activation = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid, "tanh": torch.nn.Tanh}[task.workload.activation]
    for W, b in zip(network.weights, network.biases, strict=True):
        linear = torch.nn.Linear(*W.shape, dtype=getattr(torch, task.workload.dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T.copy()))
            linear.bias.copy_(torch.from_numpy(b.copy()))
        layers += [linear, activation()]
    return torch.nn.Sequential(*layers[:-1])
