"""Answers for one sample at a time, in microseconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.compiler.policy import COMPILES
from fastnet.network import Network
from fastnet.validation.inputs import features


class Predictor:
    """Predict the class of one sample at a time, with everything prepared that does not depend on the sample.

    It reads the network's parameters where they are, so it follows when the network is trained further. It keeps
    working memory of its own: use one predictor for each thread.

    Parameters
    ----------
    network : Network
        A network that tells classes apart.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import Network, Predictor
    >>> network = Network([3, 2], seed=0)
    >>> network.weights[0][:] = [[1, 0], [0, 1], [0, 0]]
    >>> predictor = Predictor(network)
    >>> predictor(np.array([0.25, 0.5, 0.0], np.float32))
    1
    >>> predictor.logits
    array([0.25, 0.5 ], dtype=float32)
    """

    def __init__(self, network: Network) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, got {type(network).__name__}")
        self._network = network
        self._dtypes = (network.dtype, np.dtype(np.uint8))
        self._row = np.empty((1, network.sizes[0]), network.dtype)
        self._logits = np.empty((1, network.sizes[-1]), network.dtype)
        self._run = (_compiled if COMPILES else _uncompiled)(network, self._row, self._logits)
        self._shape = (network.sizes[0],)

    def __repr__(self) -> str:
        return f"Predictor({self._network!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Predictor, (self._network,)

    @property
    def logits(self) -> npt.NDArray[Any]:
        """Outputs of the last layer for the last sample, shape (n_classes,); the next call writes over them."""
        logits: npt.NDArray[Any] = self._logits[0]
        return logits

    def __call__(self, x: npt.NDArray[Any]) -> int:
        """Return the class of one sample.

        Parameters
        ----------
        x : ndarray of the network's dtype or uint8, shape (n_features,)
            The sample; other numbers are converted first, which takes longer.

        Returns
        -------
        int
            The most probable class.

        Raises
        ------
        TypeError, ValueError
            For what is not numbers, a wrong shape, NaN or infinity.
        """
        if type(x) is not np.ndarray or x.shape != self._shape or x.dtype not in self._dtypes:
            x = features("x", [x], self._shape[0], self._dtypes[0])[0]
        self._row[0] = x
        best = self._run()
        if best < 0:
            features("x", self._row, self._shape[0], self._dtypes[0])  # says where the NaN or infinity is
            return int(self.logits.argmax())
        return best


def _compiled(network: Network, row: npt.NDArray[Any], logits: npt.NDArray[Any]) -> Callable[[], int]:
    """Return what writes the logits of a row; it returns the class with the largest, -1 for a NaN."""
    from fastnet.kernels.codegen.scalar_activations import CODES
    from fastnet.kernels.runtime.arrays import read_only
    from fastnet.kernels.step.inference.few_rows import predict_rows

    sizes = np.array(network.sizes, np.int64)
    codes = np.array([CODES[name] for name in (*network.activations, "identity")], np.int64)
    buffers = np.empty((2, max(network.sizes)), network.dtype)
    parameters, inputs = read_only(network.parameters), read_only(row)
    return lambda: int(predict_rows(parameters, inputs, network.input_scale, sizes, codes, buffers, logits))


def _uncompiled(network: Network, row: npt.NDArray[Any], logits: npt.NDArray[Any]) -> Callable[[], int]:
    """Return the same in NumPy, where NUMBA_DISABLE_JIT is set."""
    from fastnet.reference import predict_logits

    def run() -> int:
        predict_logits(network.parameters, row, network.sizes, network.activations, network.input_scale, logits)
        return -1 if np.isnan(logits).any() else int(logits.argmax())

    return run
