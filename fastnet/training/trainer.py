"""Training and prediction, written once for the reference and the compiled kernels."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.network import Network
from fastnet.optimizers import Adam, Optimizer
from fastnet.reference.training import Totals
from fastnet.training import targets
from fastnet.training.early_stopping import Best
from fastnet.training.history import Epoch, Evaluation, History
from fastnet.training.loop import Progress, TrainingLoop
from fastnet.training.plan import Data, Origin, Plan, check_limits, checked_data, make_plan, rates
from fastnet.training.sampler import SAMPLINGS
from fastnet.training.schedules import Schedule, make_schedule
from fastnet.training.targets import Loss
from fastnet.validation import inputs
from fastnet.validation import training as training_checks

BACKENDS = {"numba": "fastnet.kernels", "numpy": "fastnet.reference"}
LOSSES = training_checks.LOSSES


class Trainer:
    """Train a network by minibatch descent.

    Both backends draw the same batches and do the same arithmetic, so their histories agree to rounding.

    Parameters
    ----------
    network : Network
        The network, whose parameters are updated in place.
    optimizer : SGD, Adam or AdamW, default Adam()
        Settings of the steps.
    loss : str or tuple
        "cross_entropy" of class labels, or ("cross_entropy", label_smoothing); "softmax_squared_error" of class
        labels; "binary_cross_entropy" of independent sigmoid outputs; "squared_error" (half the squared distance),
        "poisson", "huber" or ("huber", delta), "absolute_error". Each is a mean over samples.
    batch_size : int or None, default 32
        Samples per step; None, or more than there are, means all of them (full batch).
    backend : {"numba", "numpy"}
        The compiled kernels, or the reference.
    n_threads : int, optional
        Threads of the compiled kernels; if not given, as many as the work is worth and the limits allow that
        `fastnet info` shows. Results are the same bits for any count. NumPy's own threads are not its business.
    seed : int, optional
        Seed of the order of samples, and of dropout.
    clip_norm : float, optional
        Scale the gradient of a batch, of all weights and biases together, down to this L2 norm if its own is larger.
    clip_value : float, optional
        Limit each element of the gradient to [-clip_value, clip_value], before `clip_norm`.
    l2 : float, default 0.0
        0.5 * l2 * sum(W**2) / samples of the batch is added to its loss.
    dropout : float or sequence of float, default 0.0
        Rate at which activations are dropped: of all hidden layers, or of each.
    sampling : {"shuffle", "replacement"}
        Whether every sample comes once in an epoch, or each is drawn from all of them.
    schedule : str or callable, default "constant"
        A name of `fastnet.training.schedules.SCHEDULES`, "constant", "linear", "cosine" or "one_cycle"; or a function
        that gives, for progress from 0 in the first steps of a `fit` to 1 in the last, a factor on the learning rate.
        That holds for a step, or for about a 32nd of an epoch where that is more.

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
        loss: Loss = "cross_entropy",
        batch_size: int | None = 32,
        backend: str = "numba",
        n_threads: int | None = None,
        seed: int | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        *,
        l2: float = 0.0,
        dropout: float | Sequence[float] = 0.0,
        sampling: str = "shuffle",
        schedule: str | Schedule = "constant",
    ) -> None:
        if not isinstance(network, Network):
            raise TypeError(f"network must be a Network, got {type(network).__name__}")
        optimizer = Adam() if optimizer is None else optimizer
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer must be SGD, Adam or AdamW settings, got {type(optimizer).__name__}")
        training_checks.loss_setting(loss)
        if batch_size is not None:
            training_checks.whole("batch_size", batch_size, 1)
        training_checks.choice("backend", backend, tuple(BACKENDS))
        if n_threads is not None:
            training_checks.whole("n_threads", n_threads, 1)
        training_checks.clipping(clip_norm, clip_value)
        training_checks.hyperparameters(l2=l2)
        training_checks.choice("sampling", sampling, SAMPLINGS)
        self.network, self.optimizer, self.loss = network, optimizer, loss
        self.batch_size, self.backend, self.n_threads = batch_size, backend, n_threads
        self.clip_norm, self.clip_value, self.l2, self.sampling = clip_norm, clip_value, float(l2), sampling
        self.dropout, self.schedule = rates(dropout, len(network.activations)), make_schedule(schedule)
        self._rng = np.random.default_rng(seed)
        self._mask_seed = int(np.random.default_rng(seed).integers(1 << 63)) if self.dropout else 0
        self._slots = tuple(np.zeros_like(network.parameters) for _ in range(optimizer.n_slots))
        self._steps = self._epochs = 0
        self._origin: Origin | None = None  # of the run that may be resumed
        self._best: Best | None = None
        self._left = np.empty(0, np.int64)  # samples that a shuffle has still to give

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        epochs: int = 10,
        on_epoch: Callable[[Epoch], object] | None = None,
        on_chunk: Progress | None = None,
        *,
        steps: int | None = None,
        every: int | None = None,
        sample_weight: npt.ArrayLike | None = None,
        resume: bool = False,
        patience: int | None = None,
        max_time: float | None = None,
    ) -> History:
        """Train for some epochs or steps more; the optimizer goes on where the last call left it.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            Inputs. uint8 stays uint8; other numbers are converted to the network's dtype.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            Class labels from 0 for "cross_entropy" and "softmax_squared_error", else targets (one column may be given
            as a vector).
        validation : tuple of (X, y), optional
            Data that is only evaluated, whenever figures are taken.
        epochs : int, default 10
            Passes over the data, each in a new order; not looked at if `steps` is given.
        on_epoch : callable, optional
            Called with the figures of each epoch as it ends, or whenever they are taken; a true value ends training.
        on_chunk : callable, optional
            Called with the samples done and the samples in all until figures are taken next, several times a second
            where that is long; a true value ends training, as `max_time` does.
        steps : int, optional
            Steps to take, instead of epochs, each with a whole batch.
        every : int, optional
            Epochs, or steps, between two looks at the figures: 1, or about an epoch's steps, if not given.
        sample_weight : array_like, shape (n_samples,), optional
            Weights of the samples in the loss, finite and not negative.
        resume : bool, default False
            Go on with the last call, or with that of a checkpoint: `epochs` or `steps` then count from its beginning,
            and with the same arguments the outcome is the same, to the bit, as if it had not been interrupted.
        patience : int, optional
            End once so many figures in a row had no lower validation loss than one before (Prechelt, "Early stopping,
            but when?", 1998, his UP without strips). The network is left with the parameters of the least.
        max_time : float, optional
            End after about so many seconds of training, within an epoch if need be: its figures are those of the
            samples that were used.

        Returns
        -------
        History
            Figures of these epochs or steps.

        Raises
        ------
        TypeError, ValueError
            For data that does not fit the network or holds NaN or infinity; nothing is trained then.
        FloatingPointError
            If the loss or the parameters are not finite when figures are taken: the learning rate is too high.
        """
        check_limits(patience, max_time, validation)
        data = checked_data(self.network, self.loss, X, y, validation, sample_weight)
        plan = make_plan(len(data.X), self.batch_size, epochs, steps, every)
        start = time.perf_counter()
        train = self._prepare(data, plan)
        history = History(compile_seconds=time.perf_counter() - start)
        deadline = math.inf if max_time is None else time.monotonic() + max_time
        loop = TrainingLoop(self, train, plan, data, resume, deadline)
        self._best = None if patience is None else self._best or Best()
        while not loop.over and not (self._best and patience and self._best.stalled >= patience):
            epoch = loop.train_interval(on_chunk)
            history.epochs.append(epoch)
            if self._best is not None:
                self._best.note(epoch, self.network.parameters)
            if on_epoch is not None and on_epoch(epoch):
                break
        if self._best is not None and self._best.parameters is not None:
            self.network.parameters[:] = self._best.parameters
        return history

    def compile(self, X: npt.ArrayLike, y: npt.ArrayLike) -> None:
        """Compile kernels for such data, or load them, without a step."""
        data = checked_data(self.network, self.loss, X, y, None, None)
        self._prepare(data, make_plan(len(data.X), self.batch_size, 0, None, None))

    def predict_logits(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the outputs of the last layer, shape (n_samples, n_outputs), for inputs as in `fit`."""
        return self._logits(inputs.features("X", X, self.network.sizes[0], self.network.dtype))

    def predict_proba(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Probabilities, shape (n_samples, n_outputs): of the classes, or of each sigmoid output.

        Raises ValueError for a loss of values, whose outputs are no probabilities.
        """
        return targets.probabilities(self.kernels, self.loss, self.predict_logits(X))

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Predict for inputs as in `fit`.

        Returns
        -------
        ndarray
            For losses of class labels, the most probable class, int32, shape (n_samples,). "binary_cross_entropy": 0
            or 1 for each output, int32. "poisson": exp of the outputs, which are logarithms. Other losses: the
            outputs. With a single output, shape (n_samples,).
        """
        outputs = targets.predictions(self.loss, self.predict_logits(X))
        return outputs[:, 0] if outputs.shape[1:] == (1,) else outputs

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Evaluation:
        """Mean loss and accuracy on some data, given as in `fit`."""
        return self._evaluate(*targets.checked(self.network, self.loss, X, y))

    @property
    def kernels(self) -> ModuleType:
        """The module whose operations compute: `fastnet.kernels` or `fastnet.reference`."""
        return import_module(BACKENDS[self.backend])

    def _logits(self, X: npt.NDArray[Any]) -> npt.NDArray[Any]:
        network = self.network
        logits: npt.NDArray[Any] = self.kernels.predict_logits(
            network.parameters, X, network.sizes, network.activations, network.input_scale, n_threads=self.n_threads
        )
        return logits

    def _prepare(self, data: Data, plan: Plan) -> Callable[..., Totals]:
        """Return what trains on some of the samples; kernels are loaded or compiled by running them on none."""
        network = self.network
        train: Callable[..., Totals] = self.kernels.prepare_training(
            network.parameters, self._slots, data.X, data.y, network.sizes, network.activations, self.loss,
            self.optimizer.as_tuple(), plan.n_batch, network.input_scale, self.clip_norm, self.clip_value,
            data.weights, self.l2, self.dropout or None, self._mask_seed, network.bias, self.n_threads,
        )  # fmt: skip
        train(np.empty(0, np.int64))
        self._evaluate(data.X[:0], data.y[:0])
        return train

    def _evaluate(self, X: npt.NDArray[Any], y: npt.NDArray[Any]) -> Evaluation:
        return targets.evaluation(self.kernels, self.loss, self._logits(X), y)
