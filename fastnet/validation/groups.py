"""Groups of parameters that an optimizer treats apart, and checks of what is asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.operations import FloatArray


class Groups(NamedTuple):
    """Factors on an optimizer's settings for each group of parameters, and a trainable scale of the inputs.

    Attributes
    ----------
    rates : ndarray of float64, shape (n_layers, 2)
        Factors on the learning rate of each layer's W, in the first column, and of its b, in the second.
    epsilons : ndarray of float64, shape (n_layers, 2)
        Factors on Adam's eps in the same places.
    scale : tuple of two floats, optional
        If given, every input is multiplied by a parameter of its own before the first layer. These factors lie behind
        the parameters of the layers, as many as there are inputs; the tuple holds the factors on their learning rate
        and their eps.
    corrected : bool, default False
        Whether Adam's eps is added to the root of v with its bias corrected (Kingma and Ba, algorithm 1, as in
        PyTorch) instead of to the root of v: it is then multiplied by sqrt(1 - beta2**t) in step t.

    Notes
    -----
    A layer that computes x @ W / sqrt(n_in) is the ordinary one with V = W / sqrt(n_in). The gradient of V is
    sqrt(n_in) times that of W, so Adam on W at a rate and an eps is Adam on V at the rate / sqrt(n_in) and
    sqrt(n_in) times the eps.
    """

    rates: npt.NDArray[np.float64]
    epsilons: npt.NDArray[np.float64]
    scale: tuple[float, float] | None = None
    corrected: bool = False

    def factors(self) -> npt.NDArray[np.float64]:
        """Return the factors on rate and eps (n_groups, 2): of W and b layer after layer, and of the scale."""
        rows = np.stack([self.rates.reshape(-1), self.epsilons.reshape(-1)], axis=1)
        return rows if self.scale is None else np.concatenate([rows, [self.scale]])


def of_network(groups: Groups | None, sizes: Sequence[int]) -> None:
    """Check the groups of a network's parameters, or None."""
    if groups is None:
        return
    training_checks.instance("groups", groups, Groups, "fastnet.reference.Groups or None")
    for name in ("rates", "epsilons"):
        _factors(f"groups.{name}", getattr(groups, name), (len(sizes) - 1, 2))
    if groups.scale is not None:
        if not isinstance(groups.scale, tuple) or len(groups.scale) != 2:
            raise TypeError(f"groups.scale must be a tuple of two numbers or None, got {groups.scale!r}")
        training_checks.hyperparameters(**{"groups.scale[0]": groups.scale[0], "groups.scale[1]": groups.scale[1]})
    if not isinstance(groups.corrected, bool | np.bool):
        raise TypeError(f"groups.corrected must be True or False, got {type(groups.corrected).__name__}")


def _factors(name: str, values: Any, shape: tuple[int, ...]) -> None:
    checks.array(name, values, "a float64 array")
    if values.dtype != np.float64:
        raise TypeError(f"{name} must be a float64 array, got {values.dtype}")
    checks.shape(name, values, shape)
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(f"{name} must be finite and not negative, got values from {values.min()} to {values.max()}")


def of_layers(parameters: FloatArray, sizes: Sequence[int], groups: Groups | None) -> FloatArray:
    """Check the length of a vector of parameters; return those of the layers, without those of the scale."""
    if groups is None or groups.scale is None:
        return parameters
    training_checks.layer_sizes(sizes)
    checks.one_dtype(parameters=parameters)
    n_parameters = sum((int(n_in) + 1) * int(n_out) for n_in, n_out in pairwise(sizes))
    checks.shape("parameters", parameters, (n_parameters + int(sizes[0]),))
    return parameters[:n_parameters]


def combination(groups: Groups | None, x: Any, clip_norm: float | None, clip_value: float | None) -> None:
    """Reject what does not go together with groups."""
    if groups is None:
        return
    if clip_norm is not None or clip_value is not None:
        raise ValueError("groups cannot be given together with clip_norm or clip_value")
    if training_checks.is_csr(x):
        raise TypeError("x must be an array where there are groups, got a CSR matrix")


def rates(lr: Any, n_steps: int) -> None:
    """Check a learning rate, or a vector with one for each step."""
    if not isinstance(lr, np.ndarray):
        training_checks.hyperparameters(lr=lr)
        return
    _factors("lr", lr, (n_steps,))
