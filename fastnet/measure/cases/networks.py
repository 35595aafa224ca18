"""Cases of inference, and the networks and samples that all cases of networks are made from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from fastnet import reference
from fastnet.measure.cases.case import Arguments, Bound, Case, normal


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
    n: int, sizes: Sequence[int], activations: Sequence[str], x_dtype: Any, dtype: Any, rng: np.random.Generator
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


NETWORKS: list[tuple[int, tuple[int, ...], tuple[str, ...], Any]] = [
    (0, (3, 2), (), None), (1, (1, 1), (), None), (13, (3, 2), (), None),
    (1, (20, 33, 10), ("relu",), np.uint8), (7, (5, 7, 3), ("tanh",), None),
    (12, (9, 31, 17, 4), ("sigmoid", "tanh"), None), (300, (6, 8, 5, 33), ("identity", "relu"), None),
    (530, (17, 16, 1), ("relu",), np.uint8),
]  # fmt: skip
REALISTIC_NETWORKS: list[tuple[int, tuple[int, ...], tuple[str, ...], Any]] = [
    (1, (784, 128, 10), ("relu",), None), (256, (784, 128, 10), ("relu",), np.uint8),
    (64, (20, 16, 3), ("relu",), None), (64, (64, 128, 64, 10), ("relu", "relu"), None),
    (64, (784, 128, 10), ("relu",), None), (10_000, (64, 100, 10), ("relu",), None),
]  # fmt: skip


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


def inference_cases() -> list[Case]:
    """Return all of them."""
    networks = [(one, real) for some, real in ((NETWORKS, False), (REALISTIC_NETWORKS, True)) for one in some]
    return [inference_case(*one, realistic=real) for one, real in networks]
