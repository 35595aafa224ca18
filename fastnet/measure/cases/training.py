"""What `train_epoch` is called for: a network, data, and everything that can be asked of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastnet import reference
from fastnet.measure.cases.case import EXACT, Arguments, Bound, normal
from fastnet.measure.cases.networks import network, samples
from fastnet.measure.cases.optimizers import HYPERPARAMETERS, STATE_NAMES


@dataclass(frozen=True)
class Training:
    """What `train_epoch` is called for."""

    n: int
    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: Any
    optimizer: str
    batch_size: int
    x_dtype: Any = None  # uint8, or None for the parameters'
    step: int = 0
    clip_norm: float | None = None
    clip_value: float | None = None
    weighted: bool = False
    l2: float = 0.0
    dropout: tuple[float, ...] | None = None
    bias: bool = True
    filled: float = 1.0  # fraction of the inputs that are not made zero
    grouped: bool = False  # whether each layer's weights and biases have settings of their own
    scaled: bool = False  # whether inputs have trainable factors too

    def __str__(self) -> str:
        net = "-".join(map(str, self.sizes))
        kind = "pixels" if self.x_dtype else "floats"
        loss = self.loss if isinstance(self.loss, str) else " ".join(map(str, self.loss))
        parts = (f"{self.n}x{net}", *self.activations, loss, self.optimizer, f"{self.batch_size}")
        limits = {"norm": self.clip_norm, "value": self.clip_value}
        options = [f"{name} {limit}" for name, limit in limits.items() if limit is not None]
        options += ["weighted"] * self.weighted + [f"l2 {self.l2}"] * (self.l2 > 0)
        if self.dropout is not None:
            options.append(f"dropout {' '.join(map(str, self.dropout))}")
        options += [] if self.bias else ["no bias"]
        options += [f"{self.filled} filled"] * (self.filled < 1)
        options += ["grouped"] * self.grouped + ["scaled"] * self.scaled
        return "-".join((*parts, kind, *options))

    def answers(self, dtype: Any, rng: np.random.Generator) -> Any:
        """Return labels, or targets that the loss can be asked for."""
        n_out, name = self.sizes[-1], self.loss if isinstance(self.loss, str) else self.loss[0]
        if name in ("cross_entropy", "softmax_squared_error"):
            return rng.integers(0, n_out, self.n)
        if name == "binary_cross_entropy":
            return rng.integers(0, 2, (self.n, n_out)).astype(dtype)
        if name == "poisson":
            return rng.poisson(1.0, (self.n, n_out)).astype(dtype)
        return normal(rng, dtype, self.n, n_out)

    def make(self, dtype: Any, rng: np.random.Generator) -> Arguments:
        """Make the arguments."""
        x, scale = samples(self.n, self.sizes[0], self.x_dtype, dtype, rng)
        if self.filled < 1:
            x[rng.random(x.shape) >= self.filled] = 0
        y = self.answers(dtype, rng)
        parameters = network(self.sizes, dtype, rng)
        if not self.bias:
            for _, b in reference.layer_slices(self.sizes):
                parameters[b] = 0
        if self.scaled:
            parameters = np.concatenate([parameters, normal(rng, dtype, self.sizes[0])])
        name = "momentum" if self.optimizer == "nesterov" else self.optimizer
        state = tuple(np.zeros_like(parameters) for _ in STATE_NAMES[self.optimizer])
        arguments = {
            "parameters": parameters, "state": state, "x": x, "y": y, "order": rng.permutation(self.n),
            "sizes": self.sizes, "activations": self.activations, "loss": self.loss,
            "optimizer": (name, *HYPERPARAMETERS[self.optimizer].values()), "batch_size": self.batch_size,
            "step": self.step, "scale": scale, "clip_norm": self.clip_norm, "clip_value": self.clip_value,
            "l2": self.l2, "dropout": self.dropout, "seed": (1 << 40) + 7, "bias": self.bias,
        }  # fmt: skip
        if self.grouped:
            arguments["groups"] = self.groups(rng)
        if self.weighted:
            arguments["sample_weight"] = rng.uniform(0.25, 3.0, self.n)
            arguments["sample_weight"][::5] = 0.0
        return arguments

    def groups(self, rng: np.random.Generator) -> reference.Groups:
        """Draw settings of groups of parameters."""
        shape = len(self.sizes) - 1, 2
        rates, epsilons = rng.uniform(0.1, 1.0, shape), rng.uniform(1.0, 9.0, shape)
        return reference.Groups(rates, epsilons, (0.5, 2.0) if self.scaled else None, corrected=True)

    def make_gradient(self, dtype: Any, rng: np.random.Generator) -> Arguments:
        """Make the arguments of `loss_gradient`."""
        arguments = self.make(dtype, rng)
        names = ("parameters", "x", "y", "sizes", "activations", "loss", "scale", "sample_weight", "l2", "bias")
        return {name: arguments[name] for name in names if name in arguments}

    def make_prepared(self, dtype: Any, rng: np.random.Generator) -> Arguments:
        """Make the arguments of `prepare_training`, which are not those of an epoch."""
        arguments = self.make(dtype, rng)
        return {name: value for name, value in arguments.items() if name not in ("order", "step")}

    def two_epochs(self, epoch: Callable[..., Any]) -> Any:
        """Take two prepared epochs, the second over some of the samples and at half the learning rate."""
        order = np.random.default_rng(self.n).permutation(self.n)
        first = epoch(order, self.step)
        step, rate = self.step + -(-self.n // self.batch_size), HYPERPARAMETERS[self.optimizer]["lr"] / 2
        return *first, *epoch(order[::-2], step, rate)

    def bounds(self, _given: Arguments, expected: list[Any]) -> list[Bound]:
        """Every step adds the errors of its longest sum, relative to the largest value of a vector."""
        n_steps = -(-self.n // self.batch_size)
        terms = max(n_steps, 1) ** 2 * max(*self.sizes, min(self.batch_size, max(self.n, 1)))
        loss_sum, _, penalty_sum, *vectors = expected
        largest = [np.abs(vector.astype(np.float64)).max(initial=0.0) for vector in vectors]
        return [(terms, loss_sum + self.n), EXACT, (terms, penalty_sum), *((terms, value) for value in largest)]

    def prepared_bounds(self, given: Arguments, expected: list[Any]) -> list[Bound]:
        """Allow both epochs what one over twice the samples would be allowed."""
        longer, vectors = replace(self, n=2 * self.n), expected[6:]
        first, second = (longer.bounds(given, [*totals, *vectors]) for totals in (expected[:3], expected[3:6]))
        return [*first[:3], *second]

    def gradient_bounds(self, given: Arguments, expected: list[Any]) -> list[Bound]:
        """One step's errors; a slope that rounds apart weighs as much as the weights it is carried through."""
        loss, gradient = expected
        terms = max(*self.sizes, self.n)
        largest = np.abs(gradient.astype(np.float64)).max(initial=0.0)
        return [(terms, loss + 1), (terms, largest + np.abs(given["parameters"].astype(np.float64)).max())]
