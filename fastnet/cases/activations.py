"""Cases of activations and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fastnet import reference
from fastnet.cases.case import EXACT, Arguments, Bound, Case, labelled, normal, positive

ELEMENTWISE: list[Any] = [(0, 3), (), (1, 1), (7,), (5, 13), (2, 3, 5), "extremes"]
REALISTIC_ELEMENTWISE = [(128, 128)]
CLASSES = [(0, 3), (1, 1), (5, 1), (1, 9), (7, 10), (12, 33)]
REALISTIC_CLASSES = [(128, 10), (32, 1000)]


def _elementwise_inputs(size: Any, dtype: Any, rng: np.random.Generator) -> Any:
    if size == "extremes":
        values = [0.0, 1e-30, 1e-3, 0.5, 9.0, 17.0, 40.0, 88.0, 103.0, 1e4, 1e30, np.inf]
        return np.array([*values, *(-value for value in values), np.nan], dtype)
    return np.asarray(4 * normal(rng, dtype, *size))


def scores(shape: Sequence[int], dtype: Any, rng: np.random.Generator) -> Any:
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


def activation_cases() -> list[Case]:
    """Return all of them."""
    elementwise, classes = labelled(ELEMENTWISE, REALISTIC_ELEMENTWISE), labelled(CLASSES, REALISTIC_CLASSES)
    cases = []
    for name in ("relu", "sigmoid", "tanh", "identity", "softmax", "log_softmax"):
        rows = name.endswith("softmax")
        inputs: Any = scores if rows else _elementwise_inputs
        for size, label, real in classes if rows else elementwise:
            forward = partial(_activation_forward, inputs, size)
            backward = partial(_activation_backward, name, inputs, size)
            for part, make, in_place in (("forward", forward, ("x",)), ("backward", backward, ("dy", "y"))):
                operation = f"{name}_{part}"
                bounds = partial(_activation_bounds, operation)
                cases.append(Case(operation, label, make, bounds, in_place=in_place, realistic=real))
    return cases
