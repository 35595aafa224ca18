"""What estimators are fitted to: noise, images of digits, counts of words; the same every time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

N_CLASSES = 10
DIGIT_SIDE = 20
"""Pixels of a digit's side, without the margin: those of MNIST."""

FAINT = 0.45
"""Ink that counts as none, so that a fifth of the pixels are not zero: those of MNIST."""

WORDS_OF_A_TEXT = 100

Labels = npt.NDArray[np.int64]


def noise(rng: np.random.Generator, samples: int, features: int) -> tuple[Any, Labels]:
    """Draw inputs from [0, 1), none of which are zero, and labels."""
    return rng.random((samples, features), dtype=np.float32), rng.integers(0, N_CLASSES, samples)


def digits(rng: np.random.Generator, samples: int, features: int) -> tuple[Any, Labels]:
    """Put scikit-learn's handwritten digits, enlarged, somewhere near the middles of larger images."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    small = images.reshape(-1, 8, 8) / 16
    drawn = zoom(small, (1, DIGIT_SIDE / 8, DIGIT_SIDE / 8), order=1).astype(np.float32)
    drawn = np.maximum(drawn - FAINT, 0) / np.float32(1 - FAINT)
    chosen, side = rng.integers(0, len(labels), samples), math.isqrt(features)
    margin = side - DIGIT_SIDE
    places = rng.integers(margin // 4, margin - margin // 4 + 1, (samples, 2))
    X = np.zeros((samples, side, side), np.float32)
    for row, column in np.unique(places, axis=0):
        there = (places == (row, column)).all(axis=1)
        X[there, row : row + DIGIT_SIDE, column : column + DIGIT_SIDE] = drawn[chosen[there]]
    return X.reshape(samples, -1), labels[chosen].astype(np.int64)


def words(rng: np.random.Generator, samples: int, features: int) -> tuple[Any, Labels]:
    """Count the words of texts that are drawn by Zipf's law, in a CSR matrix, each text's counts of length one."""
    from scipy import sparse

    frequency = 1 / np.arange(1, features + 1)
    columns = rng.choice(features, (samples, WORDS_OF_A_TEXT), p=frequency / frequency.sum())
    rows = np.repeat(np.arange(samples), WORDS_OF_A_TEXT)
    X = sparse.csr_array((np.ones(rows.size, np.float32), (rows, columns.ravel())), (samples, features))
    X.sum_duplicates()  # which SciPy does itself from 1.14 on
    X.data /= np.repeat(np.sqrt(X.power(2).sum(axis=1)), np.diff(X.indptr)).astype(np.float32)
    return X, rng.integers(0, N_CLASSES, samples)


KINDS: dict[str, Callable[[np.random.Generator, int, int], tuple[Any, Labels]]] = {
    "noise": noise, "digits": digits, "words": words
}  # fmt: skip
