"""Training and prediction, written once for the reference and the compiled kernels."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import _inputs
from fastnet.history import Epoch, Evaluation, History
from fastnet.network import Network
from fastnet.optimizers import Adam, Optimizer
from fastnet.reference import training_checks
from fastnet.reference.training import Totals

BACKENDS = {"numba": "fastnet.kernels", "numpy": "fastnet.reference"}
LOSSES = ("cross_entropy", "binary_cross_entropy", "squared_error")

CHUNK_FLOP = 5_000_000_000
"""Work between two looks at Python, for Ctrl-C and progress: some tens of milliseconds."""

Progress = Callable[[int, int], object]


class Trainer:
    """Train a network by minibatch descent.

    Both backends draw the same batches and do the same arithmetic, so their histories agree to rounding.

    Parameters
    ----------
    network : Network
        The network, whose parameters are updated in place.
    optimizer : SGD, Adam or AdamW, default Adam()
        Settings of the steps.
    loss : {"cross_entropy", "binary_cross_entropy", "squared_error"}
        Softmax cross-entropy for class labels, cross-entropy of independent sigmoid outputs, or half the
        squared distance; each a mean over samples.
    batch_size : int, default 32
        Samples per step; more than there are means all of them (full batch).
    backend : {"numba", "numpy"}
        The compiled kernels, or the reference.
    n_threads : int, optional
        Threads of the compiled kernels; as many as processors are available and the work is worth, if not given.
        Results are the same bits for any count. NumPy's own threads are not its business.
    seed : int, optional
        Seed of the order of samples.
    clip_norm : float, optional
        Scale the gradient of a batch, of all weights and biases together, down to this L2 norm if its own is larger.
    clip_value : float, optional
        Limit each element of the gradient to [-clip_value, clip_value], before `clip_norm`.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, which the message names.

    Examples
    --------
    >>> from fastnet import Network, SGD, Trainer
    >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), [0, 1, 1, 0]
    >>> network = Network([2, 8, 2], activations="tanh", seed=0)
    >>> trainer = Trainer(network, SGD(lr=0.5), batch_size=4, backend="numpy", seed=0)
    >>> history = trainer.fit(X, y, epochs=200)
    >>> trainer.predict(X)
    array([0, 1, 1, 0], dtype=int32)
    """

    def __init__(
        self,
        network: Network,
        optimizer: Optimizer | None = None,
        loss: str = "cross_entropy",
        batch_size: int = 32,
        backend: str = "numba",
        n_threads: int | None = None,
        seed: int | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, got {type(network).__name__}")
        optimizer = Adam() if optimizer is None else optimizer
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be SGD, Adam or AdamW settings, got {type(optimizer).__name__}")
        training_checks.choice("loss", loss, LOSSES)
        training_checks.whole("batch_size", batch_size, 1)
        training_checks.choice("backend", backend, tuple(BACKENDS))
        if n_threads is not None:
            training_checks.whole("n_threads", n_threads, 1)
        training_checks.clipping(clip_norm, clip_value)
        self.network, self.optimizer, self.loss = network, optimizer, loss
        self.batch_size, self.backend, self.n_threads = int(batch_size), backend, n_threads
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self._rng = np.random.default_rng(seed)
        self._slots = tuple(np.zeros_like(network.parameters) for _ in range(optimizer.n_slots))
        self._steps = self._epochs = 0

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        epochs: int = 10,
        on_epoch: Callable[[Epoch], object] | None = None,
        on_chunk: Progress | None = None,
    ) -> History:
        """Train for some epochs more; the optimizer goes on where the last call left it.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Inputs. uint8 stays uint8; other numbers are converted to the network's dtype.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            Class labels from 0 for "cross_entropy", else targets (one column may be given as a vector).
        validation : tuple of (X, y), optional
            Data that is only evaluated, after each epoch.
        epochs : int, default 10
            Passes over the data, each in a new order.
        on_epoch : callable, optional
            Called with the figures of each epoch as it ends.
        on_chunk : callable, optional
            Called with the samples done and the samples in all of the running epoch, several times a second
            where epochs are long.

        Returns
        -------
        History
            Figures of these epochs.

        Raises
        ------
        TypeError, ValueError
            For data that does not fit the network or holds NaN or infinity; nothing is trained then.
        FloatingPointError
            If the loss or the parameters are not finite after an epoch: the learning rate is too high.
        """
        training_checks.whole("epochs", epochs, 0)
        X, y = self._check(X, y, "")
        if len(X) == 0:
            raise ValueError("X must hold at least one sample, got none")
        held_out = None if validation is None else self._check(*_pair(validation), "validation ")
        start = time.perf_counter()
        train = self._prepare(X, y)
        history = History(compile_seconds=time.perf_counter() - start)
        for _ in range(epochs):
            epoch = self._epoch(train, len(X), held_out, on_chunk)
            history.epochs.append(epoch)
            if on_epoch is not None:
                on_epoch(epoch)
        return history

    def predict_logits(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the outputs of the last layer, shape (n_samples, n_outputs), for inputs as in `fit`."""
        return self._logits(_inputs.features("X", X, self.network.sizes[0], self.network.dtype))

    def predict_proba(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Probabilities, shape (n_samples, n_outputs): of the classes, or of each sigmoid output.

        Raises ValueError for the squared error, whose outputs are no probabilities.
        """
        if self.loss == "squared_error":
            raise ValueError("predict_proba needs a loss with probabilities, got squared_error")
        logits = self.predict_logits(X)
        name = "softmax_forward" if self.loss == "cross_entropy" else "sigmoid_forward"
        probs: npt.NDArray[Any] = getattr(self._kernels, name)(logits)
        return probs

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Predict for inputs as in `fit`.

        Returns
        -------
        ndarray
            "cross_entropy": the most probable class, int32, shape (n_samples,). "binary_cross_entropy": 0 or 1 for
            each output, int32. "squared_error": the outputs. With a single output, shape (n_samples,).
        """
        outputs = self.predict_logits(X)
        if self.loss == "cross_entropy":
            outputs = outputs.argmax(axis=1).astype(np.int32)
        elif self.loss == "binary_cross_entropy":
            outputs = (outputs > 0).astype(np.int32)
        return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Evaluation:
        """Mean loss and accuracy on some data, given as in `fit`."""
        return self._evaluate(*self._check(X, y, ""))

    @property
    def _kernels(self) -> ModuleType:
        return import_module(BACKENDS[self.backend])

    def _threads(self) -> dict[str, Any]:
        return {"n_threads": self.n_threads} if self.backend == "numba" else {}

    def _check(self, X: npt.ArrayLike, y: npt.ArrayLike, prefix: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        sizes, dtype = self.network.sizes, self.network.dtype
        features = _inputs.features(f"{prefix}X", X, sizes[0], dtype)
        if self.loss == "cross_entropy":
            return features, _inputs.labels(f"{prefix}y", y, len(features), sizes[-1])
        probabilities = self.loss == "binary_cross_entropy"
        return features, _inputs.targets(f"{prefix}y", y, len(features), sizes[-1], dtype, probabilities)

    def _logits(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        network = self.network
        logits: npt.NDArray[Any] = self._kernels.predict_logits(
            network.parameters, X, network.sizes, network.activations, network.input_scale, **self._threads()
        )
        return logits

    def _prepare(self, X: npt.NDArray[Any], y: npt.NDArray[Any]) -> Callable[..., Totals]:
        """Return what trains on some of the samples; kernels are loaded or compiled by running them on none."""
        network = self.network
        train: Callable[..., Totals] = self._kernels.prepare_training(
            network.parameters, self._slots, X, y, network.sizes, network.activations, self.loss,
            self.optimizer.as_tuple(), self.batch_size, network.input_scale, self.clip_norm, self.clip_value,
            **self._threads(),
        )  # fmt: skip
        train(np.empty(0, np.int64))
        self._evaluate(X[:0], y[:0])
        return train

    def _epoch(
        self,
        train: Callable[..., Totals],
        n: int,
        held_out: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None,
        on_chunk: Progress | None,
    ) -> Epoch:
        loss_sum, correct, chunk = 0.0, 0, self._chunk_samples()
        start = time.perf_counter()
        order = self._rng.permutation(n)
        for first in range(0, n, chunk):
            part = order[first : first + chunk]
            totals = train(part, self._steps)
            self._steps += math.ceil(len(part) / self.batch_size)
            loss_sum, correct = loss_sum + totals.loss_sum, correct + totals.n_correct
            if on_chunk is not None:
                on_chunk(min(first + chunk, n), n)
        seconds = time.perf_counter() - start
        self._epochs += 1
        if not (math.isfinite(loss_sum) and np.isfinite(self.network.parameters).all()):
            what = "parameters" if math.isfinite(loss_sum) else "loss"  # the loss is that before the last step
            cure = "lower the learning rate or scale the inputs"
            raise FloatingPointError(f"the {what} became infinite or NaN in epoch {self._epochs}; {cure}")
        validation = None if held_out is None else self._evaluate(*held_out)
        accuracy = self._accuracy(correct, n)
        return Epoch(self._epochs, loss_sum / n, accuracy, validation, seconds, n / seconds)

    def _chunk_samples(self) -> int:
        """Count the samples of a chunk, whole batches of them."""
        flop = 6 * sum(n_in * n_out for n_in, n_out in pairwise(self.network.sizes))
        return max(1, CHUNK_FLOP // (flop * self.batch_size)) * self.batch_size

    def _accuracy(self, n_correct: int, n_samples: int) -> float | None:
        if self.loss == "squared_error":
            return None
        answers = self.network.sizes[-1] if self.loss == "binary_cross_entropy" else 1
        return n_correct / max(n_samples * answers, 1)

    def _evaluate(self, X: npt.NDArray[Any], y: npt.NDArray[Any]) -> Evaluation:
        logits = self._logits(X)
        if self.loss == "cross_entropy":
            loss, _ = self._kernels.softmax_cross_entropy_forward(logits, y)
            correct = int(np.count_nonzero(logits.argmax(axis=1) == y))
        elif self.loss == "binary_cross_entropy":
            loss, _ = self._kernels.binary_cross_entropy_forward(logits, y)
            correct = int(np.count_nonzero((logits > 0) == (y > 0.5)))
        else:
            loss, correct = self._kernels.squared_error_forward(logits, y), 0
        return Evaluation(loss, self._accuracy(correct, len(X)))


def _pair(validation: Any) -> tuple[Any, Any]:
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise TypeError(f"validation must be a pair (X, y), got {type(validation).__name__}")
    return validation[0], validation[1]
