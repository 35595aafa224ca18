"""Split labelled samples into a training and a test part."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastnet.datasets.labels import as_labels

Indices = npt.NDArray[np.int64]


def stratified_split(
    y: npt.ArrayLike | None, fraction: float | None = None, seed: int | None = None, *, count: int | None = None
) -> tuple[Indices, Indices]:
    """Split samples so that every class keeps its share in both parts.

    With a `fraction`, a class of `n` samples gives ``round(fraction * n)`` of them to the test part; a class of two
    or more gives at least one and keeps at least one, a class of one sample stays in the training part. With a
    `count`, classes give their exact shares of it, rounded by the method of the largest remainder, and keep at
    least one.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Integer labels from 0.
    fraction : float, optional
        Share of the test part, between 0 and 1, both excluded.
    seed : int or None
        Seed of ``numpy.random.default_rng``; the same seed gives the same split.
    count : int, optional
        Size of the test part; in place of `fraction`.

    Returns
    -------
    train_indices, test_indices : ndarray, int64
        Positions in `y`, each sorted; together every position once.

    Raises
    ------
    ValueError
        `fraction` is outside (0, 1), `count` is less than 1 or leaves some class without a sample, both or neither
        are given, a label is not an integer from 0, or no class has two samples.
    TypeError
        `y` is None or not numeric.

    Examples
    --------
    >>> from fastnet.datasets import load_digits, stratified_split
    >>> train, test = stratified_split(load_digits().y, fraction=0.2, seed=0)
    >>> len(train), len(test)
    (1438, 359)
    >>> train, test = stratified_split(load_digits().y, count=500, seed=0)
    >>> len(train), len(test)
    (1297, 500)
    """
    if y is None:
        raise TypeError("y: expected labels, got None (the dataset has none)")
    if (fraction is None) == (count is None):
        raise ValueError(f"fraction, count: got {fraction} and {count}, expected one of them")
    if fraction is not None and not 0 < fraction < 1:
        raise ValueError(f"fraction: got {fraction}, expected a number between 0 and 1, both excluded")
    labels = as_labels(np.asarray(y), "y")
    rng = np.random.default_rng(seed)
    in_test = np.zeros(labels.size, dtype=np.bool_)
    _, sizes = np.unique(labels, return_counts=True)
    if not (sizes >= 2).any():
        raise ValueError("y: expected a class of two or more samples, found none to split")
    by_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])
    taken = _by_count(sizes, count) if count is not None else _by_fraction(sizes, fraction or 0.0)
    for members, n_test in zip(by_class, taken, strict=True):
        if n_test:
            in_test[rng.permutation(members)[:n_test]] = True
    return np.flatnonzero(~in_test).astype(np.int64), np.flatnonzero(in_test).astype(np.int64)


def _by_fraction(sizes: Indices, fraction: float) -> list[int]:
    return [min(max(1, round(fraction * size)), size - 1) for size in sizes.tolist()]


def _by_count(sizes: Indices, count: int) -> list[int]:
    most = int((sizes - 1).sum())
    if not 1 <= count <= most:
        raise ValueError(f"count: got {count}, expected 1 to {most}, so that every class keeps a sample")
    ideal = count * sizes / sizes.sum()
    taken = np.minimum(ideal.astype(np.int64), sizes - 1)
    while (left := count - int(taken.sum())) > 0:
        room = np.flatnonzero(taken < sizes - 1)
        neediest = room[np.argsort((taken - ideal)[room], kind="stable")]
        taken[neediest[:left]] += 1
    return [int(n) for n in taken]
