"""What is timed for a target: fastnet and what it is held against, by turns, or fastnet alone."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from fastnet.measure.peers import PEERS, Run, Unavailable
from fastnet.measure.roofline import fma_peak
from fastnet.measure.suites import operations
from fastnet.measure.suites.company import LEARNING_RATE
from fastnet.measure.suites.estimators import BATCH, Fit
from fastnet.measure.suites.fit_data import N_CLASSES, noise
from fastnet.measure.timing import in_loops, settle
from fastnet.measure.workloads import Workload
from fastnet.network import Network
from fastnet.optimizers import SGD, Adam
from fastnet.predictor import Predictor

SHORTEST = 0.02
"""Seconds that one timing takes at least: as long as that of the peak, and longer than most interruptions."""

PEAK_SECONDS = 0.02
"""Of measuring the FMA peak in a round."""

STEP = 10
"""Steps before each epoch; Adam's corrections of the first ones cost nothing, whatever the number."""


class Runs(NamedTuple):
    """Everything prepared for a target: what takes turns in a round, and what a round says."""

    turns: dict[str, Callable[[], float]]  # seconds of a call, or the peak in GFLOP/s
    value: Callable[[dict[str, float]], float]  # of what they returned, by name


def over_numpy(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> Runs:
    """Prepare the product of two stacks of matrices, by `numpy.matmul` and by the kernel, both with `out`."""
    from fastnet.kernels import matmul_forward

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, dtype=np.float32) for shape in shapes)
    theirs, own = np.matmul(a, b), np.matmul(a, b)
    return _ratio(partial(np.matmul, a, b, out=theirs), partial(matmul_forward, a, b, own))


def over_reference(key: tuple[str, str]) -> Runs:
    """Prepare an operation at a size of the table of cases, in both implementations."""
    from fastnet import kernels, reference

    operation, size = key
    (case,) = (case for case in operations.realistic_cases([operation]) if case.size == size)
    return _ratio(*operations.calls(case, np.float32, (reference, kernels)))


def training_of_peak(workload: Workload) -> Runs:
    """Prepare training of a network, whose epochs are timed from the call that has the order of samples."""
    from fastnet.kernels import prepare_training

    X, y = workload.data()
    network = Network(workload.sizes, workload.activation, seed=0)
    optimizer = SGD(LEARNING_RATE) if workload.optimizer == "sgd" else Adam(LEARNING_RATE)
    state = tuple(np.zeros_like(network.parameters) for _ in optimizer.state_names)
    epoch = prepare_training(
        network.parameters, state, X, y, network.sizes, network.activations, "cross_entropy", optimizer.as_tuple(),
        workload.batch,
    )  # fmt: skip
    order = np.random.default_rng(0).permutation(workload.samples)
    return _of_peak(_seconds(partial(epoch, order, STEP)), workload.flop, 1)


def one_row(sizes: Sequence[int]) -> Runs:
    """Prepare the class of one row, whose calls are counted in microseconds."""
    predictor = Predictor(Network(sizes, seed=0), "cross_entropy")
    x = np.random.default_rng(0).random(sizes[0], dtype=np.float32)
    return Runs({"own": _seconds(partial(predictor, x))}, lambda once: 1e6 * once["own"])


def fit_of_peak(fit: Fit) -> Runs:
    """Prepare fits of the default classifier, all that checks and prepares the data included, with all threads."""
    X, y = fit.data()
    sizes = (fit.features, *fit.model("fastnet").hidden_layer_sizes, N_CLASSES)
    workload = Workload(sizes, BATCH, optimizer=fit.solver, samples=fit.samples, repeats=fit.epochs)

    def fitted(rows: int = fit.samples) -> float:
        model = fit.model("fastnet")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nothing converged
            start = time.perf_counter()
            model.fit(X[:rows], y[:rows])
            return time.perf_counter() - start

    fitted(BATCH)  # compiles
    return _of_peak(fitted, workload.flop, None)


class TableFit(NamedTuple):
    """A fit of the default classifier of tables: rows to train on, columns of numbers, and epochs."""

    rows: int
    columns: int
    epochs: int

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.rows:,} rows of {self.columns:,} numbers, {self.epochs} epochs"


def table_fit_of_peak(fit: TableFit) -> Runs:
    """Prepare fits of the default classifier of tables, without held-out rows, with all threads.

    Reading and encoding the table are part of them.
    """
    from fastnet import TabularMLPClassifier

    model = TabularMLPClassifier(n_epochs=fit.epochs, validation_fraction=0, random_state=0)
    X, y = noise(np.random.default_rng(0), fit.rows, fit.columns)
    sizes = (fit.columns, *model.hidden_layer_sizes, N_CLASSES)
    batch = min(model.batch_size, fit.rows)
    rows = fit.rows // batch * batch  # the short last batch is dropped
    workload = Workload(sizes, batch, optimizer="adam", samples=rows, repeats=fit.epochs)

    def fitted(count: int = fit.rows) -> float:
        start = time.perf_counter()
        model.fit(X[:count], y[:count])
        return time.perf_counter() - start

    fitted(batch)  # compiles
    return _of_peak(fitted, workload.flop, None)


def over_jax(workload: Workload) -> Runs:
    """Prepare epochs by JAX, which has the threads of its process, and by fastnet; raise `Unavailable` without it."""
    if PEERS["jax"].missing() is not None:
        raise Unavailable("JAX is not installed")
    X, y = workload.data()
    other, own = (PEERS[key].prepare(workload, X, y, 1, learning_rate=LEARNING_RATE) for key in ("jax", "fastnet"))
    for run in (other, own):
        run.warm_up()
    return Runs({"other": partial(_settled, other), "own": partial(_settled, own)}, _other_over_own)


def _settled(run: Run) -> float:
    """Train when the threads of the library before have stopped spinning."""
    settle()
    return run.epoch()


def _seconds(call: Callable[[], object]) -> Callable[[], float]:
    return in_loops(call, SHORTEST)


def _ratio(other: Callable[[], object], own: Callable[[], object]) -> Runs:
    return Runs({"other": _seconds(other), "own": _seconds(own)}, _other_over_own)


def _other_over_own(once: dict[str, float]) -> float:
    return once["other"] / once["own"]


def _of_peak(own: Callable[[], float], flop: float, n_threads: int | None) -> Runs:
    peak = partial(fma_peak, n_threads=n_threads, seconds=PEAK_SECONDS)
    return Runs({"own": own, "peak": peak}, lambda once: flop / once["own"] / 1e9 / once["peak"])
