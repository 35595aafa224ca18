"""Inputs that have been checked, on their way through the layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fastnet.compiler.policy import COMPILES
from fastnet.estimators.validation import inputs
from fastnet.training.samples import Samples

Array = npt.NDArray[Any]


def forward(model: Any, X: Any, parameters: Array, sizes: tuple[int, ...], activations: tuple[str, ...]) -> Array:
    """Return what comes out of the last of the layers, before any activation of its own."""
    if X.shape[1] != sizes[0]:
        raise ValueError(f"X has {X.shape[1]} features, but the network takes {sizes[0]}")
    dense = type(X) is np.ndarray
    if not dense or X.dtype != parameters.dtype or not X.flags.c_contiguous:
        X = inputs(X, parameters.dtype)
    backend = model._backend()
    if dense and COMPILES and model.backend == "numba" and len(X) <= backend.training.MOST_ROWS:
        few: Array = backend.training.predict_few(parameters, X, sizes, activations)
        return few
    parts = [
        backend.predict_logits(parameters, x, sizes, activations, n_threads=model.n_threads) for x in dense_parts(X)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def dense_parts(X: Any) -> Iterator[Array]:
    """Yield inputs as dense arrays, all at once if they are one already."""
    if not sparse.issparse(X):
        yield X
        return
    step = Samples(X, np.empty(0)).most_rows()
    for start in range(0, max(X.shape[0], 1), step):
        yield X[start : start + step].toarray()
