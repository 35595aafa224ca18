"""Answers for one sample at a time, in microseconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import _inputs
from fastnet.network import Network


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
        from fastnet.kernels.activations import CODES
        from fastnet.kernels.arrays import locked
        from fastnet.kernels.row import predict_rows

        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, got {type(network).__name__}")
        self._network, self._run = network, predict_rows
        self._dtypes = (network.dtype, np.dtype(np.uint8))
        self._row = np.empty((1, network.sizes[0]), network.dtype)
        self._read_row, self._parameters = locked(self._row), locked(network.parameters)
        names = (*network.activations, "identity")
        self._sizes = np.array(network.sizes, np.int64)
        self._codes = np.array([CODES[name] for name in names], np.int64)
        self._buffers = np.empty((2, max(network.sizes)), network.dtype)
        self._logits = np.empty((1, network.sizes[-1]), network.dtype)
        self._shape = (network.sizes[0],)

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
            x = _inputs.features("x", [x], self._shape[0], self._dtypes[0])[0]
        self._row[0] = x
        best: int = self._run(
            self._parameters, self._read_row, self._network.input_scale, self._sizes, self._codes, self._buffers,
            self._logits,
        )  # fmt: skip
        if best < 0:
            _inputs.features("x", self._row, self._shape[0], self._dtypes[0])  # says where the NaN or infinity is
            return int(self.logits.argmax())
        return best
