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

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

DTYPES = (np.float32, np.float64)

ROUNDINGS = 8
"""What one operation may differ by, in units of eps: some three for exp or tanh on either side."""

REPRESENTATIVE = {
    "13x1100x35", "2x1x13x9 @ 3x9x17", "5x13", "12x33", "12x33-smoothed", "33", "33 nesterov",
    "1x20-33-10-relu-pixels", "12x9-31-17-4-sigmoid-tanh-floats",
    "21x20-33-10-relu-cross_entropy-adam-7-pixels", "21x256-10-absolute_error-adam-5-floats-weighted-l2 2.0",
    "41x64-150-5-2-elu-relu-cross_entropy-nesterov-16-floats-dropout 0.3 0.0-0.3 filled",
    "17x5-33-17-4-elu-leaky_relu-poisson-adam-5-floats-dropout 0.1 0.6",
    "40x70-7-3-tanh-binary_cross_entropy-sgd-40-floats-weighted",
    "17x5-33-17-2-sigmoid-tanh-squared_error-adam-5-floats",
}  # fmt: skip
"""Sizes that stand for the others of an operation in what does not depend on them: most have edges of tiles."""

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
    exhaustive: bool = False  # pairs what other cases hold one by one: left to the exhaustive tests
    then: Callable[[Any], Any] = lambda returned: returned  # what is done with what the operation returns

    def __str__(self) -> str:
        return f"{self.operation}-{self.size}"

    @property
    def representative(self) -> bool:
        """Whether it stands for the operation's other cases where all are treated alike: layouts, `out`, NaN."""
        return self.size in REPRESENTATIVE

    def arguments(self, dtype: Any) -> Arguments:
        """Make the arguments, new arrays on every call, of the same values."""
        return self.make(np.dtype(dtype), np.random.default_rng(20240229))


def run(module: ModuleType, case: Case, arguments: Arguments, **more: Any) -> list[Any]:
    """Call the operation of a module; return what it returned and then what it updated."""
    returned = case.then(getattr(module, case.operation)(**arguments, **more))
    results = [] if returned is None else list(returned) if isinstance(returned, tuple) else [returned]
    for name in case.updates:
        value = arguments[name]
        results.extend(value if isinstance(value, tuple) else [value])
    return results


def tolerances(case: Case, dtype: Any, expected: list[Any]) -> list[Any]:
    """Return how far each result may be from the expected one, as arrays or numbers that broadcast with it."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        return [
            ROUNDINGS * (np.sqrt(terms) * float(info.eps) * magnitude + float(info.smallest_subnormal))
            if terms
            else 0.0
            for terms, magnitude in case.bounds(case.arguments(dtype), expected)
        ]


def difference(actual: Any, expected: Any, tolerance: Any) -> str | None:
    """Compare type, shape and dtype, then where NaN and infinities are, then the finite values; None if all agree."""
    if type(actual) is not type(expected):
        return f"a {type(actual).__name__}, expected a {type(expected).__name__}"  # NumPy's float64 is a float
    for name, one, wanted in (
        ("shape", np.shape(actual), np.shape(expected)),
        ("dtype", np.asarray(actual).dtype, np.asarray(expected).dtype),
    ):
        if one != wanted:
            return f"{name} {one}, expected {wanted}"
    with np.errstate(all="ignore"):
        error = np.abs(np.float64(actual) - np.float64(expected))
        agree = (actual == expected) | (np.isnan(actual) & np.isnan(expected)) | (error <= tolerance)
    if np.all(agree):
        return None
    worst = np.unravel_index(np.argmax(np.where(agree, -1.0, np.nan_to_num(error, nan=np.inf))), np.shape(expected))
    allowed = np.broadcast_to(tolerance, np.shape(expected))[worst]
    return (
        f"{np.count_nonzero(~agree)} of {np.size(expected)} differ; at {tuple(map(int, worst))} "
        f"{np.asarray(actual)[worst]} for {np.asarray(expected)[worst]}, tolerance {allowed:.3g}"
    )


def compare_results(case: Case, dtype: Any, actual: list[Any], expected: list[Any]) -> str | None:
    """Say what differs between the results of two implementations; None if they agree to rounding."""
    if len(actual) != len(expected):
        return f"{len(actual)} results, expected {len(expected)}"
    for i, one in enumerate(zip(actual, expected, tolerances(case, dtype, expected), strict=True)):
        reason = difference(*one)
        if reason is not None:
            return f"result {i}: {reason}"
    return None


def normal(rng: np.random.Generator, dtype: Any, *shape: int) -> Any:
    """Draw numbers of the normal distribution."""
    return rng.normal(size=shape).astype(dtype)


def positive(*arrays: Any) -> list[Any]:
    """Absolute values in float64, for magnitudes."""
    return [np.abs(array.astype(np.float64)) for array in arrays]


def label_of(size: Any) -> str:
    """Write a size: a shape, shapes of operands, or what it says of itself."""
    if isinstance(size, tuple):
        apart = " @ " if size and isinstance(size[0], tuple) else "x"
        return apart.join(map(label_of, size)) or "scalar"
    return str(size)


def labelled(small: Sequence[Any], realistic: Sequence[Any]) -> list[tuple[Any, str, bool]]:
    """Return every size with its label, and whether it is a realistic one."""
    return [(size, label_of(size), real) for sizes, real in ((small, False), (realistic, True)) for size in sizes]
