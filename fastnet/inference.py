"""What networks answer: their outputs under each loss, and `Inference`, which models, trainers and commands ask."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.network import Network
from fastnet.validation import frames, inputs
from fastnet.validation import training as training_checks
from fastnet.validation.training import BACKENDS, LABELLED, LOSS_SETTINGS, loss_setting

Loss = str | tuple[str, float]
Array = npt.NDArray[Any]

_WITH_PROBABILITIES = {
    "cross_entropy": "softmax_forward",
    "softmax_squared_error": "softmax_forward",
    "binary_cross_entropy": "sigmoid_forward",
}


class Evaluation(NamedTuple):
    """Mean loss over samples, and the share of correct answers (None for a loss of values)."""

    loss: float
    accuracy: float | None


def backend_module(backend: str) -> ModuleType:
    """Return the module whose operations compute: `fastnet.kernels` or `fastnet.reference`."""
    training_checks.choice("backend", backend, tuple(BACKENDS))
    return import_module(BACKENDS[backend])


def loss_name(loss: Loss) -> str:
    """Return the name of a loss, without its setting."""
    return loss if isinstance(loss, str) else loss[0]


def probabilities(kernels: ModuleType, loss: Loss, logits: Array) -> Array:
    """Turn outputs into probabilities; ValueError for a loss that has none."""
    name = loss_name(loss)
    if name not in _WITH_PROBABILITIES:
        raise ValueError(f"predict_proba needs a loss with probabilities, got {name}")
    return np.asarray(getattr(kernels, _WITH_PROBABILITIES[name])(logits))


def predictions(loss: Loss, logits: Array) -> Array:
    """Turn outputs into classes, into 0 or 1 each, or into the values they stand for."""
    name = loss_name(loss)
    if name in LABELLED:
        return np.asarray(logits.argmax(axis=1), np.int32)
    if name == "binary_cross_entropy":
        return np.asarray(logits > 0, np.int32)
    values: Array = np.exp(logits) if name == "poisson" else logits
    return values


def class_count(loss: Loss, n_outputs: int) -> int | None:
    """Return how many classes outputs tell apart, two of them by a single sigmoid; None where they are no classes.

    Examples
    --------
    >>> class_count("cross_entropy", 3), class_count("binary_cross_entropy", 1), class_count("squared_error", 1)
    (3, 2, None)
    """
    name = loss_name(loss)
    if name in LABELLED:
        return n_outputs
    return 2 if name == "binary_cross_entropy" and n_outputs == 1 else None


def evaluation(kernels: ModuleType, loss: Loss, logits: Array, y: Array) -> Evaluation:
    """Return the mean loss of outputs, and the share of right ones."""
    name, setting = loss_setting(loss)
    settings = (setting,) if name in LOSS_SETTINGS else ()
    operation = "softmax_cross_entropy" if name == "cross_entropy" else name
    result = getattr(kernels, f"{operation}_forward")(logits, y, *settings)
    n_correct = 0
    if name in LABELLED:
        n_correct = int(np.count_nonzero(logits.argmax(axis=1) == y))
    elif name == "binary_cross_entropy":
        n_correct = int(np.count_nonzero((logits > 0) == (y > 0.5)))
    mean = result[0] if isinstance(result, tuple) else result
    return Evaluation(mean, accuracy(loss, n_correct, *logits.shape))


def accuracy(loss: Loss, n_correct: int, n_samples: int, n_outputs: int) -> float | None:
    """Return the share of right answers, None for a loss of values."""
    name = loss_name(loss)
    if name not in _WITH_PROBABILITIES:
        return None
    return n_correct / max(n_samples * (1 if name in LABELLED else n_outputs), 1)


@dataclass(frozen=True, eq=False)
class Inference:
    """A network that predicts, and is held against samples, under the loss that says what its outputs mean.

    Attributes
    ----------
    network : Network
        The network; its parameters are read where they are.
    loss : str or tuple
        As `fastnet.Trainer` takes it.
    backend : {"numba", "numpy"}
        The compiled kernels, or the reference.
    n_threads : int, optional
        Threads of the compiled kernels.
    feature_names : tuple of str, optional
        Names of the inputs, by which the columns of data frames are found, in whatever order they stand.

    Examples
    --------
    >>> from fastnet import Network
    >>> network = Network([1, 2], seed=0)
    >>> network.weights[0][:] = [[1.0, -1.0]]
    >>> Inference(network, backend="numpy").predict([[0.5], [-2.0]])
    array([0, 1], dtype=int32)
    """

    network: Network
    loss: Loss = "cross_entropy"
    backend: str = "numba"
    n_threads: int | None = None
    feature_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        training_checks.instance("network", self.network, Network, "a Network")
        loss_setting(self.loss)
        training_checks.choice("backend", self.backend, tuple(BACKENDS))
        training_checks.threads(self.n_threads)
        names = frames.check_names("feature_names", self.feature_names, self.network.sizes[0])
        object.__setattr__(self, "feature_names", names)

    @property
    def kernels(self) -> ModuleType:
        """The module whose operations compute: `fastnet.kernels` or `fastnet.reference`."""
        return backend_module(self.backend)

    def predict_logits(self, X: npt.ArrayLike) -> Array:
        """Return the outputs of the last layer, shape (n_samples, n_outputs).

        Parameters
        ----------
        X : array_like or data frame, shape (n_samples, n_features)
            Inputs. uint8 stays uint8; other numbers are converted to the network's dtype. Columns of a data frame of
            pandas, polars or Arrow are matched with `feature_names`; missing and unknown ones are a ValueError.
        """
        X = frames.by_name("X", X, self.feature_names)
        logits = self._logits(inputs.features("X", X, self.network.sizes[0], self.network.dtype))
        return inputs.require_finite_outputs(logits)

    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """Probabilities, shape (n_samples, n_outputs): of the classes, or of each sigmoid output.

        Raises ValueError for a loss of values, whose outputs are no probabilities.
        """
        return probabilities(self.kernels, self.loss, self.predict_logits(X))

    def predict(self, X: npt.ArrayLike) -> Array:
        """Predict for inputs as `predict_logits` takes them.

        Returns
        -------
        ndarray
            For losses of class labels, the most probable class, int32, shape (n_samples,). "binary_cross_entropy": 0
            or 1 for each output, int32. "poisson": exp of the outputs, which are logarithms. Other losses: the
            outputs. With a single output, shape (n_samples,).
        """
        outputs = predictions(self.loss, self.predict_logits(X))
        return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Evaluation:
        """Mean loss and accuracy on some data, given as to `fastnet.Trainer.fit`."""
        network, X = self.network, frames.by_name("X", X, self.feature_names)
        return self._evaluate(*inputs.supervised(network.sizes, network.dtype, loss_name(self.loss), X, y))

    def _logits(self, X: Array) -> Array:
        network = self.network
        logits: Array = self.kernels.predict_logits(
            network.parameters, X, network.sizes, network.activations, network.input_scale, n_threads=self.n_threads
        )
        return logits

    def _evaluate(self, X: Array, y: Array) -> Evaluation:
        return evaluation(self.kernels, self.loss, self._logits(X), y)
