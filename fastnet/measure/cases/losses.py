"""Cases of losses and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fastnet import reference
from fastnet.measure.cases.activations import CLASSES, REALISTIC_CLASSES, scores
from fastnet.measure.cases.case import EXACT, Arguments, Bound, Case, labelled, normal, positive


def _cross_entropy(
    shape: Sequence[int],
    labels_dtype: Any,
    smoothing: float | None,
    backward: bool,
    dtype: Any,
    rng: np.random.Generator,
) -> Arguments:
    labels = rng.integers(0, shape[1], shape[0]).astype(labels_dtype)
    labels[3::4] = shape[1] - 1  # not the class that is excluded
    logits = scores(shape, dtype, rng)
    if smoothing:
        logits = np.maximum(logits, dtype.type(-100))  # an excluded class would make the loss infinite
    rest = {"labels": labels} if smoothing is None else {"labels": labels, "label_smoothing": smoothing}
    return {"probs": reference.softmax_forward(logits), **rest} if backward else {"logits": logits, **rest}


def _cross_entropy_bounds(given: Arguments, expected: list[Any]) -> list[Bound]:
    if "probs" in given:
        return [(1, (given["probs"].astype(np.float64) + 1) / max(len(given["labels"]), 1))]
    return [(given["logits"].shape[1], expected[0] + 1), (given["logits"].shape[1], positive(expected[1])[0])]


def _softmax_squared_error_bounds(given: Arguments, expected: list[Any]) -> list[Bound]:
    if "probs" in given:
        columns = given["probs"].shape[1]
        return [(columns, 4 * given["probs"].astype(np.float64) / max(len(given["labels"]), 1))]
    return [(given["logits"].shape[1], expected[0] + 1), (given["logits"].shape[1], positive(expected[1])[0])]


def _outputs(name: str, first: str, shape: Sequence[int], dtype: Any, rng: np.random.Generator) -> Arguments:
    values, targets = 5 * normal(rng, dtype, *shape), normal(rng, dtype, *shape)
    if name.startswith("binary"):
        targets = rng.uniform(size=shape).astype(dtype)
        targets[::2] = targets[::2] > 0.5
    elif name.startswith("poisson"):
        values, targets = values / 2, rng.poisson(2, shape).astype(dtype)
    if first == "probs":
        values = reference.sigmoid_forward(values)
    settings: Arguments = {"delta": 0.7} if name.startswith("huber") else {}
    if name.startswith("quantile"):
        settings = {"levels": tuple(np.linspace(0.05, 0.9, shape[1]).tolist())}
    return {first: values, "targets": targets, **settings}


def _outputs_bounds(name: str, first: str, given: Arguments, expected: list[Any]) -> list[Bound]:
    values, targets = positive(given[first], given["targets"])
    n, terms = max(len(values), 1), max(values.size, 1)
    if name in ("absolute_error_backward", "huber_backward", "quantile_backward"):
        return [EXACT]
    if name.startswith("poisson"):
        exps = np.exp(given[first].astype(np.float64))
        if name == "poisson_backward":
            return [(1, (exps + targets) / n)]
        return [(terms, (targets * (np.abs(np.log(np.maximum(targets, 1))) + values + 1) + exps).sum() / n)]
    if name == "binary_cross_entropy_forward":
        return [(terms, (values + values * targets + 1).sum() / n), (1, positive(expected[1])[0])]
    if name.endswith("forward"):
        return [(terms, expected[0])]
    return [(1, (values + targets) / n)]


OUTPUTS_LOSSES = (
    ("binary_cross_entropy_forward", "logits", ("logits", "targets")),
    ("binary_cross_entropy_backward", "probs", ("probs", "targets")),
    ("squared_error_forward", "predictions", ()),
    ("squared_error_backward", "predictions", ("predictions", "targets")),
    ("absolute_error_forward", "predictions", ()),
    ("absolute_error_backward", "predictions", ("predictions", "targets")),
    ("quantile_forward", "predictions", ()),
    ("quantile_backward", "predictions", ("predictions", "targets")),
    ("huber_forward", "predictions", ()),
    ("huber_backward", "predictions", ("predictions", "targets")),
    ("poisson_forward", "logits", ()),
    ("poisson_backward", "logits", ("logits", "targets")),
)  # name, first argument, arguments that `out` may be

MOST_LEVELS = 100
"""Quantiles that people ask for at most: checking the levels of more takes longer than the loss."""


def loss_cases() -> list[Case]:
    """Return all of them."""
    cases = []
    for i, (size, label, real) in enumerate(labelled(CLASSES, REALISTIC_CLASSES)):
        labels_dtype = (np.int64, np.uint8, np.int32, np.uint64)[i % 4] if size[1] < 256 else np.int64
        for smoothing in (0.0, 0.2):
            for part, first in (("forward", "logits"), ("backward", "probs")):
                make = partial(_cross_entropy, size, labels_dtype, smoothing, part == "backward")
                text = f"{label}-smoothed" if smoothing else label
                name = f"softmax_cross_entropy_{part}"
                cases.append(Case(name, text, make, _cross_entropy_bounds, (), (first,), real))
        for part, first in (("forward", "logits"), ("backward", "probs")):
            make = partial(_cross_entropy, size, labels_dtype, None, part == "backward")
            name = f"softmax_squared_error_{part}"
            cases.append(Case(name, label, make, _softmax_squared_error_bounds, (), (first,), real))
        for name, first, in_place in OUTPUTS_LOSSES:
            make, bounds = partial(_outputs, name, first, size), partial(_outputs_bounds, name, first)
            is_asked = not name.startswith("quantile") or size[1] <= MOST_LEVELS
            cases.append(Case(name, label, make, bounds, (), in_place, real and is_asked))
    return cases
