"""All weights of an estimator in one vector, and `coefs_` and `intercepts_` as views of it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.reference.training import layer_slices

Array = npt.NDArray[Any]


def views(parameters: Array, sizes: Sequence[int]) -> tuple[list[Array], list[Array]]:
    """Return each layer's W (in, out), and each layer's b (out,)."""
    slices = layer_slices(sizes)
    coefs = [parameters[W].reshape(shape) for (W, _), shape in zip(slices, pairwise(sizes), strict=True)]
    return coefs, [parameters[b] for _, b in slices]


def sizes_of(coefs: Sequence[Array], intercepts: Sequence[Array]) -> tuple[int, ...]:
    """Return the layer sizes (in, hidden..., out)."""
    return (coefs[0].shape[0], *(b.size for b in intercepts))


def gather(coefs: Sequence[Array], intercepts: Sequence[Array], dtype: Any) -> Array:
    """Copy the layers into a new vector."""
    parts = [np.ravel(part) for layer in zip(coefs, intercepts, strict=True) for part in layer]
    return np.concatenate(parts).astype(dtype, copy=False)


def glorot(rng: np.random.RandomState, sizes: Sequence[int], activations: Sequence[str], dtype: Any) -> Array:
    """Draw weights and biases from [-bound, bound], bound**2 being 6 / (in + out), or 2 / (in + out) for "sigmoid".

    The last layer draws as the hidden layer before it. Source: scikit-learn 0.18, `MLPClassifier`, after Glorot and
    Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, equation 16.
    """
    names = (*activations, activations[-1] if activations else "identity")
    parts = []
    for (n_in, n_out), name in zip(pairwise(sizes), names, strict=True):
        bound = np.sqrt((2.0 if name == "sigmoid" else 6.0) / (n_in + n_out))
        parts += [rng.uniform(-bound, bound, (n_in, n_out)).ravel(), rng.uniform(-bound, bound, n_out)]
    return np.concatenate(parts).astype(dtype)
