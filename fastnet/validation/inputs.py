"""What users hand to a trainer, checked once and brought to the kind of array that backends take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.validation.training import LABELLED

CHECKED_ROWS = 1 << 20
"""Elements searched at a time for what is not finite: the search needs no array as large as the data."""


def parse_sizes(name: str, text: str) -> tuple[int, ...]:
    """Read layer sizes, such as "784-128-10"."""
    parts = text.strip().split("-")
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise ValueError(f"{name} must be layer sizes such as 784-128-10, got {text!r}")
    return tuple(map(int, parts))


def require_finite(name: str, values: npt.NDArray[Any]) -> None:
    """Reject NaN and infinity, naming the first one's place."""
    if values.dtype.kind != "f":
        return
    step = max(1, CHECKED_ROWS // max(values.shape[1], 1))
    for start in range(0, len(values), step):
        finite = np.isfinite(values[start : start + step])
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            value = values[start + row, column]
            raise ValueError(f"{name} must be finite, got {value} in row {start + row}, column {column}")


def require_finite_outputs(outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return what a network gives for finite inputs, unless numbers on the way became too large for its dtype."""
    if not np.isfinite(outputs).all():
        raise ValueError(
            f"X must not be so large that the network's outputs overflow: they are infinite or NaN in {outputs.dtype}"
        )
    return outputs


def require_weights_within(name: str, weights: npt.NDArray[np.float64] | None, dtype: Any) -> None:
    """Reject weights of samples that a dtype takes for 0, or the sum of which it takes for infinity."""
    if weights is None:
        return
    with np.errstate(over="ignore"):
        least, most, limits = weights[weights > 0].min(), weights.sum(), np.finfo(dtype)
    if least < limits.tiny or most > limits.max:
        raise ValueError(f"{name} must lie within the range of {limits.dtype}, got {least} at least, {most} in all")


def _numeric(name: str, values: Any) -> npt.NDArray[Any]:
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if array.dtype.kind not in "buif":
        raise TypeError(f"{name} must be an array of numbers, got {array.dtype}")
    return array


def to_dtype(name: str, values: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
    """Return finite numbers as a C-contiguous array of the dtype; ValueError if they lie beyond its range."""
    with np.errstate(over="ignore"):  # which is an error here, whatever NumPy makes of it
        kept = np.ascontiguousarray(values, dtype=dtype)
    if values.dtype.kind != "f" or values.dtype.itemsize <= kept.itemsize:
        return kept
    step = max(1, CHECKED_ROWS // max(math.prod(kept.shape[1:]), 1))
    for start in range(0, len(kept), step):
        beyond = np.isinf(kept[start : start + step])
        if beyond.any():
            value = values[start : start + step][beyond][0]
            raise ValueError(f"{name} must lie within the range of {kept.dtype}, got {value!s}")
    return kept


def features(name: str, values: Any, n_features: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return a C-contiguous array (n_samples, n_features) of `dtype`, or of uint8 where that came."""
    array = _numeric(name, values)
    if array.ndim != 2 or array.shape[1] != n_features:
        raise ValueError(f"{name} must have shape (n_samples, {n_features}), got {array.shape}")
    require_finite(name, array)
    return np.ascontiguousarray(array) if array.dtype == np.uint8 else to_dtype(name, array, dtype)


def labels(name: str, values: Any, n_samples: int, n_classes: int) -> npt.NDArray[np.int32]:
    """Return class labels (n_samples,) as int32."""
    array = _numeric(name, values)
    if array.shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},), one label a sample, got {array.shape}")
    if array.dtype.kind == "f" and not np.array_equal(array, np.floor(array)):
        raise ValueError(f"{name} must be integer labels from 0, got {array.dtype} values that are not whole")
    if array.size and (array.min() < 0 or array.max() >= n_classes):
        got = f"{array.min()} to {array.max()}"
        raise ValueError(f"{name} must be integer labels from 0 to {n_classes - 1}, got values from {got}")
    return array.astype(np.int32)


def weights(name: str, values: Any, n_samples: int) -> npt.NDArray[np.float64]:
    """Return weights of samples (n_samples,) as float64: finite, not negative, and not all zero."""
    array = np.ascontiguousarray(_numeric(name, values), np.float64)
    if array.shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},), got {array.shape}")
    if not (np.isfinite(array).all() and array.min() >= 0 and array.any()):
        raise ValueError(f"{name} must be finite and not negative, and some of them positive, got others")
    return array


def targets(
    name: str, values: Any, n_samples: int, n_outputs: int, dtype: np.dtype[Any], probabilities: bool
) -> npt.NDArray[Any]:
    """Return targets (n_samples, n_outputs) of `dtype`; for one output (n_samples,) will do."""
    array = _numeric(name, values)
    if array.ndim == 1 and n_outputs == 1:
        array = array[:, None]
    if array.shape != (n_samples, n_outputs):
        raise ValueError(f"{name} must have shape ({n_samples}, {n_outputs}), got {array.shape}")
    require_finite(name, array)
    if probabilities and array.size and (array.min() < 0 or array.max() > 1):
        raise ValueError(f"{name} must lie in [0, 1], got values from {array.min()} to {array.max()}")
    return to_dtype(name, array, dtype)


def not_negative(name: str, values: npt.NDArray[Any], loss: str) -> None:
    """Reject counts below zero, of which the Poisson loss knows nothing."""
    if loss == "poisson" and values.size and values.min() < 0:
        raise ValueError(f"{name} must not be negative for the poisson loss, got {values.min()}")


def supervised(
    sizes: Sequence[int], dtype: np.dtype[Any], loss: str, X: Any, y: Any, prefix: str = ""
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return inputs and labels or targets as kernels take them; `prefix` stands before their names in errors."""
    x = features(f"{prefix}X", X, sizes[0], dtype)
    if loss in LABELLED:
        return x, labels(f"{prefix}y", y, len(x), sizes[-1])
    expected = targets(f"{prefix}y", y, len(x), sizes[-1], dtype, loss == "binary_cross_entropy")
    not_negative(f"{prefix}y", expected, loss)
    return x, expected


def require_samples(X: npt.NDArray[Any], name: str = "X") -> None:
    """Reject data without a single sample."""
    if len(X) == 0:
        raise ValueError(f"{name} must hold at least one sample, got none")


def pair(name: str, value: Any) -> tuple[Any, Any]:
    """Return inputs and labels that were given together."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{name} must be a pair (X, y), got {type(value).__name__}")
    return value[0], value[1]


def require_same(prepared: tuple[Any, ...], wanted: tuple[Any, ...], *others: Any) -> None:
    """Reject data that was prepared for something else, and whatever comes beside it."""
    if any(other is not None for other in others):
        raise TypeError("y, validation and sample_weight are part of prepared data, and were given beside it")
    if prepared != wanted:
        words = "{} features, {} outputs, {} and the loss {}"
        raise ValueError(f"data was prepared for {words.format(*prepared)}, expected {words.format(*wanted)}")
