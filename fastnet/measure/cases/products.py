"""Cases of linear layers and stacked products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fastnet import reference
from fastnet.measure.cases.case import Arguments, Bound, Case, labelled, normal, positive

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


def product_cases() -> list[Case]:
    """Return all of them."""
    makers: dict[str, tuple[Any, Any]] = {
        "linear_forward": (_linear_forward, _linear_forward_bounds),
        "linear_relu_forward": (_linear_forward, _linear_forward_bounds),
        "linear_backward": (_linear_backward, _linear_backward_bounds),
        "linear_relu_backward": (_linear_relu_backward, _linear_backward_bounds),
        "matmul_forward": (_matmul_forward, _matmul_forward_bounds),
        "matmul_backward": (_matmul_backward, _matmul_backward_bounds),
    }
    layers, stacks = labelled(LAYERS, REALISTIC_LAYERS), labelled(STACKS, REALISTIC_STACKS)
    return [
        Case(name, label, partial(make, size), bounds, realistic=real)
        for name, (make, bounds) in makers.items()
        for size, label, real in (stacks if name.startswith("matmul") else layers)
    ]
