"""What every library has to offer to be measured."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import fastnet
from fastnet.measure.environment import installed_version
from fastnet.measure.workloads import Workload
from fastnet.validation import training as training_checks

LEARNING_RATES = {"sgd": 0.01, "adam": 0.001}
"""Where none is given: a time does not depend on it as long as nothing overflows."""


class Unavailable(RuntimeError):  # noqa: N818 (it is a finding, not a failure)
    """A library that is installed cannot run the workload here; the message names it and says why."""


@dataclass(frozen=True, eq=False)
class Task:
    """A workload with its data and settings, all checked."""

    workload: Workload
    X: npt.NDArray[Any]
    y: npt.NDArray[np.int64]
    n_threads: int
    seed: int
    learning_rate: float

    def network(self) -> fastnet.Network:
        """Return the network of fastnet whose initial parameters other libraries start from, too."""
        workload = self.workload
        return fastnet.Network(workload.sizes, workload.activation, seed=self.seed, dtype=workload.dtype)


class Run(ABC):
    """A network that a library trains, epoch by epoch."""

    _task: Task

    @abstractmethod
    def __init__(self, task: Task) -> None: ...

    @abstractmethod
    def warm_up(self) -> float:
        """Compile, or take a first step, without changing what is trained; return the seconds that took.

        Raises `Unavailable` if the library cannot run here.
        """

    @abstractmethod
    def epoch(self) -> float:
        """Train for `workload.repeats` epochs more; return the seconds of training.

        Raises FloatingPointError if the library sees that training diverged; others go on with NaN.
        """

    def train_for(self, seconds: float) -> float:
        """Train for about so long, for whole epochs; return the samples per second of training."""
        workload, passed, rounds = self._task.workload, 0.0, 0
        while passed < seconds or not rounds:
            passed += self.epoch()
            rounds += 1
        return rounds * workload.repeats * workload.samples / passed

    @abstractmethod
    def logits_argmax(self, X: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return the most probable class of every row."""


@dataclass(frozen=True)
class Peer:
    """A library that trains workloads.

    Attributes
    ----------
    key : str
        Its name on the command line.
    name : str
        Its name in tables.
    module, distribution : str
        What is imported, and what is installed for it.
    start : callable
        Makes a `Run` of a `Task`; the library is imported there and not before.

    Examples
    --------
    >>> from fastnet.measure.peers import PEERS
    >>> from fastnet.measure.workloads import Workload
    >>> peer, workload = PEERS["numpy"], Workload((4, 3), 8, samples=16)
    >>> peer.name, peer.missing()
    ('numpy backend', None)
    >>> run = peer.prepare(workload, *workload.data())
    >>> run.warm_up() >= 0, run.epoch() > 0
    (True, True)
    """

    key: str
    name: str
    module: str
    distribution: str
    start: Callable[[Task], Run]

    @property
    def version(self) -> str | None:
        """Version that is installed, None if there is none."""
        return fastnet.__version__ if self.module == "fastnet" else installed_version(self.distribution)

    def missing(self) -> str | None:
        """Return why it cannot run, or None; the library is not imported for that."""
        if importlib.util.find_spec(self.module) is None:
            return f"{self.name}: {self.distribution} is not installed"
        return None

    def prepare(
        self,
        workload: Workload,
        X: npt.NDArray[Any],
        y: npt.NDArray[Any],
        n_threads: int | None = None,
        seed: int = 0,
        learning_rate: float | None = None,
    ) -> Run:
        """Put a network and the data where the library wants them; nothing of this is timed.

        Parameters
        ----------
        workload : Workload
            What to train.
        X : ndarray of the workload's dtype, shape (samples, sizes[0])
            Inputs.
        y : ndarray of integers, shape (samples,)
            Classes, from 0.
        n_threads : int, optional
            Threads to use; as many as the kernels take by themselves if not given.
        seed : int, default 0
            Seed of the initial parameters and of the order of samples.
        learning_rate : float, optional
            0.01 for SGD and 0.001 for Adam, if not given.

        Raises
        ------
        TypeError, ValueError
            For data that is not the workload's, or another argument that cannot be used.
        """
        from fastnet.machine.cores import available_cores

        if X.shape != (workload.samples, workload.sizes[0]) or X.dtype != workload.dtype:
            expected = f"({workload.samples}, {workload.sizes[0]}) of {workload.dtype}"
            raise ValueError(f"X must have shape {expected}, as the workload says; got {X.shape} of {X.dtype}")
        if y.shape != (workload.samples,) or y.min() < 0 or y.max() >= workload.sizes[-1]:
            raise ValueError(f"y must hold {workload.samples} classes from 0 to {workload.sizes[-1] - 1}")
        threads = available_cores() if n_threads is None else n_threads
        training_checks.whole("n_threads", threads, 1)
        training_checks.whole("seed", seed, 0)
        rate = LEARNING_RATES[workload.optimizer] if learning_rate is None else learning_rate
        training_checks.hyperparameters(learning_rate=rate)
        return self.start(Task(workload, np.ascontiguousarray(X), y.astype(np.int64), threads, seed, rate))
