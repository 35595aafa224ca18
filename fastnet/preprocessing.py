"""Preprocessing of features that is fitted to training data, stored with the model, and repeated in prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.output.reprs import short_repr
from fastnet.validation import inputs
from fastnet.validation import training as training_checks

KINDS = ("standardize", "minmax")

_ELEMENTS = 1 << 20
"""Elements converted to float64 at a time: data may be larger than memory."""


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """(x - shift) * scale, for each feature.

    Parameters
    ----------
    shift, scale : array_like, shape (n_features,)
        What is subtracted, and what the difference is multiplied by; finite.

    Raises
    ------
    TypeError, ValueError
        For what is not numbers, other shapes, and numbers that are not finite.

    Examples
    --------
    >>> p = Preprocessing.fit(np.array([[0, 5], [10, 5]]), "minmax")
    >>> p(np.array([[5.0, 6.0]]))
    array([[0.5, 1. ]])
    """

    shift: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]

    __repr__ = short_repr

    def __post_init__(self) -> None:
        for name in ("shift", "scale"):
            given = np.asarray(getattr(self, name))
            if given.dtype.kind not in "buif":
                raise TypeError(f"{name} must be numbers, got {given.dtype}")
            vector = np.ascontiguousarray(given, np.float64)
            if given.ndim != 1 or vector.shape != np.shape(self.shift):
                raise ValueError(f"{name} must have shape (n_features,), got {vector.shape}")
            if not np.isfinite(vector).all():
                raise ValueError(f"{name} must be finite, got NaN or infinity")
            object.__setattr__(self, name, vector)

    @classmethod
    def fit(cls, X: npt.ArrayLike, kind: str) -> Preprocessing:
        """Learn shift and scale from data.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Numbers, read in pieces and not copied as a whole.
        kind : {"standardize", "minmax"}
            Mean 0 and standard deviation 1; or from 0 to 1. A feature that is always the same is only shifted.

        Returns
        -------
        Preprocessing
            What brings these data there.

        Raises
        ------
        TypeError, ValueError
            For another kind, and data that is no table of finite numbers.
        """
        training_checks.choice("kind", kind, KINDS)
        array = np.asarray(X)
        if array.ndim != 2 or array.dtype.kind not in "buif" or array.shape[0] == 0:
            raise ValueError(f"X must be numbers (n_samples, n_features), got {array.dtype} of shape {array.shape}")
        inputs.require_finite("X", array)
        pieces = [array[i : i + _step(array)] for i in range(0, len(array), _step(array))]
        low = np.min([piece.min(axis=0) for piece in pieces], axis=0).astype(np.float64)
        high = np.max([piece.max(axis=0) for piece in pieces], axis=0).astype(np.float64)
        if kind == "minmax":
            return cls(low, _inverse(high - low))
        mean = sum(piece.sum(axis=0, dtype=np.float64) for piece in pieces) / len(array)
        mean = np.where(low == high, low, mean)  # rounding of a sum must not look like a spread
        variance = sum(np.square(piece - mean).sum(axis=0) for piece in pieces) / len(array)
        return cls(mean, _inverse(np.sqrt(variance)))

    def __call__(self, X: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
        """Apply it to inputs (n_samples, n_features); return a contiguous array of `dtype`, computed in float64.

        Raises TypeError or ValueError for what is no such table of numbers. What is beyond `dtype` becomes infinite.
        """
        array = np.asarray(X)
        if array.dtype.kind not in "buif":
            raise TypeError(f"X must be an array of numbers, got {array.dtype}")
        if array.ndim != 2 or array.shape[1] != self.shift.size:
            raise ValueError(f"X must have shape (n_samples, {self.shift.size}), got {array.shape}")
        result = np.empty(array.shape, dtype)
        for i in range(0, len(array), _step(array)):
            piece = slice(i, i + _step(array))
            with np.errstate(over="ignore"):  # the network names the sample
                result[piece] = (array[piece] - self.shift) * self.scale
        return result


def _step(array: npt.NDArray[Any]) -> int:
    return max(1, _ELEMENTS // max(int(array.shape[1]), 1))


def _inverse(spread: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 / spread, and 1 where there is none."""
    inverse: npt.NDArray[np.float64] = 1.0 / np.where(spread > 0, spread, 1.0)
    return inverse
