"""Cases of whole networks: inference, and epochs of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from fastnet import reference
from fastnet.cases.case import EXACT, Arguments, Bound, Case, normal
from fastnet.cases.optimizers import HYPERPARAMETERS, SLOTS


def network(sizes: Sequence[int], dtype: Any, rng: np.random.Generator) -> Any:
    """Parameters that keep the scale of activations from layer to layer."""
    layers = [(normal(rng, dtype, a, b) / np.sqrt(dtype.type(a)), normal(rng, dtype, b)) for a, b in pairwise(sizes)]
    return np.concatenate([part.ravel() for layer in layers for part in layer]).astype(dtype)


def samples(n: int, n_in: int, x_dtype: Any, dtype: Any, rng: np.random.Generator) -> tuple[Any, float]:
    """Return inputs, and the factor on them: pixels, a third of them zero, or numbers as they are."""
    if x_dtype == np.uint8:
        return np.maximum(rng.integers(-127, 256, (n, n_in)), 0).astype(np.uint8), 1 / 255
    return normal(rng, dtype, n, n_in), 1.0


def _predict(
    n: int,
    sizes: Sequence[int],
    activations: Sequence[str],
    x_dtype: Any,
    dtype: Any,
    rng: np.random.Generator,
) -> Arguments:
    x, scale = samples(n, sizes[0], x_dtype, dtype, rng)
    named = {"sizes": sizes, "activations": activations, "scale": scale}
    return {"parameters": network(sizes, dtype, rng), "x": x, **named}


def _predict_bounds(given: Arguments, _expected: list[Any]) -> list[Bound]:
    """Carry errors, in units of a product's, through |W|; activations have slopes up to 1."""
    parameters, sizes = given["parameters"].astype(np.float64), given["sizes"]
    y = given["x"].astype(np.float64) * given["scale"]
    error = np.abs(y)
    for (w, b), shape, name in zip(
        reference.layer_slices(sizes), pairwise(sizes), (*given["activations"], "identity"), strict=True
    ):
        W, bias = parameters[w].reshape(shape), parameters[b]
        error = (np.abs(y) + error) @ np.abs(W) + np.abs(bias)
        y = getattr(reference, f"{name}_forward")(reference.linear_forward(y, W, bias))
    return [(max(sizes) + 1, error)]


@dataclass(frozen=True)
class Training:
    """What `train_epoch` is called for."""

    n: int
    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    loss: str | tuple[str, float]
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
        name = "momentum" if self.optimizer == "nesterov" else self.optimizer
        slots = tuple(np.zeros_like(parameters) for _ in SLOTS[self.optimizer])
        arguments = {
            "parameters": parameters, "slots": slots, "x": x, "y": y, "order": rng.permutation(self.n),
            "sizes": self.sizes, "activations": self.activations, "loss": self.loss,
            "optimizer": (name, *HYPERPARAMETERS[self.optimizer].values()), "batch_size": self.batch_size,
            "step": self.step, "scale": scale, "clip_norm": self.clip_norm, "clip_value": self.clip_value,
            "l2": self.l2, "dropout": self.dropout, "seed": (1 << 40) + 7, "bias": self.bias,
        }  # fmt: skip
        if self.weighted:
            arguments["sample_weight"] = rng.uniform(0.25, 3.0, self.n)
            arguments["sample_weight"][::5] = 0.0
        return arguments

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


NETWORKS: list[tuple[int, tuple[int, ...], tuple[str, ...], Any]] = [
    (0, (3, 2), (), None), (1, (1, 1), (), None), (13, (3, 2), (), None),
    (1, (20, 33, 10), ("relu",), np.uint8), (7, (5, 7, 3), ("tanh",), None),
    (12, (9, 31, 17, 4), ("sigmoid", "tanh"), None), (300, (6, 8, 5, 33), ("identity", "relu"), None),
    (530, (17, 16, 1), ("relu",), np.uint8),
]  # fmt: skip
REALISTIC_NETWORKS: list[tuple[int, tuple[int, ...], tuple[str, ...], Any]] = [
    (1, (784, 128, 10), ("relu",), None), (256, (784, 128, 10), ("relu",), np.uint8),
]  # fmt: skip
TRAININGS = [
    Training(0, (3, 2), (), "cross_entropy", "sgd", 4),
    Training(1, (1, 1), (), "squared_error", "sgd", 1),
    Training(5, (4, 1), (), "cross_entropy", "momentum", 2),
    Training(11, (5, 7, 3), ("relu",), "cross_entropy", "sgd", 4),
    Training(9, (5, 7, 3), ("tanh",), "binary_cross_entropy", "nesterov", 1),
    Training(17, (5, 33, 17, 2), ("sigmoid", "tanh"), "squared_error", "adam", 5, step=2),
    Training(12, (6, 8, 3), ("identity",), "cross_entropy", "adamw", 4),
    Training(21, (20, 33, 10), ("relu",), "cross_entropy", "adam", 7, np.uint8),
    Training(20, (7, 12, 32), ("relu",), "binary_cross_entropy", "sgd", 13, np.uint8),
    Training(600, (13, 16, 4), ("relu",), "cross_entropy", "momentum", 600),
    Training(540, (9, 40, 2), ("tanh",), "squared_error", "adamw", 517),
    Training(33, (300, 7, 3), ("relu",), "cross_entropy", "momentum", 8),  # few outputs of many inputs, gathered
    Training(21, (256, 10), (), "squared_error", "adamw", 5),  # read where they are
    Training(290, (400, 5, 2), ("tanh",), "binary_cross_entropy", "adam", 270, np.uint8),
    Training(300, (11, 31, 9), ("sigmoid",), "binary_cross_entropy", "adam", 1000, np.uint8),
]
CLIPPED_TRAININGS = [
    Training(13, (5, 33, 17, 2), ("sigmoid", "tanh"), "squared_error", "sgd", 5, clip_norm=0.5),
    Training(11, (70, 7, 3), ("relu",), "cross_entropy", "adam", 4, clip_value=0.01),
    Training(40, (6, 130, 3), ("tanh",), "binary_cross_entropy", "momentum", 16, clip_norm=0.3, clip_value=0.05),
    Training(600, (13, 16, 4), ("relu",), "cross_entropy", "sgd", 600, clip_norm=0.2),  # in blocks
    Training(540, (9, 40, 2), ("tanh",), "squared_error", "adamw", 517, clip_norm=0.3, clip_value=0.1),
    Training(33, (300, 7, 3), ("relu",), "cross_entropy", "sgd", 8, clip_norm=0.5),  # few outputs of many inputs
    Training(21, (256, 10), (), "squared_error", "adam", 5, clip_norm=2.0, clip_value=0.5),
    Training(290, (400, 5, 2), ("tanh",), "cross_entropy", "sgd", 270, np.uint8, clip_norm=0.5, clip_value=0.1),
]
OPTION_TRAININGS = [
    Training(13, (5, 33, 17, 2), ("gelu", "silu"), "squared_error", "sgd", 5, weighted=True, l2=0.3),
    Training(11, (70, 7, 3), ("relu",), ("cross_entropy", 0.2), "adam", 4, dropout=(0.4,)),
    Training(40, (6, 130, 3), ("leaky_relu",), "binary_cross_entropy", "momentum", 16, l2=0.1, dropout=(0.5,)),
    Training(600, (13, 16, 4), ("elu",), "cross_entropy", "sgd", 600, weighted=True, l2=0.5),  # in blocks
    Training(540, (9, 40, 2), ("selu",), ("huber", 0.5), "adamw", 517, weighted=True, dropout=(0.25,)),
    Training(33, (300, 7, 3), ("softplus",), "poisson", "sgd", 8, weighted=True),  # few outputs of many inputs
    Training(21, (256, 10), (), "absolute_error", "adam", 5, weighted=True, l2=2.0),
    Training(
        290, (400, 5, 6, 2), ("silu", "gelu"), ("cross_entropy", 0.1), "nesterov", 270, np.uint8, step=(1 << 33) + 1,
        clip_norm=0.5, weighted=True, l2=0.2, dropout=(0.0, 0.3),
    ),
    Training(21, (20, 33, 10), ("softplus",), "huber", "adam", 7, np.uint8, l2=0.01),
    Training(17, (5, 33, 17, 4), ("elu", "leaky_relu"), "poisson", "adam", 5, dropout=(0.1, 0.6)),
    Training(33, (300, 7, 3), ("sigmoid",), "softmax_squared_error", "sgd", 8, bias=False),
    Training(600, (13, 18, 4), ("sigmoid",), "softmax_squared_error", "adamw", 600, bias=False),  # in blocks
    Training(40, (6, 99, 30), ("relu",), "softmax_squared_error", "adam", 9, weighted=True, clip_norm=0.1, bias=False),
]  # fmt: skip
SPARSE_TRAININGS = [
    Training(60, (70, 33, 3), ("tanh",), "cross_entropy", "adam", 16, filled=0.2),
    Training(300, (130, 18, 4), ("relu",), "squared_error", "sgd", 290, np.uint8, weighted=True, l2=0.1, filled=0.1),
    Training(41, (64, 150, 5, 2), ("elu", "relu"), "cross_entropy", "nesterov", 16, dropout=(0.3, 0.0), filled=0.3),
    Training(20, (33, 12, 3), ("relu",), "cross_entropy", "adamw", 1, clip_norm=0.5, bias=False, filled=0.2),
]
TRAININGS += CLIPPED_TRAININGS + OPTION_TRAININGS + SPARSE_TRAININGS
GRADIENTS = [
    Training(1, (1, 1), (), "squared_error", "sgd", 1),
    Training(11, (5, 7, 3), ("relu",), "cross_entropy", "sgd", 11, l2=0.1),
    Training(13, (5, 33, 17, 2), ("gelu", "silu"), "squared_error", "sgd", 13, weighted=True, l2=0.3),
    Training(40, (70, 7, 3), ("tanh",), "binary_cross_entropy", "sgd", 40, weighted=True),
    Training(600, (13, 16, 4), ("selu",), ("cross_entropy", 0.2), "sgd", 600, np.uint8, l2=0.5),  # in blocks
    Training(33, (300, 7, 3), ("softplus",), "poisson", "sgd", 33, weighted=True),
    Training(21, (256, 10), (), ("huber", 0.5), "sgd", 21, l2=2.0),
    Training(21, (256, 10), (), "softmax_squared_error", "sgd", 21, l2=2.0, bias=False),
]
PREPARED = [
    Training(3, (2, 2), (), "squared_error", "sgd", 2),
    Training(17, (5, 33, 17, 2), ("sigmoid", "tanh"), "squared_error", "adam", 5, step=2),
    Training(40, (6, 130, 3), ("relu",), ("cross_entropy", 0.2), "momentum", 16, weighted=True, l2=0.1, dropout=(0.5,)),
    Training(600, (13, 16, 4), ("relu",), "cross_entropy", "adamw", 600, np.uint8, clip_norm=0.2),  # in blocks
    Training(90, (100, 20, 4), ("tanh",), "cross_entropy", "adam", 20, l2=0.1, filled=0.2),
]
REALISTIC_TRAININGS = [
    Training(128, (784, 128, 10), ("relu",), "cross_entropy", "sgd", 32, np.uint8),
    Training(256, (784, 10, 10), ("relu",), "cross_entropy", "adam", 128),
    Training(256, (784, 128, 10), ("relu",), "cross_entropy", "sgd", 64, filled=0.19),
    Training(
        256, (784, 128, 10), ("gelu",), ("cross_entropy", 0.1), "adamw", 64, weighted=True, l2=0.01, dropout=(0.2,)
    ),
]


def inference_case(
    n: int,
    sizes: tuple[int, ...],
    activations: tuple[str, ...] | None = None,
    x_dtype: Any = None,
    realistic: bool = True,
) -> Case:
    """Return the case of `predict_logits` for n rows; ReLU between the layers if no activations are given."""
    names = activations if activations is not None else ("relu",) * (len(sizes) - 2)
    kind = "pixels" if x_dtype else "floats"
    size = f"{n}x{'-'.join(map(str, sizes))}-{'-'.join(names)}-{kind}"
    return Case(
        "predict_logits", size, partial(_predict, n, sizes, names, x_dtype), _predict_bounds, realistic=realistic
    )


def training_case(training: Training, realistic: bool = True) -> Case:
    """Return the case of `train_epoch`."""
    updates = ("parameters", "slots")
    return Case("train_epoch", str(training), training.make, training.bounds, updates, realistic=realistic)


def gradient_case(training: Training, realistic: bool = False) -> Case:
    """Return the case of `loss_gradient`."""
    make, bounds = training.make_gradient, training.gradient_bounds
    return Case("loss_gradient", str(training), make, bounds, realistic=realistic)


def prepared_case(training: Training, realistic: bool = False) -> Case:
    """Return the case of `prepare_training`, which is worth as much as the epochs that it prepares."""
    make, bounds, then = training.make_prepared, training.prepared_bounds, training.two_epochs
    updates = ("parameters", "slots")
    return Case("prepare_training", str(training), make, bounds, updates, realistic=realistic, then=then)


def network_cases() -> list[Case]:
    """Return all of them."""
    networks = [(one, real) for some, real in ((NETWORKS, False), (REALISTIC_NETWORKS, True)) for one in some]
    trainings = [(one, real) for some, real in ((TRAININGS, False), (REALISTIC_TRAININGS, True)) for one in some]
    return [
        *(inference_case(*one, realistic=real) for one, real in networks),
        *(training_case(one, real) for one, real in trainings),
        *(gradient_case(one) for one in GRADIENTS),
        gradient_case(Training(256, (784, 128, 10), ("relu",), "cross_entropy", "sgd", 256), realistic=True),
        *(prepared_case(one) for one in PREPARED),
        prepared_case(Training(1000, (20, 100, 10), ("relu",), "cross_entropy", "adam", 200, l2=1e-4), realistic=True),
    ]
