"""One table of cases over every operation, for tests of equivalence and of bits, and for benchmarks.

A case names an operation and a size, makes the arguments from a dtype and a seeded generator, and says how
far two correct implementations may lie apart. Sizes are fixed numbers, so a case is the same on every
machine; they cover the tile edges of all vector widths.

The tolerance of a result is

    ROUNDINGS * sqrt(terms) * eps * magnitude + ROUNDINGS * (smallest subnormal number)

element by element: `terms` is the length of the reduction behind an element, `magnitude` the sum of the
absolute values that were added up for it, which is what roundings are relative to (Higham, "Accuracy and
Stability of Numerical Algorithms", 2002, section 3.1). The errors of a sum grow with the square root of its
length, since roundings go either way (Higham and Mary, "A new approach to probabilistic rounding error
analysis", 2019).
Zero terms ask for equality.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from fastnet import reference
from fastnet._jit import INTERPRETED

DTYPES = (np.float32, np.float64)

ROUNDINGS = 8
"""What one operation may differ by, in units of eps: some three for exp or tanh on either side."""

Arguments = dict[str, Any]
Bound = tuple[int, Any]  # terms, magnitude
EXACT: Bound = (0, 0.0)


@dataclass(frozen=True)
class Case:
    """An operation at one size."""

    operation: str
    size: str
    make: Callable[[Any, np.random.Generator], Arguments]
    bounds: Callable[[Arguments, list[Any]], list[Bound]]  # of the arguments and the expected results
    updates: tuple[str, ...] = ()  # arguments that the operation writes to
    in_place: tuple[str, ...] = ()  # arguments that `out` may be
    realistic: bool = False  # a size that people train at: worth timing

    def __str__(self) -> str:
        return f"{self.operation}-{self.size}"

    def arguments(self, dtype: Any) -> Arguments:
        """Make the arguments, new arrays on every call, of the same values."""
        return self.make(np.dtype(dtype), np.random.default_rng(20240229))


def run(module: ModuleType, case: Case, arguments: Arguments, **more: Any) -> list[Any]:
    """Call the operation of a module; return what it returned and then what it updated."""
    returned = getattr(module, case.operation)(**arguments, **more)
    results = [] if returned is None else list(returned) if isinstance(returned, tuple) else [returned]
    for name in case.updates:
        value = arguments[name]
        results.extend(value if isinstance(value, tuple) else [value])
    return results


def tolerances(case: Case, dtype: Any, expected: list[Any]) -> list[Any]:
    """How far each result may be from the expected one, as arrays or numbers that broadcast with it."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        return [
            ROUNDINGS * (np.sqrt(terms) * float(info.eps) * magnitude + float(info.smallest_subnormal))
            if terms
            else 0.0
            for terms, magnitude in case.bounds(case.arguments(dtype), expected)
        ]


def assert_equivalent(actual: Any, expected: Any, tolerance: Any) -> None:
    """Compare type, shape and dtype, then where NaN and infinities are, then the finite values."""
    same = type(actual) is type(expected)
    assert same or (INTERPRETED and isinstance(actual, type(expected)))  # NumPy's float64 is a float
    assert np.shape(actual) == np.shape(expected)
    assert np.asarray(actual).dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(np.isnan(actual), np.isnan(expected), err_msg="NaN elsewhere")
    different = ~((actual == expected) | np.isnan(expected))
    with np.errstate(all="ignore"):
        error = np.abs(np.float64(actual) - np.float64(expected))
        excess = np.where(different, error - tolerance, 0.0)
    if not (excess <= 0).all():
        worst = np.unravel_index(np.argmax(np.where(np.isnan(excess), np.inf, excess)), np.shape(excess))
        allowed = np.broadcast_to(tolerance, np.shape(expected))[worst]
        raise AssertionError(
            f"{np.count_nonzero(~(excess <= 0))} of {np.size(expected)} differ; at {tuple(map(int, worst))} "
            f"{np.asarray(actual)[worst]} for {np.asarray(expected)[worst]}, tolerance {allowed:.3g}"
        )


# Data


def normal(rng: np.random.Generator, dtype: Any, *shape: int) -> Any:
    return rng.normal(size=shape).astype(dtype)


def positive(*arrays: Any) -> list[Any]:
    """Absolute values in float64, for magnitudes."""
    return [np.abs(array.astype(np.float64)) for array in arrays]


# Products


def _linear_forward(shape: Sequence[int], dtype: Any, rng: np.random.Generator) -> Arguments:
    m, k, n = shape
    return {"x": normal(rng, dtype, m, k), "W": normal(rng, dtype, k, n), "b": normal(rng, dtype, n)}


def _linear_forward_bounds(given: Arguments, _expected: list[Any]) -> list[Bound]:
    x, W, b = positive(given["x"], given["W"], given["b"])
    return [(x.shape[1] + 1, x @ W + b)]


def _linear_backward(shape: Sequence[int], dtype: Any, rng: np.random.Generator) -> Arguments:
    m, k, n = shape
    return {"dz": normal(rng, dtype, m, n), "x": normal(rng, dtype, m, k), "W": normal(rng, dtype, k, n)}


def _linear_relu_backward(shape: Sequence[int], dtype: Any, rng: np.random.Generator) -> Arguments:
    forward = _linear_forward(shape, dtype, rng)
    y = reference.linear_relu_forward(**forward)
    return {"dy": normal(rng, dtype, *y.shape), "y": y, "x": forward["x"], "W": forward["W"]}


def _linear_backward_bounds(given: Arguments, _expected: list[Any]) -> list[Bound]:
    dz, x, W = positive(given["dz" if "dz" in given else "dy"], given["x"], given["W"])
    (m, n), ones = dz.shape, np.ones(len(dz))
    return [(max(n, 1), dz @ W.T), (max(m, 1), x.T @ dz), (max(m, 1), ones @ dz)]


def _matmul_forward(shapes: Sequence[Sequence[int]], dtype: Any, rng: np.random.Generator) -> Arguments:
    return {"a": normal(rng, dtype, *shapes[0]), "b": normal(rng, dtype, *shapes[1])}


def _matmul_forward_bounds(given: Arguments, _expected: list[Any]) -> list[Bound]:
    a, b = positive(given["a"], given["b"])
    return [(max(a.shape[-1], 1), a @ b)]


def _matmul_backward(shapes: Sequence[Sequence[int]], dtype: Any, rng: np.random.Generator) -> Arguments:
    operands = _matmul_forward(shapes, dtype, rng)
    return {"dc": normal(rng, dtype, *np.matmul(operands["a"], operands["b"]).shape), **operands}


def _matmul_backward_bounds(given: Arguments, _expected: list[Any]) -> list[Bound]:
    dc, a, b = positive(given["dc"], given["a"], given["b"])
    da, db = reference.matmul_backward(dc, a, b)
    # every element of dc meets an element of a result as often as the result has a share in them
    return [
        (max(dc.size * a.shape[-1] // max(a.size, 1), 1), da),
        (max(dc.size * b.shape[-2] // max(b.size, 1), 1), db),
    ]


# Activations and losses


def _elementwise_inputs(size: Any, dtype: Any, rng: np.random.Generator) -> Any:
    if size == "extremes":
        values = [0.0, 1e-30, 1e-3, 0.5, 9.0, 17.0, 40.0, 88.0, 103.0, 1e4, 1e30, np.inf]
        return np.array([*values, *(-value for value in values), np.nan], dtype)
    return np.asarray(4 * normal(rng, dtype, *size))


def _scores(shape: Sequence[int], dtype: Any, rng: np.random.Generator) -> Any:
    """Rows on different scales, one in four of them with an excluded first class, and one of equal scores."""
    x = normal(rng, dtype, *shape)
    x *= np.resize(np.array([1, 1e-3, 1e4, 30], dtype), shape[0])[:, None]
    if shape[1] > 2:
        x[3::4, 0] = -np.inf
        x[1:2] = 7
    return x


def _activation_forward(inputs: Any, shape: Any, dtype: Any, rng: np.random.Generator) -> Arguments:
    return {"x": inputs(shape, dtype, rng)}


def _activation_backward(name: str, inputs: Any, shape: Any, dtype: Any, rng: np.random.Generator) -> Arguments:
    y = getattr(reference, f"{name}_forward")(inputs(shape, dtype, rng))
    return {"dy": normal(rng, dtype, *y.shape), "y": y}


def _activation_bounds(name: str, given: Arguments, expected: list[Any]) -> list[Bound]:
    (size,) = positive(expected[0])
    if name.startswith(("relu", "identity")):
        return [EXACT]
    if name in ("sigmoid_forward", "tanh_forward", "sigmoid_backward"):
        return [(1, size)]
    n_classes = given["y" if "y" in given else "x"].shape[-1:] or (1,)
    if name == "softmax_forward":
        return [(n_classes[0], size)]
    if name == "log_softmax_forward":
        return [(n_classes[0], size + 1)]  # the sum's relative error is the absolute one of its logarithm
    dy, y = positive(given["dy"], given["y"])
    if name == "tanh_backward":
        return [(1, dy * (1 + y * y))]
    if name == "softmax_backward":
        return [(n_classes[0], y * (dy + (dy * y).sum(axis=1, keepdims=True)))]
    probs = np.where(y < np.inf, np.exp(-y) * (1 + y), 0)
    return [(n_classes[0], dy + probs * dy.sum(axis=1, keepdims=True))]


def _cross_entropy(
    shape: Sequence[int], labels_dtype: Any, backward: bool, dtype: Any, rng: np.random.Generator
) -> Arguments:
    labels = rng.integers(0, shape[1], shape[0]).astype(labels_dtype)
    labels[3::4] = shape[1] - 1  # not the class that is excluded
    logits = _scores(shape, dtype, rng)
    if not backward:
        return {"logits": logits, "labels": labels}
    return {"probs": reference.softmax_forward(logits), "labels": labels}


def _cross_entropy_bounds(given: Arguments, expected: list[Any]) -> list[Bound]:
    if "probs" in given:
        return [(1, (given["probs"].astype(np.float64) + 1) / max(len(given["labels"]), 1))]
    return [(given["logits"].shape[1], expected[0] + 1), (given["logits"].shape[1], positive(expected[1])[0])]


def _outputs(shape: Sequence[int], first: str, binary: bool, dtype: Any, rng: np.random.Generator) -> Arguments:
    values = 5 * normal(rng, dtype, *shape)
    targets = rng.uniform(size=shape).astype(dtype)
    targets[::2] = targets[::2] > 0.5
    if first == "probs":
        values = reference.sigmoid_forward(values)
    return {first: values, "targets": targets if binary else normal(rng, dtype, *shape)}


def _outputs_bounds(name: str, given: Arguments, expected: list[Any]) -> list[Bound]:
    values, targets = positive(*given.values())
    n = max(len(values), 1)
    if name == "squared_error_forward":
        return [(max(values.size, 1), expected[0])]
    if name == "binary_cross_entropy_forward":
        return [
            (max(values.size, 1), (values + values * targets + 1).sum() / n),
            (1, positive(expected[1])[0]),
        ]
    return [(1, (values + targets) / n)]


# Optimizers

HYPERPARAMETERS = {
    "sgd": {"lr": 0.1},
    "momentum": {"lr": 0.1, "momentum": 0.9, "nesterov": False},
    "nesterov": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    "adam": {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3},
    "adamw": {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.1},
}
SLOTS = {"sgd": (), "momentum": ("v",), "nesterov": ("v",), "adam": ("m", "v"), "adamw": ("m", "v")}
STEP = 3


def _optimizer_step(name: str, n: int, dtype: Any, rng: np.random.Generator) -> Arguments:
    given = {argument: normal(rng, dtype, n) for argument in ("p", "g", *SLOTS[name])}
    if name in ("adam", "adamw"):
        given["v"] *= given["v"]
        return {**given, **HYPERPARAMETERS[name], "t": STEP}
    return {**given, **HYPERPARAMETERS[name]}


def _optimizer_bounds(name: str, given: Arguments, _expected: list[Any]) -> list[Bound]:
    p, g, *slots = positive(given["p"], given["g"], *(given[slot] for slot in SLOTS[name]))
    lr = given["lr"]
    if name == "sgd":
        return [(1, p + lr * g)]
    if name in ("momentum", "nesterov"):
        v = given["momentum"] * slots[0] + lr * g
        return [(1, p + v + lr * g), (1, v)]
    beta1, beta2 = given["beta1"], given["beta2"]
    m, v = beta1 * slots[0] + (1 - beta1) * g, beta2 * slots[1] + (1 - beta2) * g * g
    # 1 - beta**t loses to cancellation: its error is that of 1, relative to what is left
    moved = lr * m / (np.sqrt(v) + given["eps"]) / (1 - beta1**STEP) / (1 - beta2**STEP)
    return [(1, p + moved), (1, m), (1, v)]


# Networks


def network(sizes: Sequence[int], dtype: Any, rng: np.random.Generator) -> Any:
    """Parameters that keep the scale of activations from layer to layer."""
    layers = [(normal(rng, dtype, a, b) / dtype.type(a) ** 0.5, normal(rng, dtype, b)) for a, b in pairwise(sizes)]
    return np.concatenate([part.ravel() for layer in layers for part in layer]).astype(dtype)


def samples(n: int, n_in: int, x_dtype: Any, dtype: Any, rng: np.random.Generator) -> tuple[Any, float]:
    """Inputs, and the factor on them: pixels, a third of them zero, or numbers as they are."""
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
    loss: str
    optimizer: str
    batch_size: int
    x_dtype: Any = None  # uint8, or None for the parameters'
    step: int = 0

    def __str__(self) -> str:
        net = "-".join(map(str, self.sizes))
        kind = "pixels" if self.x_dtype else "floats"
        parts = (f"{self.n}x{net}", *self.activations, self.loss, self.optimizer, f"{self.batch_size}")
        return "-".join((*parts, kind))

    def make(self, dtype: Any, rng: np.random.Generator) -> Arguments:
        x, scale = samples(self.n, self.sizes[0], self.x_dtype, dtype, rng)
        n_out = self.sizes[-1]
        if self.loss == "cross_entropy":
            y = rng.integers(0, n_out, self.n)
        elif self.loss == "binary_cross_entropy":
            y = rng.integers(0, 2, (self.n, n_out)).astype(dtype)
        else:
            y = normal(rng, dtype, self.n, n_out)
        parameters = network(self.sizes, dtype, rng)
        name = "momentum" if self.optimizer == "nesterov" else self.optimizer
        slots = tuple(np.zeros_like(parameters) for _ in SLOTS[self.optimizer])
        return {
            "parameters": parameters, "slots": slots, "x": x, "y": y, "order": rng.permutation(self.n),
            "sizes": self.sizes, "activations": self.activations, "loss": self.loss,
            "optimizer": (name, *HYPERPARAMETERS[self.optimizer].values()), "batch_size": self.batch_size,
            "step": self.step, "scale": scale,
        }  # fmt: skip

    def bounds(self, _given: Arguments, expected: list[Any]) -> list[Bound]:
        """Every step adds the errors of its longest sum, relative to the largest value of a vector."""
        n_steps = -(-self.n // self.batch_size)
        terms = max(n_steps, 1) ** 2 * max(*self.sizes, min(self.batch_size, max(self.n, 1)))
        loss_sum, _, *vectors = expected
        largest = [np.abs(vector.astype(np.float64)).max(initial=0.0) for vector in vectors]
        return [(terms, loss_sum + self.n), EXACT, *((terms, value) for value in largest)]


# The table

EDGES = [
    (rows + by, width - by, width + by)
    for width, rows in ((4, 4), (8, 4), (16, 4), (16, 8), (32, 8), (2, 4))
    for by in (-1, 0, 1)
]
"""Rows, inputs and outputs around the tiles of all vector widths: 4 or 8 rows, 2 to 32 columns."""

LAYERS = [(0, 3, 4), (1, 1, 1), (5, 0, 3), (3, 4, 0), (1, 37, 1), (13, 1100, 35), (70, 5, 3), *EDGES]
REALISTIC_LAYERS = [(32, 128, 10), (128, 784, 128), (128, 784, 10)]
STACKS = [
    ((0, 3, 4), (0, 4, 5)), ((3, 4), (4, 5)), ((7, 2, 3), (3, 4)), ((2, 3), (7, 3, 4)),
    ((2, 1, 13, 9), (3, 9, 17)), ((1, 5, 2), (3, 2, 1)), ((2, 3, 0), (2, 0, 4)),
    ((3, 12, 1100), (3, 1100, 32)), ((2, 6, 32), (2, 32, 33)),
]  # fmt: skip
REALISTIC_STACKS = [((16, 64, 64), (16, 64, 64)), ((8, 128, 64), (64, 64))]
ELEMENTWISE: list[Any] = [(0, 3), (), (1, 1), (7,), (5, 13), (2, 3, 5), "extremes"]
REALISTIC_ELEMENTWISE = [(128, 128)]
CLASSES = [(0, 3), (1, 1), (5, 1), (1, 9), (7, 10), (12, 33)]
REALISTIC_CLASSES = [(128, 10), (32, 1000)]
VECTORS = [0, 1, 31, 33]
REALISTIC_VECTORS = [101_770]
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
REALISTIC_TRAININGS = [
    Training(128, (784, 128, 10), ("relu",), "cross_entropy", "sgd", 32, np.uint8),
    Training(256, (784, 10, 10), ("relu",), "cross_entropy", "adam", 128),
]


def _sizes(small: list[Any], realistic: list[Any]) -> list[tuple[Any, str, bool]]:
    def label(size: Any) -> str:
        if isinstance(size, tuple):
            apart = " @ " if size and isinstance(size[0], tuple) else "x"
            return apart.join(map(label, size)) or "scalar"
        return str(size)

    return [(size, label(size), real) for sizes, real in ((small, False), (realistic, True)) for size in sizes]


def _products() -> list[Case]:
    makers = {
        "linear_forward": (_linear_forward, _linear_forward_bounds),
        "linear_relu_forward": (_linear_forward, _linear_forward_bounds),
        "linear_backward": (_linear_backward, _linear_backward_bounds),
        "linear_relu_backward": (_linear_relu_backward, _linear_backward_bounds),
        "matmul_forward": (_matmul_forward, _matmul_forward_bounds),
        "matmul_backward": (_matmul_backward, _matmul_backward_bounds),
    }
    layers, stacks = _sizes(LAYERS, REALISTIC_LAYERS), _sizes(STACKS, REALISTIC_STACKS)
    return [
        Case(name, label, partial(make, size), bounds, realistic=real)
        for name, (make, bounds) in makers.items()
        for size, label, real in (stacks if name.startswith("matmul") else layers)
    ]


def _activations() -> list[Case]:
    elementwise, classes = _sizes(ELEMENTWISE, REALISTIC_ELEMENTWISE), _sizes(CLASSES, REALISTIC_CLASSES)
    cases = []
    for name in ("relu", "sigmoid", "tanh", "identity", "softmax", "log_softmax"):
        rows = name.endswith("softmax")
        inputs: Any = _scores if rows else _elementwise_inputs
        for size, label, real in classes if rows else elementwise:
            forward = partial(_activation_forward, inputs, size)
            backward = partial(_activation_backward, name, inputs, size)
            for part, make, in_place in (("forward", forward, ("x",)), ("backward", backward, ("dy", "y"))):
                operation = f"{name}_{part}"
                bounds = partial(_activation_bounds, operation)
                cases.append(Case(operation, label, make, bounds, in_place=in_place, realistic=real))
    return cases


def _losses() -> list[Case]:
    cases = []
    for i, (size, label, real) in enumerate(_sizes(CLASSES, REALISTIC_CLASSES)):
        labels_dtype = (np.int64, np.uint8, np.int32, np.uint64)[i % 4] if size[1] < 256 else np.int64
        for part, scores in (("forward", "logits"), ("backward", "probs")):
            make = partial(_cross_entropy, size, labels_dtype, part == "backward")
            name = f"softmax_cross_entropy_{part}"
            cases.append(Case(name, label, make, _cross_entropy_bounds, (), (scores,), real))
        for name, first, in_place in (
            ("binary_cross_entropy_forward", "logits", ("logits", "targets")),
            ("binary_cross_entropy_backward", "probs", ("probs", "targets")),
            ("squared_error_forward", "predictions", ()),
            ("squared_error_backward", "predictions", ("predictions", "targets")),
        ):
            make = partial(_outputs, size, first, name.startswith("binary"))
            cases.append(Case(name, label, make, partial(_outputs_bounds, name), (), in_place, real))
    return cases


def _optimizers() -> list[Case]:
    cases = []
    for name, slots in SLOTS.items():
        for n, label, real in _sizes(VECTORS, REALISTIC_VECTORS):
            make, bounds = partial(_optimizer_step, name, n), partial(_optimizer_bounds, name)
            operation = "momentum_step" if name == "nesterov" else f"{name}_step"
            size = f"{label} nesterov" if name == "nesterov" else label
            cases.append(Case(operation, size, make, bounds, ("p", *slots), realistic=real))
    return cases


def _networks() -> list[Case]:
    cases = []
    for one, _, real in _sizes(NETWORKS, REALISTIC_NETWORKS):
        n, sizes, activations, x_dtype = one
        kind = "pixels" if x_dtype else "floats"
        size = f"{n}x{'-'.join(map(str, sizes))}-{'-'.join(activations)}-{kind}"
        cases.append(Case("predict_logits", size, partial(_predict, *one), _predict_bounds, realistic=real))
    for training, label, real in _sizes(TRAININGS, REALISTIC_TRAININGS):
        updates = ("parameters", "slots")
        cases.append(Case("train_epoch", label, training.make, training.bounds, updates, realistic=real))
    return cases


CASES = [*_products(), *_activations(), *_losses(), *_optimizers(), *_networks()]
