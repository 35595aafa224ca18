"""Weights of classes, as factors on the weights of their samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.class_weight import compute_class_weight

Array = npt.NDArray[Any]
Weights = npt.NDArray[np.float64]


def weigh_classes(class_weight: Any, classes: Array, targets: Array, weights: Weights | None) -> Weights:
    """Return weights of samples, times those of their classes.

    `targets` are indices of classes (n_samples,), or a column of 0 and 1 for each output.
    """
    balanced = not isinstance(class_weight, Mapping)
    factors = _balanced(targets, weights) if balanced else _given(class_weight, classes, targets)
    product = factors if weights is None else factors * weights
    if not product.any():
        raise ValueError(
            f"class_weight and sample_weight must leave some sample a weight, got class_weight={class_weight!r}, with "
            "which all are 0"
        )
    return product


def _balanced(targets: Array, weights: Weights | None) -> Weights:
    """Give the classes equal weight in all; of several outputs, to the two values of each.

    A sample's own weight counts as so many samples. Source: King and Zeng, "Logistic regression in rare events data",
    Political Analysis 9, 2001, section 4.2.
    """
    factors = np.ones(len(targets))
    for codes in targets.reshape(len(targets), -1).astype(np.intp).T:
        counts = np.bincount(codes, weights)
        present = counts > 0
        each = np.divide(counts.sum() / present.sum(), counts, out=np.zeros(len(counts)), where=present)
        factors *= each[codes]
    return factors


def _given(class_weight: Mapping[Any, Any], classes: Array, targets: Array) -> Weights:
    for label, weight in class_weight.items():
        if not isinstance(weight, Real) or not 0 <= float(weight) < math.inf:
            raise ValueError(f"class_weight must hold finite numbers from 0 on, got {weight!r} for class {label!r}")
    if targets.ndim == 2 and targets.shape[1] > 1:
        raise ValueError("class_weight must be 'balanced' or None where y is an indicator matrix, got a dict")
    each: Weights = compute_class_weight(class_weight, classes=classes, y=classes)
    return each[targets.reshape(-1).astype(np.intp)]
