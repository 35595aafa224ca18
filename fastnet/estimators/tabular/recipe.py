"""The settings of RealMLP-TD-S in terms of ordinary layers: initial parameters, and what each group of them is given.

There a layer is x @ W / sqrt(n_in) + b, with W and b drawn from N(0, 1). Here it is an ordinary one with the weights
W / sqrt(n_in), whose learning rate and eps make Adam take the same steps (`fastnet.reference.Groups`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.reference import Groups
from fastnet.reference.training import layer_slices

Array = npt.NDArray[Any]

BETAS, EPSILON = (0.9, 0.95), 1e-8
BIAS_RATE, SCALE_RATE = 0.1, 6.0
"""Factors on the learning rate of biases, and of the factors of inputs."""


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained."""

    sizes: tuple[int, ...]
    activation: str
    loss: Any
    learning_rate: float
    n_epochs: int
    batch_size: int
    epsilon_factor: float = 1.0

    @property
    def activations(self) -> tuple[str, ...]:
        """The activation of each hidden layer."""
        return (self.activation,) * (len(self.sizes) - 2)

    @property
    def optimizer(self) -> tuple[Any, ...]:
        """The optimizer, as `train_epoch` takes it."""
        return ("adam", self.learning_rate, *BETAS, EPSILON * self.epsilon_factor)


def groups_of(sizes: Sequence[int]) -> Groups:
    """Return what each layer's weights and biases, and the factors of inputs, are given."""
    roots = np.sqrt(np.array(sizes[:-1], np.float64))
    ones = np.ones_like(roots)
    rates, epsilons = np.stack([1 / roots, BIAS_RATE * ones], axis=1), np.stack([roots, ones], axis=1)
    return Groups(rates, epsilons, (SCALE_RATE, 1.0), corrected=True)


def draw(sizes: Sequence[int], rng: np.random.RandomState, dtype: Any) -> Array:
    """Draw parameters: weights and biases of hidden layers, zeros for the last layer, ones for the inputs' factors."""
    parts = [part for n_in, n_out in pairwise(sizes[:-1]) for part in _layer(rng, n_in, n_out)]
    parts += [np.zeros((sizes[-2] + 1) * sizes[-1]), np.ones(sizes[0])]
    return np.concatenate(parts).astype(dtype)


def _layer(rng: np.random.RandomState, n_in: int, n_out: int) -> tuple[Array, Array]:
    return rng.standard_normal(n_in * n_out) / np.sqrt(n_in), rng.standard_normal(n_out)


def folded(parameters: Array, sizes: Sequence[int]) -> Array:
    """Return the parameters of an ordinary network: the factors of inputs multiplied into the first layer's weights."""
    slices = layer_slices(sizes)
    network, scale = parameters[: slices[-1][1].stop].copy(), parameters[slices[-1][1].stop :]
    network[slices[0][0]].reshape(sizes[0], sizes[1])[...] *= scale[:, None]
    return network
