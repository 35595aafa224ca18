"""Many networks at once in other libraries: PyTorch one after the other and by `vmap`, JAX by `vmap` of a scan.

All begin with fastnet's parameters and take the same steps. What they are handed is of
`fastnet.measure.suites.fleets.work.ManyNetworks`. Adam of PyTorch adds eps to the root of the corrected second moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet.measure.peers.jax_scan import BETA1, BETA2, EPS

Train = Callable[[], list[Any]]
"""Trains all networks from their beginning; returns the parameters of each layer, W and b, of all of them stacked."""


def stacked_layers(work: Any) -> list[tuple[Any, Any]]:
    """Return W (count, in, out) and b (count, out) of each layer of all networks."""
    networks = work.networks()
    return [
        (np.stack([one.weights[i] for one in networks]), np.stack([one.biases[i] for one in networks]))
        for i in range(len(work.sizes) - 1)
    ]


def torch_loop(work: Any, n_threads: int) -> Train:
    """Prepare training of one network after the other by PyTorch, as a loop over steps."""
    import torch

    X, y = _torch_data(torch, work)
    layers = stacked_layers(work)

    def train_one(i: int, orders: Any) -> Any:
        parts: list[Any] = []
        for W, b in layers:
            linear = torch.nn.Linear(*W.shape[1:])
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(W[i].T.copy()))
                linear.bias.copy_(torch.from_numpy(b[i].copy()))
            parts += [linear, torch.nn.ReLU()]
        model = torch.nn.Sequential(*parts[:-1])
        optimizer = _torch_optimizer(torch, work, model.parameters())
        loss = _torch_loss(torch, work)
        for order in orders:
            for rows in order[min(i, len(order) - 1)]:
                optimizer.zero_grad(set_to_none=True)
                loss(model(X[rows]), y[rows]).backward()
                optimizer.step()
        return [(part.weight.detach().numpy().T, part.bias.detach().numpy()) for part in parts[::2]]

    def train() -> list[Any]:
        torch.set_num_threads(n_threads)
        orders = [torch.from_numpy(order) for order in _orders(work)]
        found = [train_one(i, orders) for i in range(work.count)]
        return [tuple(np.stack(part) for part in zip(*layer, strict=True)) for layer in zip(*found, strict=True)]

    return train


def torch_vmap(work: Any, n_threads: int) -> Train:
    """Prepare training of all networks at once by PyTorch: `torch.func.functional_call` under `vmap`."""
    import torch

    X, y = _torch_data(torch, work)
    parts: list[Any] = []
    for n_in, n_out in zip(work.sizes[:-1], work.sizes[1:], strict=True):
        parts += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    model, loss = torch.nn.Sequential(*parts[:-1]), _torch_loss(torch, work)

    def one(parameters: Any, x: Any, target: Any) -> Any:
        return loss(torch.func.functional_call(model, parameters, (x,)), target)

    own = 0 if work.own_order else None
    losses = torch.func.vmap(one, in_dims=(0, own, own))

    def train() -> list[Any]:
        torch.set_num_threads(n_threads)
        parameters = {}
        for i, (W, b) in enumerate(stacked_layers(work)):
            parameters[f"{2 * i}.weight"] = torch.from_numpy(W.swapaxes(1, 2).copy()).requires_grad_()
            parameters[f"{2 * i}.bias"] = torch.from_numpy(b.copy()).requires_grad_()
        optimizer = _torch_optimizer(torch, work, parameters.values())
        for order in _orders(work):
            batches = torch.from_numpy(order).transpose(0, 1)
            for rows in batches if work.own_order else batches[:, 0]:
                optimizer.zero_grad(set_to_none=True)
                losses(parameters, X[rows], y[rows]).sum().backward()
                optimizer.step()
        found = [one.detach().numpy() for one in parameters.values()]
        return [(W.swapaxes(1, 2), b) for W, b in zip(found[::2], found[1::2], strict=True)]

    return train


def jax_vmap(work: Any, n_threads: int) -> Train:
    """Prepare training of all networks at once by JAX: `vmap` of a compiled `lax.scan` over the steps of an epoch.

    The number of threads is that of XLA, which cannot be set for a run.
    """
    import jax

    jax.config.update("jax_platforms", "cpu")
    jnp = jax.numpy
    X, y = map(jnp.array, work.data())
    epoch = jax.jit(jax.vmap(_jax_epoch(jax, work, X, y), in_axes=(0, 0 if work.own_order else None)))
    layers = [(jnp.array(W), jnp.array(b)) for W, b in stacked_layers(work)]
    moments = [jax.tree.map(jnp.zeros_like, layers) for _ in range(2 * (work.optimizer == "adam"))]
    begin = (layers, moments, jnp.zeros(work.count, np.float32))

    def train() -> list[Any]:
        state = begin
        for order in _orders(work):
            rows = jnp.array(order.astype(np.int32))
            state = epoch(state, rows if work.own_order else rows[0])
        jax.block_until_ready(state)
        return [(np.asarray(W), np.asarray(b)) for W, b in state[0]]

    return train


def _orders(work: Any) -> list[Any]:
    """Draw the orders of all epochs, which a library would do as it goes on."""
    rng = np.random.default_rng(2)
    return [work.order(rng) for _ in range(work.epochs)]


def _torch_data(torch: Any, work: Any) -> tuple[Any, Any]:
    X, y = work.data()
    return torch.from_numpy(X), torch.from_numpy(y)


def _torch_loss(torch: Any, work: Any) -> Callable[[Any, Any], Any]:
    functional = torch.nn.functional
    if work.loss == "cross_entropy":
        loss: Callable[[Any, Any], Any] = functional.cross_entropy
        return loss
    return lambda z, target: 0.5 * functional.mse_loss(z[:, 0], target)


def _torch_optimizer(torch: Any, work: Any, parameters: Any) -> Any:
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[work.optimizer]
    return kind(parameters, lr=work.learning_rate)


def _jax_epoch(jax: Any, work: Any, X: Any, y: Any) -> Callable[[Any, Any], Any]:
    jnp, tree_map, lr = jax.numpy, jax.tree.map, work.learning_rate

    def loss(layers: Any, x: Any, target: Any) -> Any:
        for W, b in layers[:-1]:
            x = jax.nn.relu(x @ W + b)
        z = x @ layers[-1][0] + layers[-1][1]
        if work.loss == "squared_error":
            return 0.5 * jnp.mean((z[:, 0] - target) ** 2)
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, target[:, None], axis=1)[:, 0])

    def step(state: Any, rows: Any) -> tuple[Any, None]:
        layers, moments, t = state
        g = jax.grad(loss)(layers, X[rows], y[rows])
        if work.optimizer == "sgd":
            return (tree_map(lambda p, g: p - lr * g, layers, g), moments, t), None
        m, v = moments
        t = t + 1
        m = tree_map(lambda a, g: BETA1 * a + (1 - BETA1) * g, m, g)
        v = tree_map(lambda a, g: BETA2 * a + (1 - BETA2) * g * g, v, g)
        rate = lr * jnp.sqrt(1 - BETA2**t) / (1 - BETA1**t)
        layers = tree_map(lambda p, a, b: p - rate * a / (jnp.sqrt(b) + EPS), layers, m, v)
        return (layers, [m, v], t), None

    return lambda state, order: jax.lax.scan(step, state, order)[0]
