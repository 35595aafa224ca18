"""Training and prediction, written once for the reference and the compiled kernels."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastnet.distributed.agreement import together
from fastnet.distributed.connecting import connect
from fastnet.distributed.failure import ending_all
from fastnet.distributed.steps import evaluate
from fastnet.inference import Evaluation, Inference, Loss, loss_name
from fastnet.network import Network
from fastnet.optimizers import Adam, Optimizer
from fastnet.training import samples, stopping
from fastnet.training.callbacks import Callbacks
from fastnet.training.history import History
from fastnet.training.loop import Layers, Task, TrainingLoop
from fastnet.training.plan import Plan, make_plan
from fastnet.training.samples import OfRows, PreparedData, SampleOrder, Sampler
from fastnet.training.schedules import Schedule
from fastnet.training.settings import TrainingSettings
from fastnet.training.state import TrainingState
from fastnet.validation import frames
from fastnet.validation import settings as checks

if TYPE_CHECKING:
    from fastnet.models import Model


class Trainer(Inference):
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
        that gives, for progress from 0 in the first steps of a `fit` to 1 in the last, a factor on the learning rate,
        which holds for a step, or for about a 32nd of an epoch where that is more.
    shards : int, optional
        Cut batches into so many shards, a power of two, whose gradients are added in a tree; 8 by default with ranks.
    ranks : {"mpi"}, optional
        Share the shards among the processes that `mpiexec` has started. Their number, a power of two, changes no bit.

    Attributes
    ----------
    settings : TrainingSettings
        All of these but the network; `Trainer.of(network, settings)` takes them so.
    state : TrainingState
        What training has come to: all that is needed to go on.
    network, loss, backend, n_threads
        As given.
    rank : int
        Number of this process.
    feature_names : tuple of str or None
        Names of the features of the first data frame that was trained on; columns of others are matched with them.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, which the message names.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import Network, SGD, Trainer
    >>> X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), [0, 1, 1, 0]
    >>> network = Network([2, 8, 2], activations="tanh", seed=0)
    >>> trainer = Trainer(network, SGD(lr=0.5), batch_size=4, backend="numpy", seed=0)
    >>> history = trainer.fit(X, y, epochs=200)
    >>> trainer.predict(X)
    array([0, 1, 1, 0], dtype=int32)
    """

    def __init__(
        self, network: Network, optimizer: Optimizer | None = None, loss: Loss = "cross_entropy",
        batch_size: int | None = 32, backend: str = "numba", n_threads: int | None = None, seed: int | None = None,
        clip_norm: float | None = None, clip_value: float | None = None, *, l2: float = 0.0,
        dropout: float | Sequence[float] = 0.0, sampling: str = "shuffle", schedule: str | Schedule = "constant",
        shards: int | None = None, ranks: str | None = None,
    ) -> None:  # fmt: skip
        optimizer = Adam() if optimizer is None else optimizer
        settings = TrainingSettings(
            optimizer, loss, batch_size, backend, n_threads, seed, clip_norm, clip_value, l2, dropout, sampling,
            schedule, shards, ranks,
        )  # fmt: skip
        self._begin(network, settings)

    @classmethod
    def of(cls, network: Network, settings: TrainingSettings, feature_names: tuple[str, ...] | None = None) -> Trainer:
        """Return a trainer of a network with settings that were made before; `feature_names` as far as they are known.

        Examples
        --------
        >>> Trainer.of(Network([2, 1], seed=0), TrainingSettings(batch_size=8)).settings.batch_size
        8
        """
        trainer = cls.__new__(cls)
        trainer._begin(network, settings, feature_names)
        return trainer

    def __repr__(self) -> str:
        return f"Trainer({self.network!r}, {self.settings!r})"

    def _begin(
        self, network: Network, settings: TrainingSettings, feature_names: tuple[str, ...] | None = None
    ) -> None:
        super().__init__(network, settings.loss, settings.backend, settings.n_threads, feature_names)
        settings.dropout_rates(len(network.activations))  # rejects what is not one rate for each
        self.settings, self.rank = settings, connect(settings.ranks, settings.shards or 1).rank
        self.state = TrainingState.begin(network.parameters, settings)
        self.join: Any = None  # what makes this trainer's steps part of those of others

    def prepare(
        self, X: npt.ArrayLike | PreparedData, y: npt.ArrayLike | None = None,
        validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None, sample_weight: npt.ArrayLike | None = None,
    ) -> PreparedData:  # fmt: skip
        """Check and convert data once, for many calls of `fit`.

        Parameters
        ----------
        X, y, validation, sample_weight
            As in `fit`.

        Returns
        -------
        PreparedData
            What `fit` takes in place of `X`, of this trainer and of others whose networks have as many inputs and
            outputs, the same dtype and the same loss.

        Raises
        ------
        TypeError, ValueError
            For data that does not fit the network or holds NaN or infinity.

        Examples
        --------
        >>> trainer = Trainer(Network([1, 2], seed=0), backend="numpy", seed=0)
        >>> data = trainer.prepare([[0.0], [1.0]], [0, 1])
        >>> [len(trainer.fit(data, epochs=2).epochs) for _ in range(2)]
        [2, 2]
        """
        with together(connect(self.settings.ranks, self.settings.shards or 1)):
            return samples.prepare(self.network, self.loss, X, y, validation, sample_weight, self.feature_names)

    def fit(
        self, X: npt.ArrayLike | PreparedData, y: npt.ArrayLike | None = None,
        validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None, epochs: int = 10,
        callbacks: Sequence[Any] = (), *, steps: int | None = None, every: int | None = None,
        sample_weight: npt.ArrayLike | None = None, resume: bool = False, patience: int | None = None,
        max_time: float | None = None,
    ) -> History:  # fmt: skip
        """Train for some epochs or steps more; the optimizer goes on where the last call left it.

        Parameters
        ----------
        X : array_like or data frame, shape (n_samples, n_features)
            Inputs. uint8 stays uint8; other numbers are converted to the network's dtype. Columns of a data frame of
            pandas, polars or Arrow are matched by name with those of the first one. Or what `prepare` returned, without
            y, validation and sample_weight, which are in it.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            Class labels from 0 for "cross_entropy" and "softmax_squared_error", else targets (one column may be given
            as a vector).
        validation : tuple of (X, y), optional
            Data that is only evaluated, whenever metrics are taken.
        epochs : int, default 10
            Passes over the data, each in a new order; not looked at if `steps` is given.
        callbacks : tuple or list, default ()
            Of `fastnet.training.callbacks.Callback`, or of functions, which are called with the metrics of each epoch
            as it ends, or whenever they are taken. A true value ends training, within an epoch too.
        steps : int, optional
            Steps to take, instead of epochs, each with a whole batch.
        every : int, optional
            Logging interval, in epochs or steps: 1, or about an epoch's steps, if not given.
        sample_weight : array_like, shape (n_samples,), optional
            Weights of the samples in the loss, finite and not negative. Batches without any weight are passed over.
        resume : bool, default False
            Resume the last call, or that of a checkpoint: `epochs` or `steps` then count from its beginning,
            and with the same arguments the outcome is the same, to the bit, as if it had not been interrupted.
        patience : int, optional
            End once so many epochs, or logging intervals, in a row had no lower validation loss than one before
            (`fastnet.training.stopping.Patience`). The network is left with the parameters of the least.
        max_time : float, optional
            End after about so many seconds of training, within an epoch if need be: its metrics are those of the
            samples that were used (`fastnet.training.stopping.MaxTime`).

        Returns
        -------
        History
            Metrics of these epochs or steps.

        Raises
        ------
        TypeError, ValueError
            For data that does not fit the network or holds NaN or infinity; nothing is trained then.
        FloatingPointError
            If the loss or the parameters are not finite when metrics are taken: the learning rate is too high.
        """
        data = self.prepare(X, y, validation, sample_weight)
        self._take_names(data.feature_names)
        checks.limits(patience, max_time, data.validation)
        plan = make_plan(data.n_samples, self.settings.batch_size, epochs, steps, every)
        told = Callbacks(self, [*stopping.rules(patience, max_time), *checks.callbacks(callbacks)])
        start = time.perf_counter()
        self.state.parameters = self.network.parameters
        self.state.start_run(plan, data.n_samples, resume)
        loop = self._loop(data, plan, told)
        if patience is not None and data.validation is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                checks.loss_for_patience(loop.validation_loss())
        history = History(compile_seconds=time.perf_counter() - start)
        with ending_all():
            history.epochs.extend(loop)
        return history

    def _take_names(self, names: tuple[str, ...] | None) -> None:
        """Learn the names of features; refuse data that was prepared for others, whose order is another."""
        if names is not None and self.feature_names is not None and names != self.feature_names:
            frames.order_of(names, self.feature_names, "data")
            raise ValueError("data was prepared with its columns in another order than this trainer was trained on")
        object.__setattr__(self, "feature_names", names or self.feature_names)

    def compile(self, X: npt.ArrayLike | PreparedData, y: npt.ArrayLike | None = None) -> None:
        """Compile kernels for such data, or load them, without a step."""
        data = self.prepare(X, y)
        self._loop(data, make_plan(data.n_samples, self.settings.batch_size, 0, None, None), Callbacks(self, ()))

    def to_model(self, metrics: Mapping[str, float] | None = None) -> Model:
        """Return the network as a `fastnet.Model`, to save.

        Parameters
        ----------
        metrics : mapping of str to float, optional
            Metrics to keep with it.

        Returns
        -------
        Model
            The network itself, with the loss it is trained with, and names of features.
        """
        from fastnet.models import Model

        return Model(
            self.network, loss_name(self.loss), metrics=dict(metrics or {}), feature_names=self.feature_names
        )  # fmt: skip

    def _loop(self, data: PreparedData, plan: Plan, callbacks: Callbacks) -> TrainingLoop:
        """Return what trains on some data; kernels are loaded or compiled by running them on no samples."""
        train, others, state, how, n = data.samples, data.validation, self.state, self.settings, data.n_samples
        order: SampleOrder = Sampler(state.generator, how.sampling, n, plan.n_batch >= n, state.remaining)
        if data.rows is not None:
            order = OfRows(order, data.rows)

        def validate() -> tuple[Evaluation, None]:
            assert others is not None
            if how.shards is not None:
                return evaluate(self._evaluate, *others[:2], self.loss, connect(how.ranks, how.shards)), None
            return self._evaluate(others.X, others.y), None

        loop = TrainingLoop(
            Task(Layers.of(self.network), how, state, train, self.join), plan, order, how.rates(), callbacks,
            validate=None if others is None else validate,
        )  # fmt: skip
        loop.compare_ranks(others)
        loop.compile()
        self._evaluate(train.X[:0], train.y[:0])
        return loop
