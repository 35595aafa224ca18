"""Cases of activations and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fastnet import reference
from fastnet.measure.cases.case import EXACT, Arguments, Bound, Case, labelled, normal, positive
from fastnet.reference.gated import GELU_CUBIC, GELU_END, GELU_FACTOR, SILU_END
from fastnet.validation.activations import ACTIVATIONS, FROM_INPUT

NAMES = (*ACTIVATIONS, "softmax", "log_softmax")
GATED = ("gelu", "silu")
"""Activations x * sigmoid(v(x))."""

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
    x = inputs(shape, dtype, rng)
    if name in FROM_INPUT:
        return {"dy": np.asarray(normal(rng, dtype, *x.shape)), "x": x}
    y = getattr(reference, f"{name}_forward")(x)
    return {"dy": normal(rng, dtype, *y.shape), "y": y}


def _gated_size(name: str, given: Arguments, size: Any) -> Any:
    """Return what roundings are relative to.

    A rounding of v is one of the sigmoid times |v| times its complement; numbers below `tiny` have fewer digits.
    """
    x, tiny = given["x"].astype(np.float64), float(np.finfo(given["x"].dtype).tiny)
    v = near = np.clip(x, -SILU_END, SILU_END)
    slope: Any = 1.0
    if name.startswith("gelu"):
        near = np.clip(x, -GELU_END, GELU_END)
        v = GELU_FACTOR * near * (1 + GELU_CUBIC * near**2)
        slope = GELU_FACTOR * (1 + 3 * GELU_CUBIC * near**2)
    s, rest = (reference.sigmoid_forward(np.asarray(one)) for one in (v, -v))
    own, others = 1 + np.abs(v) * rest, 1 + np.abs(v) * s
    if name.endswith("forward"):
        return np.where(size < np.inf, size * own, 0) + np.abs(near) * tiny
    inner = np.abs(near) * rest * slope
    return np.abs(given["dy"].astype(np.float64)) * (s * (own + inner * (own + others)) + (1 + inner) * tiny)


def _activation_bounds(name: str, given: Arguments, expected: list[Any]) -> list[Bound]:
    (size,) = positive(expected[0])
    if name.startswith(("relu", "leaky_relu", "identity")) or name in ("elu_backward", "selu_backward"):
        return [EXACT]
    if name.startswith(GATED):
        return [(4, _gated_size(name, given, size))]
    if name.startswith(FROM_INPUT):
        slope = 0.0 if name.endswith("forward") else np.abs(given["dy"])  # which goes through zero
        return [(8, np.where(size < np.inf, size, 0) + np.where(slope < np.inf, slope, 0))]
    if name.startswith(("elu", "selu", "softplus", "sigmoid")) or name == "tanh_forward":
        return [(1, np.where(size < np.inf, size, 0))]
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
    for name in NAMES:
        rows = name.endswith("softmax")
        inputs: Any = scores if rows else _elementwise_inputs
        for size, label, real in classes if rows else elementwise:
            forward = partial(_activation_forward, inputs, size)
            backward = partial(_activation_backward, name, inputs, size)
            for part, make, in_place in (
                ("forward", forward, ("x",)),
                ("backward", backward, ("dy", "x" if name in FROM_INPUT else "y")),
            ):
                operation = f"{name}_{part}"
                bounds = partial(_activation_bounds, operation)
                cases.append(Case(operation, label, make, bounds, in_place=in_place, realistic=real))
    return cases
