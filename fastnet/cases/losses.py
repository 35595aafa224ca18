"""Cases of losses and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fastnet import reference
from fastnet.cases.activations import CLASSES, REALISTIC_CLASSES, scores
from fastnet.cases.case import Arguments, Bound, Case, labelled, normal, positive


def _cross_entropy(
    shape: Sequence[int], labels_dtype: Any, backward: bool, dtype: Any, rng: np.random.Generator
) -> Arguments:
    labels = rng.integers(0, shape[1], shape[0]).astype(labels_dtype)
    labels[3::4] = shape[1] - 1  # not the class that is excluded
    logits = scores(shape, dtype, rng)
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


def loss_cases() -> list[Case]:
    """Return all of them."""
    cases = []
    for i, (size, label, real) in enumerate(labelled(CLASSES, REALISTIC_CLASSES)):
        labels_dtype = (np.int64, np.uint8, np.int32, np.uint64)[i % 4] if size[1] < 256 else np.int64
        for part, first in (("forward", "logits"), ("backward", "probs")):
            make = partial(_cross_entropy, size, labels_dtype, part == "backward")
            name = f"softmax_cross_entropy_{part}"
            cases.append(Case(name, label, make, _cross_entropy_bounds, (), (first,), real))
        for name, first, in_place in (
            ("binary_cross_entropy_forward", "logits", ("logits", "targets")),
            ("binary_cross_entropy_backward", "probs", ("probs", "targets")),
            ("squared_error_forward", "predictions", ()),
            ("squared_error_backward", "predictions", ("predictions", "targets")),
        ):
            make = partial(_outputs, size, first, name.startswith("binary"))
            cases.append(Case(name, label, make, partial(_outputs_bounds, name), (), in_place, real))
    return cases
