"""How far predictions of numbers are from what is so, and what they depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class ValueMetrics(NamedTuple):
    """Root of the mean squared error, mean absolute error, and the share of the variance that is explained.

    `r2` is None where the values are all the same.
    """

    rmse: float
    mae: float
    r2: float | None


def value_metrics(y: npt.ArrayLike, predicted: npt.ArrayLike) -> ValueMetrics:
    """Compare numbers with their predictions, both of shape (n_samples,), in float64.

    Raises
    ------
    ValueError
        For other shapes, and for none.

    Examples
    --------
    >>> value_metrics([1.0, 3.0], [2.0, 3.0])
    ValueMetrics(rmse=0.7071067811865476, mae=0.5, r2=0.5)
    """
    actual, found = (np.asarray(values, np.float64) for values in (y, predicted))
    if actual.ndim != 1 or actual.shape != found.shape or not actual.size:
        raise ValueError(f"y and predicted must be numbers (n_samples,), got {actual.shape} and {found.shape}")
    error = actual - found
    squared, spread = float(np.mean(np.square(error))), float(np.mean(np.square(actual - actual.mean())))
    return ValueMetrics(squared**0.5, float(np.mean(np.abs(error))), None if spread == 0 else 1 - squared / spread)


def permutation_importance(
    score: Callable[[Array], float], X: Array, groups: Mapping[str, Sequence[Any]], seed: int = 0, repeats: int = 5
) -> dict[str, float]:
    """Return by how much a score falls, on average, when a column is shuffled; the largest fall first.

    Parameters
    ----------
    score : callable
        Of inputs; larger is better.
    X : ndarray, shape (n_samples, n_inputs)
        Inputs.
    groups : mapping of str to sequence of int
        The inputs that each column became, which are shuffled together.
    seed, repeats : int
        Of the shuffles, and how many of them.

    References
    ----------
    Breiman, "Random forests", Machine Learning 45, 2001, section 10.

    Examples
    --------
    >>> X = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> found = permutation_importance(lambda X: -np.abs(X[:, 0] - [1, 2, 3]).sum(), X, {"a": [0], "b": [1]})
    >>> bool(found["a"] > found["b"] == 0.0)
    True
    """
    rng = np.random.default_rng(seed)
    whole, falls = score(X), {}
    for name, inputs in groups.items():
        scores = []
        for _ in range(repeats if len(inputs) else 0):
            shuffled = X.copy()
            shuffled[:, inputs] = X[rng.permutation(len(X))][:, inputs]
            scores.append(score(shuffled))
        falls[name] = whole - float(np.mean(scores)) if scores else 0.0
    return dict(sorted(falls.items(), key=lambda item: -item[1]))
