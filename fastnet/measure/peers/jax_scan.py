"""JAX: a whole epoch in one compiled `lax.scan`, the way it is fastest on a CPU.

It differs in two things. A scan wants batches of one size, so the last short batch of an epoch is dropped (of other
samples each time). And the number of threads is that of XLA, which cannot be set for a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.measure.peers.protocol import Run, Task

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8


class ScanRun(Run):
    """Plain pytrees with fastnet's initial weights, and updates in the form fastnet has them."""

    def __init__(self, task: Task) -> None:
        self._task, self._jax = task, _configured(task)
        jnp, network = self._jax.numpy, task.network()
        layers = [(jnp.array(W), jnp.array(b)) for W, b in zip(network.weights, network.biases, strict=True)]
        moments = [self._jax.tree.map(jnp.zeros_like, layers) for _ in range(2 * (task.workload.optimizer == "adam"))]
        self._state = (layers, moments, jnp.zeros((), task.workload.dtype))
        self._data, self._labels = jnp.array(task.X), jnp.array(task.y.astype(np.int32))
        self._rng = np.random.default_rng(task.seed)
        self._epoch: Any = None
        self._forward = self._jax.jit(_forward(self._jax, task))

    def warm_up(self) -> float:
        """Compile the epoch for the shapes it has, without running it."""
        _configured(self._task)
        start = time.perf_counter()
        order = self._jax.numpy.zeros(self._shape, np.int32)
        epoch = self._jax.jit(_epoch(self._jax, self._task))
        self._epoch = epoch.lower(self._state, self._data, self._labels, order).compile()
        return time.perf_counter() - start

    @property
    def _shape(self) -> tuple[int, int]:
        """Batches of an epoch and samples of a batch."""
        return self._task.workload.samples // self._task.workload.batch, self._task.workload.batch

    def epoch(self) -> float:
        """Train for the workload's epochs."""
        if self._epoch is None:
            self.warm_up()
        _configured(self._task)
        jax, (steps, batch) = self._jax, self._shape
        start = time.perf_counter()
        for _ in range(self._task.workload.repeats):
            order = self._rng.permutation(self._task.workload.samples)[: steps * batch]
            rows = jax.numpy.array(order.reshape(steps, batch).astype(np.int32))
            self._state = self._epoch(self._state, self._data, self._labels, rows)
        jax.block_until_ready(self._state)
        return time.perf_counter() - start

    def train_for(self, seconds: float) -> float:
        """Train for about so long; samples that are dropped do not count."""
        steps, batch = self._shape
        return super().train_for(seconds) * steps * batch / self._task.workload.samples

    def logits_argmax(self, X: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Predict with a compiled forward pass."""
        _configured(self._task)
        logits = self._forward(self._state[0], self._jax.numpy.array(X))
        return np.asarray(logits.argmax(axis=1)).astype(np.int64)


def _configured(task: Task) -> Any:
    """Return JAX, on the processor and in the precision of the workload: both are settings of the process."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", task.workload.dtype == "float64")
    return jax


def _forward(jax: Any, task: Task) -> Callable[[Any, Any], Any]:
    activation = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jax.numpy.tanh}[task.workload.activation]

    def forward(layers: Any, x: Any) -> Any:
        for W, b in layers[:-1]:
            x = activation(x @ W + b)
        W, b = layers[-1]
        return x @ W + b

    return forward


def _epoch(jax: Any, task: Task) -> Callable[[Any, Any, Any, Any], Any]:
    jnp, forward, update = jax.numpy, _forward(jax, task), _update(jax, task)
    full_batch = task.workload.batch == task.workload.samples

    def loss(layers: Any, x: Any, labels: Any) -> Any:
        z = forward(layers, x)
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, labels[:, None], axis=1)[:, 0])

    def epoch(state: Any, data: Any, labels: Any, order: Any) -> Any:
        def step(state: Any, rows: Any) -> tuple[Any, None]:
            x, target = (data, labels) if full_batch else (data[rows], labels[rows])
            return update(state, jax.grad(loss)(state[0], x, target)), None

        return jax.lax.scan(step, state, order)[0]

    return epoch


def _update(jax: Any, task: Task) -> Callable[[Any, Any], Any]:
    lr, jnp, tree_map = task.learning_rate, jax.numpy, jax.tree.map

    def sgd(state: Any, gradients: Any) -> Any:
        layers, moments, t = state
        return tree_map(lambda p, g: p - lr * g, layers, gradients), moments, t

    def adam(state: Any, gradients: Any) -> Any:
        layers, (m, v), t = state
        t = t + 1
        m = tree_map(lambda a, g: BETA1 * a + (1 - BETA1) * g, m, gradients)
        v = tree_map(lambda a, g: BETA2 * a + (1 - BETA2) * g * g, v, gradients)
        rate = lr * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        return tree_map(lambda p, a, b: p - rate * a / (jnp.sqrt(b) + EPS), layers, m, v), [m, v], t

    return sgd if task.workload.optimizer == "sgd" else adam
