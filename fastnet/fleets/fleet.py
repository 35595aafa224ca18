"""`Fleet`: many networks trained at once, on the same data or each on rows of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.fleets import settings as fleet_settings
from fastnet.fleets.away import fit_away
from fastnet.fleets.crew import Halt, side_by_side
from fastnet.fleets.executors import require_executor
from fastnet.fleets.files import load_models, save_networks
from fastnet.fleets.together import Together, groups_of
from fastnet.inference import Evaluation, Inference, loss_name
from fastnet.machine.threads import resolve_threads
from fastnet.network import Network
from fastnet.optimizers import Adam
from fastnet.training.history import History
from fastnet.training.samples import PreparedData, prepare
from fastnet.training.trainer import Trainer
from fastnet.validation import settings as checks
from fastnet.validation.training import threads as check_threads

Array = npt.NDArray[Any]


class Fleet:
    """Train many networks at once, each to the very bits that a `Trainer` of its own would bring it to.

    Networks need not be alike: sizes, activations, dtypes and settings may all differ. Data is checked and converted
    once for all; each network is trained by one thread where there are as many networks as threads, so that none waits
    for another. Small networks with one seed, which see the same batches, take each batch one after the other while
    its rows are in the processor's caches.

    Parameters
    ----------
    networks : sequence of Network
        The networks, which are trained in place.
    optimizer : SGD, Adam or AdamW, or a list of them, default Adam()
        Settings of the steps.
    seeds : int, or sequence of int, optional
        Seeds of the order of samples, and of dropout: one for each network, or the same for all.
    n_threads : int, optional
        Threads in all; if not given, as many as the limits allow that `fastnet info` shows.
    loss, batch_size, backend, clip_norm, clip_value, l2, dropout, sampling, schedule
        As `Trainer` takes them. A list holds one for each network, anything else is for all: a tuple of rates of
        dropout is that of the layers of all networks.
    executor : dask.distributed.Client or concurrent.futures.Executor, optional
        Where `fit` trains the networks instead of on threads here, each on one thread there. A Dask client sends the
        data to every worker once, and does the tasks of a lost worker again on others.

    Attributes
    ----------
    networks : list of Network
        As given.
    trainers : list of Trainer
        One for each network: its settings, its state, and what it predicts.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, which the message names.

    Examples
    --------
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> networks = [Network([1, 4, 2], seed=seed) for seed in range(3)]
    >>> fleet = Fleet(networks, seeds=[0, 1, 2], batch_size=2, backend="numpy")
    >>> histories = fleet.fit(X, y, rows=[[0, 1, 3], [0, 2, 3], [0, 1, 2, 3]], epochs=5)
    >>> [len(history.epochs) for history in histories], fleet.predict_proba(X).shape
    ([5, 5, 5], (3, 4, 2))
    """

    def __init__(
        self, networks: Sequence[Network], optimizer: Any = None, loss: Any = "cross_entropy", batch_size: Any = 32,
        backend: Any = "numba", n_threads: int | None = None, seeds: Any = None, *, clip_norm: Any = None,
        clip_value: Any = None, l2: Any = 0.0, dropout: Any = 0.0, sampling: Any = "shuffle",
        schedule: Any = "constant", executor: Any = None,
    ) -> None:  # fmt: skip
        self.networks = fleet_settings.networks_of(networks)
        check_threads(n_threads)
        if executor is not None:
            require_executor(executor)
        self._executor = executor
        self._n_threads, count = n_threads, len(self.networks)
        values = {
            "optimizer": Adam() if optimizer is None else optimizer, "loss": loss, "batch_size": batch_size,
            "backend": backend, "n_threads": self._threads_each(), "seed": fleet_settings.seeds_of(seeds, count),
            "clip_norm": clip_norm, "clip_value": clip_value, "l2": l2, "dropout": dropout, "sampling": sampling,
            "schedule": schedule,
        }  # fmt: skip
        settings = fleet_settings.settings_of(count, values)
        self.trainers: list[Trainer] = []
        for i in range(count):
            with fleet_settings.numbered(i):
                self.trainers.append(Trainer.of(self.networks[i], settings[i]))

    def fit(
        self, X: npt.ArrayLike, y: npt.ArrayLike, rows: Sequence[npt.ArrayLike] | None = None, validation: Any = None,
        epochs: int = 10, *, sample_weight: npt.ArrayLike | None = None, patience: int | None = None,
        max_time: float | None = None,
    ) -> list[History]:  # fmt: skip
        """Train each network for some epochs more; optimizers go on where the last call left them.

        Parameters
        ----------
        X, y, sample_weight
            As `Trainer.fit` takes them, for all networks.
        rows : list of array_like of int, optional
            The rows of X and y that each network is trained with, in this order, some of them repeatedly if they stand
            there so; all rows, if not given.
        validation : tuple of (X, y), or list of those, optional
            Data that is only evaluated, after each epoch: the same for all networks, or one pair for each.
        epochs : int, default 10
            Passes over the rows.
        patience : int, optional
            End a network's training once so many epochs in a row had no lower validation loss than one before; it is
            left with the parameters of the least.
        max_time : float, optional
            End all training after about so many seconds; a network that has not begun by then stays as it is. On an
            executor the seconds of each network count from its own beginning.

        Returns
        -------
        list of History
            Metrics of each network's epochs.

        Raises
        ------
        TypeError, ValueError
            For data that does not fit the networks or holds NaN or infinity; nothing is trained then.
        FloatingPointError
            If the loss or parameters of a network, whose number the message gives, become infinite or NaN.
        RuntimeError
            If networks were lost on an executor, whose numbers the message gives; none is changed then.
        """
        pairs = fleet_settings.for_each("validation", validation, len(self.networks))
        for pair in pairs:
            checks.limits(patience, max_time, pair)
        data = self._prepare(X, y, rows, pairs, sample_weight)
        if self._executor is not None:
            return fit_away(self._executor, self.trainers, data, epochs, patience, max_time)
        halt = Halt(None if max_time is None else float(max_time))

        def fit(i: int) -> History:
            with fleet_settings.numbered(i):
                return self.trainers[i].fit(data[i], epochs=epochs, callbacks=(halt,), patience=patience)

        def fit_together(i: int, group: Together) -> History:
            with group.taking_part(i, self.trainers[i]):
                return fit(i)

        def fit_all(members: list[int]) -> list[History]:
            if len(members) == 1:
                return [fit(members[0])]
            group = Together(members)
            return side_by_side([partial(fit_together, i, group) for i in members], len(members), halt)

        n_threads = resolve_threads(self._n_threads)
        groups = groups_of(self.trainers, data, n_threads)
        fitted = side_by_side([partial(fit_all, members) for members in groups], n_threads, halt)
        found = dict(zip(chain(*groups), chain(*fitted), strict=True))
        return [found[i] for i in range(len(data))]

    def predict_proba(self, X: npt.ArrayLike) -> Array:
        """Probabilities that each network gives, shape (n_networks, n_samples, n_outputs).

        Raises ValueError for a loss without probabilities, or networks with different numbers of outputs.
        """
        return self._stacked("predict_proba", X)

    def predict(self, X: npt.ArrayLike) -> Array:
        """Predict by each network, shape (n_networks, n_samples), or with the outputs where there are several."""
        return self._stacked("predict", X)

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> list[Evaluation]:
        """Mean loss and accuracy of each network on some data."""
        return [model.evaluate(X, y) for model in self._models()]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all networks, and the losses they are trained with, to one safetensors file.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "fleet.safetensors"
        ...     Fleet([Network([2, 1], seed=seed) for seed in range(3)], loss="squared_error").save(path)
        ...     len(Fleet.load(path).networks)
        3
        """
        save_networks(path, self.networks, [trainer.loss for trainer in self.trainers])

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Fleet:
        """Return the networks that `save` wrote, bit for bit, as a fleet; settings but the loss are the default ones.

        Raises
        ------
        FileNotFoundError
            If there is no such file; IsADirectoryError for a folder.
        ValueError
            If the file is damaged, or is no fleet; the message begins with the path.
        """
        models = load_models(path)
        return cls([model.network for model in models], loss=[model.loss for model in models])

    def _threads_each(self) -> int:
        """Threads of each network's own: one, unless there are fewer networks than threads."""
        return max(1, resolve_threads(self._n_threads) // len(self.networks))

    def _prepare(self, X: Any, y: Any, rows: Any, pairs: list[Any], sample_weight: Any) -> list[PreparedData]:
        """Check and convert data once for all networks that take it alike."""
        made: dict[tuple[Any, ...], PreparedData] = {}
        found = []
        for i, trainer in enumerate(self.trainers):
            network, pair = trainer.network, pairs[i]
            key = network.sizes[0], network.sizes[-1], network.dtype, loss_name(trainer.loss), id(pair)
            if key not in made:
                with fleet_settings.numbered(i):
                    made[key] = prepare(network, trainer.loss, X, y, pair, sample_weight)
            found.append(made[key])
        chosen = fleet_settings.rows_of(rows, len(found[0].samples.y), len(found))
        return [data if own is None else data.of_rows(own) for data, own in zip(found, chosen, strict=True)]

    def _models(self) -> list[Inference]:
        """Return what predicts: each network in its turn, by all threads."""
        return [Inference(one.network, one.loss, one.backend, self._n_threads) for one in self.trainers]

    def _stacked(self, method: str, X: Any) -> Array:
        outputs = {network.sizes[-1] for network in self.networks}
        if len(outputs) > 1:
            raise ValueError(
                f"{method} needs networks with as many outputs, got {', '.join(map(str, sorted(outputs)))}: "
                "ask each of trainers"
            )
        return np.stack([getattr(model, method)(X) for model in self._models()])
