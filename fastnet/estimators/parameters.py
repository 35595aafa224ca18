"""All weights of an estimator in one vector, with `coefs_` and `intercepts_` as views of it; or set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from operator import is_
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.reference.training import layer_slices
from fastnet.validation.inputs import to_dtype

Array = npt.NDArray[Any]


class Parameters:
    """An estimator's dealings with its weights: views of a vector of its own, or arrays that somebody has set."""

    coefs_: list[Array]
    intercepts_: list[Array]
    dtype: str | None

    def _set_parameters(self, parameters: Array, sizes: tuple[int, ...]) -> None:
        self._parameters = parameters
        self.coefs_, self.intercepts_ = views(parameters, sizes)
        self._views = (*self.coefs_, *self.intercepts_)

    def _own_parameters(self) -> None:
        """Take over layers that were put in place of the vector's, and leave read-only memory."""
        parameters = self._flat()
        if not self._has_own_layers() or not parameters.flags.writeable:
            self._set_parameters(np.array(parameters), self._sizes())

    def _flat(self) -> Array:
        if self._has_own_layers():
            return self._parameters
        return gather(self.coefs_, self.intercepts_, self.dtype)

    def _has_own_layers(self) -> bool:
        """Tell whether the layers are still views of the vector, or somebody has put others in their place."""
        layers = (*self.coefs_, *self.intercepts_)
        own = vars(self).get("_views", ())
        return 0 < len(layers) == len(own) and all(map(is_, layers, own))

    def _sizes(self) -> tuple[int, ...]:
        return sizes_of(self.coefs_, self.intercepts_)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out `coefs_` and `intercepts_` where they are views: the vector is stored once."""
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[call-overload]
        if state.pop("_views", None) is not None and self._has_own_layers():
            state["_stored_sizes"] = self._sizes()
            del state["coefs_"], state["intercepts_"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        sizes = state.pop("_stored_sizes", None)
        super().__setstate__(state)  # type: ignore[misc]
        if sizes is not None:
            self._set_parameters(self._parameters, sizes)


def views(parameters: Array, sizes: Sequence[int]) -> tuple[list[Array], list[Array]]:
    """Return each layer's W (in, out), and each layer's b (out,)."""
    slices = layer_slices(sizes)
    coefs = [parameters[W].reshape(shape) for (W, _), shape in zip(slices, pairwise(sizes), strict=True)]
    return coefs, [parameters[b] for _, b in slices]


def sizes_of(coefs: Sequence[Array], intercepts: Sequence[Array]) -> tuple[int, ...]:
    """Return the layer sizes (in, hidden..., out)."""
    return (np.shape(coefs[0])[0], *map(np.size, intercepts))


def gather(coefs: Sequence[Array], intercepts: Sequence[Array], dtype: Any = None) -> Array:
    """Copy the layers into a new vector: of the dtype, or else float32 if all of them are, and float64 if not.

    Raises
    ------
    ValueError, TypeError
        If they are not numbers, lie beyond the dtype, or are not the layers of one network.
    """
    if not len(coefs) == len(intercepts) > 0:
        raise ValueError(f"coefs_ and intercepts_ must be as many arrays, got {len(coefs)} and {len(intercepts)}")
    n_in: int | None = None
    parts: list[Array] = []
    for i, (W, b) in enumerate(zip(map(np.asarray, coefs), map(np.asarray, intercepts), strict=True)):
        if W.dtype.kind not in "buif" or b.dtype.kind not in "buif":
            raise TypeError(f"coefs_[{i}] and intercepts_[{i}] must be numbers, got {W.dtype} and {b.dtype}")
        if W.ndim != 2 or W.shape != (n_in or W.shape[0], b.size):
            shape = f"({n_in or 'n_features'}, {b.size})"
            raise ValueError(f"coefs_[{i}] must have shape {shape} before intercepts_[{i}], got {W.shape}")
        n_in = b.size
        parts += [W.ravel(), b.ravel()]
    if dtype is None:
        dtype = np.float32 if all(part.dtype == np.float32 for part in parts) else np.float64
    return np.concatenate([to_dtype("coefs_ and intercepts_", part, dtype) for part in parts])


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
