"""A dense network: its sizes, its activations, and all its parameters in one flat vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.reference.training import layer_slices
from fastnet.validation import training as training_checks
from fastnet.validation.activations import ACTIVATIONS
from fastnet.validation.operations import FloatArray

Draw = Callable[[np.random.Generator, int, int], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]


def _scaled(distribution: str, variance: Callable[[int, int], float]) -> Draw:
    """Weights of mean zero and the given variance, biases zero."""

    def draw(
        rng: np.random.Generator, n_in: int, n_out: int
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        deviation = math.sqrt(variance(n_in, n_out))
        if distribution == "normal":
            return rng.normal(0.0, deviation, (n_in, n_out)), np.zeros(n_out)
        bound = math.sqrt(3.0) * deviation
        return rng.uniform(-bound, bound, (n_in, n_out)), np.zeros(n_out)

    return draw


def _half(rng: np.random.Generator, n_in: int, n_out: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return rng.uniform(-0.5, 0.5, (n_in, n_out)), rng.uniform(-0.5, 0.5, n_out)


def _scaled_uniform(
    rng: np.random.Generator, n_in: int, n_out: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return rng.uniform(-1.0, 1.0, (n_in, n_out)) / math.sqrt(n_in * n_out), np.zeros(n_out)


def _glorot(n_in: int, n_out: int) -> float:
    return 2.0 / (n_in + n_out)


def _he(n_in: int, n_out: int) -> float:
    return 2.0 / n_in


_DRAWS: dict[str, Draw] = {
    "glorot_uniform": _scaled("uniform", _glorot),
    "glorot_normal": _scaled("normal", _glorot),
    "he_uniform": _scaled("uniform", _he),
    "he_normal": _scaled("normal", _he),
    "uniform": _half,
    "scaled_uniform": _scaled_uniform,
}
INITS = ("auto", *_DRAWS)


class Network:
    """A dense network: layers of `x @ W + b`, an activation after each but the last.

    Parameters
    ----------
    sizes : sequence of int
        Layer sizes (in, hidden..., out), at least two.
    activations : str or sequence of str, default "relu"
        A name of `fastnet.validation.activations.ACTIVATIONS` for each hidden layer, such as "relu", "tanh" or "gelu";
        one name stands for all of them.
    bias : bool, default True
        Whether layers have biases. If not, their places in `parameters` hold zeros, in training too.
    init : {"auto", "he_uniform", "he_normal", "glorot_uniform", "glorot_normal", "uniform", "scaled_uniform"}
        How parameters are drawn. He's variance is 2 / n_in (He et al., 2015, section 2.2), Glorot's
        2 / (n_in + n_out) (Glorot and Bengio, 2010, equation 12), both with biases of zero; "uniform" draws weights
        and biases from [-0.5, 0.5], "scaled_uniform" weights from [-1, 1] / sqrt(n_in n_out), biases zero. "auto" is
        "he_uniform" before a ReLU and "glorot_uniform" elsewhere.
    seed : int, optional
        Seed of the drawing; the same seed gives the same parameters.
    dtype : {float32, float64}, default float32
        Precision of parameters and arithmetic.
    input_scale : float, default 1.0
        Factor on inputs, say 1 / 255 for pixels. It belongs to the network, so prediction does the same.

    Attributes
    ----------
    parameters : ndarray of dtype, shape (n_parameters,)
        All parameters: layer after layer, W (in, out) in row-major order and then b (out,).
    sizes, activations, bias, input_scale, dtype
        As given, `activations` with one name for each hidden layer.

    Raises
    ------
    TypeError, ValueError
        For sizes, activations, an init, a dtype or a scale that cannot be used.

    Examples
    --------
    >>> network = Network([784, 128, 10], seed=0)
    >>> network.n_parameters
    101770
    >>> network.weights[0].shape, network.biases[1].shape
    ((784, 128), (10,))
    >>> network
    Network([784, 128, 10], activations=['relu'], dtype=float32)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activations: str | Sequence[str] = "relu",
        *,
        bias: bool = True,
        init: str = "auto",
        seed: int | None = None,
        dtype: npt.DTypeLike = np.float32,
        input_scale: float = 1.0,
    ) -> None:
        training_checks.layer_sizes(sizes)
        self.sizes: tuple[int, ...] = tuple(int(size) for size in sizes)
        n_hidden = len(self.sizes) - 2
        if isinstance(activations, str):
            training_checks.choice("activations", activations, tuple(ACTIVATIONS))
            activations = [activations] * n_hidden
        training_checks.names("activations", activations, n_hidden, tuple(ACTIVATIONS))
        self.activations: tuple[str, ...] = tuple(activations)
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, got {self.dtype}")
        if not isinstance(bias, bool | np.bool):
            raise TypeError(f"bias must be True or False, got {type(bias).__name__}")
        self.bias = bool(bias)
        training_checks.real("input_scale", input_scale)
        self.input_scale = float(input_scale)
        self.parameters: FloatArray = np.empty(layer_slices(self.sizes)[-1][1].stop, self.dtype)
        self.initialize(init, seed)

    def initialize(self, init: str = "auto", seed: int | None = None) -> None:
        """Draw all parameters anew, in place; `init` and `seed` as in the constructor.

        Examples
        --------
        >>> network = Network([2, 1], seed=1)
        >>> before = network.parameters.copy()
        >>> network.initialize(seed=1)
        >>> bool((network.parameters == before).all())
        True
        """
        training_checks.choice("init", init, INITS)
        rng = np.random.default_rng(seed)
        for i, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            name = init
            if init == "auto":
                is_relu = i < len(self.activations) and self.activations[i] == "relu"
                name = "he_uniform" if is_relu else "glorot_uniform"
            W[...], b[...] = _DRAWS[name](rng, *W.shape)
            if not self.bias:
                b[...] = 0

    @property
    def n_parameters(self) -> int:
        """Count of all weights and biases that can be trained."""
        return self.parameters.size - (0 if self.bias else sum(self.sizes[1:]))

    @property
    def weights(self) -> list[FloatArray]:
        """Each layer's W (in, out), a view into `parameters`."""
        shapes = pairwise(self.sizes)
        return [
            self.parameters[w].reshape(shape) for (w, _), shape in zip(layer_slices(self.sizes), shapes, strict=True)
        ]

    @property
    def biases(self) -> list[FloatArray]:
        """Each layer's b (out,), a view into `parameters`."""
        return [self.parameters[b] for _, b in layer_slices(self.sizes)]

    def summary(self) -> str:
        """Describe the layers in a table.

        Examples
        --------
        >>> print(Network([64, 32, 10], seed=0).summary())
        layer       shape  activation  parameters
            1    64 -> 32        relu       2,080
            2    32 -> 10    identity         330
        total                               2,410
        """
        lines = [f"{'layer':>5}{'shape':>12}{'activation':>12}{'parameters':>12}"]
        names = (*self.activations, "identity")
        for i, (pair, name) in enumerate(zip(pairwise(self.sizes), names, strict=True)):
            n_in, n_out = pair
            lines.append(f"{i + 1:>5}{f'{n_in} -> {n_out}':>12}{name:>12}{(n_in + self.bias) * n_out:>12,}")
        lines.append(f"total{self.n_parameters:>36,}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Network({list(self.sizes)}, activations={list(self.activations)}, dtype={self.dtype})"
