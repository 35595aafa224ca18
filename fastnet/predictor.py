"""Answers for one sample at a time, in microseconds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.compiler.policy import COMPILES
from fastnet.inference import Loss, class_count, loss_name, predictions
from fastnet.models.model import Model
from fastnet.network import Network
from fastnet.validation import frames, inputs
from fastnet.validation.training import LABELLED, loss_setting

Array = npt.NDArray[Any]


class Predictor:
    """Answer for one sample at a time, with everything prepared that does not depend on the sample.

    It reads the network's parameters where they are, so it follows when the network is trained further. It keeps
    working memory of its own: use one predictor for each thread.

    Parameters
    ----------
    model : Model or Network
        What answers. A model says what its outputs mean, and prepares the sample as its training data was.
    loss : str or tuple, optional
        What the outputs of a network mean, as `fastnet.Trainer` takes it; a model knows, a network alone does not.

    Raises
    ------
    TypeError, ValueError
        For what is neither, a network without a loss, or a model with another one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import Model, Network, Predictor
    >>> network = Network([3, 2], seed=0)
    >>> network.weights[0][:] = [[1, 0], [0, 1], [0, 0]]
    >>> predictor = Predictor(Model(network, labels=("wide", "high")))
    >>> predictor(np.array([0.25, 0.5, 0.0], np.float32))
    'high'
    >>> predictor.logits
    array([0.25, 0.5 ], dtype=float32)
    >>> Predictor(network, loss="squared_error")([0.25, 0.5, 0.0])
    array([0.25, 0.5 ], dtype=float32)
    """

    def __init__(self, model: Model | Network, loss: Loss | None = None) -> None:
        self._arguments = (model, loss)
        network, self._loss = _meaning(model, loss)
        self._network = network
        self._model = model if isinstance(model, Model) else None
        self._row = np.empty((1, network.sizes[0]), network.dtype)
        self._sample = self._row[0]
        self._logits = np.empty((1, network.sizes[-1]), network.dtype)
        self._run = (_compiled if COMPILES else _uncompiled)(network, self._row, self._logits)
        self._shape = (network.sizes[0],)
        self._table = None if self._model is None else self._model.table
        self._preprocessing = None if self._model is None else self._model.preprocessing
        # What is preprocessed is so in float64, and loses no digits before.
        self._dtype = network.dtype if self._preprocessing is None else np.dtype(np.float64)
        self._dtypes = {network.dtype, self._dtype, np.dtype(np.uint8)}
        self._names = None if self._model is None else self._model.labels
        self._n_classes = class_count(self._loss, network.sizes[-1])
        self._takes_largest = loss_name(self._loss) in LABELLED

    def __repr__(self) -> str:
        return f"Predictor({self._network!r}, loss={self._loss!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Predictor, self._arguments

    @property
    def logits(self) -> Array:
        """Outputs of the last layer for the last sample, shape (n_outputs,); the next call writes over them."""
        logits: Array = self._logits[0]
        return logits

    def __call__(self, x: Any) -> Any:
        """Return what `Model.predict`, or `Inference.predict`, answers for one sample.

        Parameters
        ----------
        x : ndarray of the network's dtype or uint8, shape (n_features,)
            The sample; other numbers, and a row of a data frame of pandas, are converted first, which takes longer.
            For a model that takes a table, a mapping of names of columns to values, such a row, or the values in order.

        Returns
        -------
        int, str, float or ndarray
            The class, by name if the model knows names: the most probable one, or that on whose side of 0 a single
            sigmoid's logit is. The value of a single output of another loss, exp of it for "poisson". Of several
            outputs, an array of values, or of 0 and 1 for "binary_cross_entropy".

        Raises
        ------
        TypeError, ValueError
            For what is not numbers, a wrong shape, NaN or infinity.
        """
        if self._table is not None:
            x = self._table.row(x, "x")[0].astype(self._row.dtype, copy=False)
        elif type(x) is not np.ndarray or x.shape != self._shape or x.dtype not in self._dtypes:
            x = inputs.features("x", [self._by_name(x)], self._shape[0], self._dtype)[0]
        if self._preprocessing is None:
            self._sample[...] = x
        else:
            inputs.require_finite("x", x[None])
            self._row[...] = self._preprocessing(x[None], self._row.dtype)
        best = self._run()
        if best == -2:
            inputs.require_finite("x", self._row)
        if self._n_classes is None:
            return self._values()
        if not self._takes_largest:
            best = int(self._logits[0, 0] > 0)
        elif best < 0:
            best = int(self.logits.argmax())
        return best if self._names is None else self._names[best]

    def _by_name(self, x: Any) -> Any:
        """Return a row of a data frame in the order of the model's features, anything else as it is."""
        model = self._model
        return x if model is None else frames.row_by_name("x", x, model.feature_names, model.label_name)

    def _values(self) -> Any:
        """Return a number for each output, a float for one."""
        values = predictions(self._loss, self._logits)[0]
        return float(values[0]) if values.size == 1 else values.copy()


def _meaning(model: Any, loss: Any) -> tuple[Network, Loss]:
    """Return the network, and the loss that says what its outputs mean."""
    if isinstance(model, Model):
        if loss is not None:
            raise ValueError(f"loss is for a Network, got {loss!r} beside a Model, which has {model.loss!r}")
        return model.network, model.loss
    if not isinstance(model, Network):
        raise TypeError(f"model must be a Model or a Network, got {type(model).__name__}")
    if loss is None:
        raise ValueError(
            "loss: a Network does not know what its outputs mean, expected a Model, or a loss such as 'cross_entropy'"
        )
    loss_setting(loss)
    return model, loss


def _compiled(network: Network, row: Array, logits: Array) -> Callable[[], int]:
    """Return what writes the logits of a row; it returns the place of the largest, -1 for a NaN, -2 for one of x."""
    from fastnet.kernels.codegen.scalar_activations import CODES
    from fastnet.kernels.runtime.arrays import read_only
    from fastnet.kernels.step.inference.few_rows import predict_rows

    sizes = np.array(network.sizes, np.int64)
    codes = np.array([CODES[name] for name in (*network.activations, "identity")], np.int64)
    buffers = np.empty((2, max(network.sizes)), network.dtype)
    parameters, scanned = read_only(network.parameters), read_only(row)
    return partial(predict_rows, parameters, scanned, network.input_scale, sizes, codes, buffers, logits)


def _uncompiled(network: Network, row: Array, logits: Array) -> Callable[[], int]:
    """Return the same in NumPy, where NUMBA_DISABLE_JIT is set."""
    from fastnet.reference import predict_logits

    def run() -> int:
        predict_logits(network.parameters, row, network.sizes, network.activations, network.input_scale, logits)
        if not np.isfinite(row).all():
            return -2
        return -1 if np.isnan(logits).any() else int(logits.argmax())

    return run
