"""Split labelled samples into a training and a test part."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastnet.datasets._labels import as_labels

Indices = npt.NDArray[np.int64]


def stratified_split(y: npt.ArrayLike | None, fraction: float, seed: int | None = None) -> tuple[Indices, Indices]:
    """Split samples so that every class keeps its share in both parts.

    A class of `count` samples gives ``round(fraction * count)`` of them to the test part; a class of two
    or more gives at least one and keeps at least one, a class of one sample stays in the training part.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Integer labels from 0.
    fraction : float
        Share of the test part, between 0 and 1, both excluded.
    seed : int or None
        Seed of ``numpy.random.default_rng``; the same seed gives the same split.

    Returns
    -------
    train_indices, test_indices : ndarray, int64
        Positions in `y`, each sorted; together every position once.

    Raises
    ------
    ValueError
        `fraction` is outside (0, 1), a label is not an integer from 0, or no class has two samples.
    TypeError
        `y` is None or not numeric.

    Examples
    --------
    >>> from fastnet.datasets import load_digits, stratified_split
    >>> train, test = stratified_split(load_digits().y, fraction=0.2, seed=0)
    >>> len(train), len(test)
    (1438, 359)
    """
    if y is None:
        raise TypeError("y: expected labels, got None (the dataset has none)")
    if not 0 < fraction < 1:
        raise ValueError(f"fraction: got {fraction}, expected a number between 0 and 1, both excluded")
    labels = as_labels(np.asarray(y), "y")
    rng = np.random.default_rng(seed)
    in_test = np.zeros(labels.size, dtype=np.bool_)
    _, counts = np.unique(labels, return_counts=True)
    by_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    for members in by_class:
        if members.size >= 2:
            n_test = min(max(1, round(fraction * members.size)), members.size - 1)
            in_test[rng.permutation(members)[:n_test]] = True
    if not in_test.any():
        raise ValueError("y: expected a class of two or more samples, found none to split")
    return np.flatnonzero(~in_test).astype(np.int64), np.flatnonzero(in_test).astype(np.int64)
