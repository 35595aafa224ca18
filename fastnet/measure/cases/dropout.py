"""Cases of dropout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from fastnet.measure.cases.case import EXACT, Arguments, Bound, Case, labelled, normal

SHAPES = [(0, 3), (1, 1), (5, 13), (13, 33), (3, 100)]
REALISTIC_SHAPES = [(128, 128)]
RATES = (0.3, 0.0, 0.5, 0.9, 1 / 3)


def _dropout(name: str, shape: Sequence[int], rate: float, dtype: Any, rng: np.random.Generator) -> Arguments:
    return {name: normal(rng, dtype, *shape), "rate": rate, "key": int(rng.integers(2**31, 2**32))}


def _bounds(_given: Arguments, _expected: list[Any]) -> list[Bound]:
    return [EXACT]


def dropout_cases() -> list[Case]:
    """Return all of them."""
    cases = []
    for i, (size, label, real) in enumerate(labelled(SHAPES, REALISTIC_SHAPES)):
        for operation, name in (("dropout_forward", "x"), ("dropout_backward", "dy")):
            make = partial(_dropout, name, size, RATES[(i + 3) % len(RATES)])
            cases.append(Case(operation, label, make, _bounds, in_place=(name,), realistic=real))
    return cases
