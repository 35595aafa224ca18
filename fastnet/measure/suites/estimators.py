"""Estimators: `fastnet.MLPClassifier` and scikit-learn's, which compute the same, fitted and asked alternately."""

from __future__ import annotations

import math
import statistics
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

import fastnet
from fastnet.machine.threads import resolve_threads
from fastnet.measure.peers.own import blas_threads
from fastnet.measure.suites.fit_data import KINDS, Labels
from fastnet.measure.tables import Table, duration, losses, ratio_of, too_noisy, wins_of
from fastnet.measure.timing import Harness, in_loops, ratios_to, settle

LABELS = {"fastnet": "fastnet", "sklearn": "scikit-learn"}
BATCH = 200

NOTE = """\
`MLPClassifier` of fastnet and of scikit-learn, with default settings except as stated, fitted to the same arrays with
the same seed. The whole of `fit` is timed, with checks and conversion of the data; neither stops early. Both end with
the same loss, up to rounding."""


@dataclass(frozen=True)
class Fit:
    """A fit of a classifier with default settings, but for what stands here; no epoch is left out.

    Attributes
    ----------
    samples, features : int
        Shape of the data.
    epochs : int
        Epochs, or iterations of L-BFGS.
    solver : {"adam", "lbfgs"}
        Of the estimators.
    dtype : {"float32", "float64"}
        Of the data, and so of the network.
    one_thread : bool
        Whether both get one thread, however many there are.
    kind : {"noise", "digits", "words"}
        Of the data (`fastnet.measure.suites.fit_data`): dense, images of which a fifth are not zero, or sparse.

    Examples
    --------
    >>> fit = Fit(1000, 20, epochs=200)
    >>> fit.name
    'fit of 1,000 x 20, adam, 200 epochs'
    >>> X, y = fit.data()
    >>> X.shape, X.dtype.name, y.shape
    ((1000, 20), 'float32', (1000,))
    """

    samples: int
    features: int
    epochs: int
    solver: str = "adam"
    dtype: str = "float32"
    one_thread: bool = False
    kind: str = "noise"

    @property
    def name(self) -> str:
        """What is fitted, for how long."""
        unit = "iterations" if self.solver == "lbfgs" else "epochs"
        kind = "" if self.kind == "noise" else f" {self.kind}"
        return f"fit of {self.samples:,} x {self.features:,}{kind}, {self.solver}, {self.epochs} {unit}"

    def data(self) -> tuple[Any, Labels]:
        """Draw inputs, an array or a CSR matrix, and labels, the same ones every time."""
        X, y = KINDS[self.kind](np.random.default_rng(0), self.samples, self.features)
        return X.astype(self.dtype, copy=False), y

    def model(self, key: str, n_threads: int | None = None, epochs: int | None = None) -> Any:
        """Return an estimator of a library that has not been fitted; it stops after its epochs and not before."""
        count = epochs or self.epochs
        model: Any
        if key == "fastnet":
            model = fastnet.MLPClassifier(n_threads=1 if self.one_thread else n_threads)
        else:
            # by the name that patch_sklearn leaves alone
            from sklearn.neural_network._multilayer_perceptron import MLPClassifier

            model = MLPClassifier()
        return model.set_params(solver=self.solver, max_iter=count, tol=0.0, n_iter_no_change=count, random_state=0)


QUICK = (Fit(1_000, 20, 200),)
FULL = (
    Fit(60_000, 784, 12, kind="digits"),
    Fit(60_000, 784, 12, kind="digits", one_thread=True),
    Fit(60_000, 784, 12, kind="digits", dtype="float64"),
    Fit(60_000, 784, 12),
    Fit(60_000, 784, 12, one_thread=True),
    Fit(60_000, 784, 12, dtype="float64"),
    Fit(4_000, 20_000, 12, kind="words"),
    *QUICK,
    Fit(1_000, 20, 200, dtype="float64"),
    Fit(1_000, 20, 100, "lbfgs", "float64"),
)
"""The default classifier on images and on dense data of their shape, on sparse texts, and on a small table; both
precisions, and the solver for small data. Twelve epochs are the least after which the defaults let a fit stop."""

ONE_ROW = Fit(1_000, 784, 1)
"""What predicts a row at a time."""


@contextmanager
def _settled(n_threads: int) -> Iterator[None]:
    """Give BLAS its threads, after those of the library before have stopped spinning; hide that nothing converged."""
    settle()
    with blas_threads(n_threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def measure_fit(fit: Fit, harness: Harness) -> dict[str, Any]:
    """Fit both classifiers, alternately, and return the row of the results.

    Parameters
    ----------
    fit : Fit
        What to fit.
    harness : Harness
        How often, for how long, and with how many threads for both.

    Returns
    -------
    dict
        JSON-ready: the fit, the median seconds of each library, the ratio of scikit-learn to fastnet,
        and what they arrived at, which shows that both did the same: the epochs and the loss of the last one.
    """
    threads = _threads(fit, harness.n_threads)
    X, y = fit.data()
    last: dict[str, Any] = {}

    def fitted(key: str) -> float:
        with _settled(threads):
            last[key] = fit.model(key, harness.n_threads)
            start = time.perf_counter()
            last[key].fit(X, y)
            return time.perf_counter() - start

    harness.progress(f"{fit.name}, {fit.dtype}: warming up")
    for key in LABELS:
        with _settled(threads):
            fit.model(key, harness.n_threads, 1).fit(X[:BATCH], y[:BATCH])  # compiles
    harness.progress(f"{fit.name}, {fit.dtype}: measuring")
    times = harness.times({key: partial(fitted, key) for key in LABELS})
    reached = {
        "epochs": {key: last[key].n_iter_ for key in LABELS},
        "loss": {key: float(last[key].loss_) for key in LABELS},
    }
    return _row(fit, fit.name, threads, times) | reached


def measure_one_row(harness: Harness) -> dict[str, Any]:
    """Time `predict_proba` of one row in both classifiers, alternately; a row as that of `measure_fit`."""
    threads = _threads(ONE_ROW, harness.n_threads)
    X, y = ONE_ROW.data()
    harness.progress("predict_proba of one row")
    with _settled(threads):
        models = {key: ONE_ROW.model(key, harness.n_threads).fit(X, y) for key in LABELS}
        times = harness.times({key: in_loops(partial(model.predict_proba, X[:1])) for key, model in models.items()})
    return _row(ONE_ROW, f"predict_proba of 1 x {ONE_ROW.features}", threads, times)


def measure_all(fits: Sequence[Fit], harness: Harness) -> Iterator[dict[str, Any]]:
    """Measure fits one after the other, each for its share of the seconds, and the prediction of one row.

    A fit with one thread is left out where there is only one.
    """
    wanted = [fit for fit in fits if not fit.one_thread or resolve_threads(harness.n_threads) > 1]
    for fit, share in harness.shares(wanted):
        yield measure_fit(fit, share)
    yield measure_one_row(replace(harness, seconds=math.inf))


def _threads(fit: Fit, n_threads: int | None) -> int:
    return 1 if fit.one_thread else resolve_threads(n_threads)


def _row(fit: Fit, name: str, threads: int, times: Mapping[str, list[float]]) -> dict[str, Any]:
    return {
        "name": name, "dtype": fit.dtype, "threads": threads, "rounds": len(times["fastnet"]),
        "seconds": {key: statistics.median(values) for key, values in times.items()},
        "ratio": ratios_to(times["fastnet"], times["sklearn"]),
    }  # fmt: skip


def doubts(row: dict[str, Any]) -> list[str]:
    """Say if the machine was too noisy to conclude anything from a row."""
    return too_noisy(f"{row['name']}, {row['dtype']}, threads: {row['threads']}", LABELS["sklearn"], row["ratio"])


def section(rows: Sequence[dict[str, Any]], table: Table) -> list[str]:
    """Write the paragraphs of a page: a line for each fit, and where scikit-learn is faster."""
    heading = ["estimators", "dtype", "threads", "fastnet", "scikit-learn", "scikit-learn / fastnet", "losses"]
    lines = [
        [
            row["name"], row["dtype"], str(row["threads"]), *(duration(row["seconds"][key]) for key in LABELS),
            ratio_of(row), ", ".join(f"{row['loss'][key]:.6f}" for key in LABELS) if "loss" in row else "-",
        ]
        for row in rows
    ]  # fmt: skip
    found = [
        loss
        for row in rows
        for loss in wins_of(
            LABELS["sklearn"], f"{row['name']} ({row['dtype']}, threads: {row['threads']})", row["ratio"]
        )
    ]
    return [NOTE, table(heading, lines), losses(found)]
