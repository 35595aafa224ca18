"""Time to accuracy: how long every library trains until its network is right often enough on the test data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from statistics import fmean, stdev
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.datasets import Dataset, load_digits, stratified_split
from fastnet.measure.peers import PEERS, Peer, Unavailable
from fastnet.measure.tables import Table, duration, left_out
from fastnet.measure.timing import Harness
from fastnet.measure.workloads import Workload

TARGETS = (0.90, 0.95, 0.97, 0.98)
"""Shares of the test samples that have to be classified right."""

GRIDS = {"sgd": (0.03, 0.1, 0.3, 1.0), "adam": (0.001, 0.003, 0.01, 0.03)}
"""Learning rates that every library may try."""

HELD_OUT = 0.2
"""Share of the samples to test with, where a dataset has no test part."""

NOTE = """\
Training time until the network reaches a test accuracy: mean and standard deviation over the seeds that reached it;
evaluation is not counted. All libraries were tuned over the same four learning rates. Compilation is that of the first
warm-up in the process, shorter if a library had cached it before."""


class Split(NamedTuple):
    """Samples to train on and samples to test with."""

    X: npt.NDArray[Any]
    y: npt.NDArray[Any]
    X_test: npt.NDArray[Any]
    y_test: npt.NDArray[Any]


def split(dataset: Dataset, dtype: str = "float32", seed: int = 0) -> Split:
    """Bring a dataset to what every library takes: floats, uint8 divided by the largest value, and a test part.

    Parameters
    ----------
    dataset : Dataset
        As a reader of `fastnet.datasets` returns it, with labels.
    dtype : {"float32", "float64"}
        Of the features.
    seed : int, default 0
        Seed of the stratified split, where the dataset has no test part.
    """
    X, y, X_test, y_test = dataset.X, dataset.y, dataset.X_test, dataset.y_test
    if y is None:
        raise ValueError(f"dataset must have labels; {dataset.name} has none")
    if X_test is None or y_test is None:
        train, test = stratified_split(y, HELD_OUT, seed)
        X, y, X_test, y_test = X[train], y[train], X[test], y[test]
    scale = max(int(X.max()), 1) if X.dtype == np.uint8 else 1
    return Split((X / scale).astype(dtype), y, (X_test / scale).astype(dtype), y_test)


def digits(dtype: str = "float32", seed: int = 0) -> Split:
    """Return the embedded digits, a fifth of them to test with.

    Examples
    --------
    >>> data = digits()
    >>> data.X.shape, data.X_test.shape, float(data.X.max())
    ((1438, 64), (359, 64), 1.0)
    """
    return split(load_digits(), dtype, seed)


@dataclass
class _Curve:
    """Seconds and test accuracy of the epochs of one training."""

    compile_seconds: float
    seconds: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        return max(self.accuracy, default=0.0)

    def epochs(self, target: float) -> int | None:
        """Count the epochs until the target is reached; None if it is not."""
        return next((i + 1 for i, accuracy in enumerate(self.accuracy) if accuracy >= target), None)

    def total(self, target: float) -> float | None:
        """Sum the seconds of training until the target is reached; None if it is not."""
        epochs = self.epochs(target)
        return None if epochs is None else list(accumulate(self.seconds))[epochs - 1]


@dataclass(frozen=True)
class _Race:
    """What all trainings share."""

    data: Split
    workload: Workload
    targets: tuple[float, ...]
    max_epochs: int
    harness: Harness

    def train(self, peer: Peer, learning_rate: float, seed: int) -> _Curve:
        """Train until the last target is reached, the epochs are used up, or training diverges."""
        self.harness.progress(f"{peer.name}: learning rate {learning_rate:g}, seed {seed}")
        X, y, X_test, y_test = self.data
        run = peer.prepare(self.workload, X, y, self.harness.n_threads, seed, learning_rate)
        curve = _Curve(run.warm_up())
        while len(curve.seconds) < self.max_epochs and curve.best < self.targets[-1]:
            try:
                curve.seconds.append(run.epoch())
            except FloatingPointError:
                break
            curve.accuracy.append(float(np.mean(run.logits_argmax(X_test) == y_test)))
        return curve

    def tuned(self, peer: Peer, grid: Sequence[float], seed: int) -> tuple[float, float]:
        """Return the learning rate to use and the seconds of the first warm-up; raise `Unavailable`."""
        missing = peer.missing()
        if missing is not None:
            raise Unavailable(missing)
        curves = {float(rate): self.train(peer, rate, seed) for rate in grid}
        reached = [target for target in self.targets if any(curve.best >= target for curve in curves.values())]

        def merit(rate: float) -> tuple[float, float]:
            epochs = curves[rate].epochs(reached[-1]) if reached else None
            return -(epochs or self.max_epochs + 1), curves[rate].best

        return max(curves, key=merit), next(iter(curves.values())).compile_seconds


def time_to_accuracy(
    peer_keys: Sequence[str],
    data: Split,
    workload: Workload,
    harness: Harness,
    targets: Sequence[float] = TARGETS,
    seeds: Sequence[int] = (0, 1, 2),
    learning_rates: Sequence[float] | None = None,
    max_epochs: int = 30,
) -> list[dict[str, Any]]:
    """Measure how long libraries train until they reach some accuracies on the test data.

    All have the same budget to tune with: each learning rate once, with the first seed. The one that gets to the
    highest target that is reached at all in the fewest epochs is kept; the higher accuracy decides between
    equals. (Epochs stand for time: with one library and one network an epoch takes as long at any rate.) Then all
    train anew for every seed, in turn. Predicting, loading and tuning are not timed.

    Parameters
    ----------
    peer_keys : sequence of str
        Libraries, by their keys in `fastnet.measure.peers.PEERS`.
    data : Split
        float32 or float64 features and integer classes, to train on and to test with.
    workload : Workload
        Network, batch and optimizer; samples and dtype are those of the data, repeats is 1.
    harness : Harness
        With how many threads; its progress is told of each training.
    targets : sequence of float
        Accuracies in (0, 1].
    seeds : sequence of int
        Seeds of the initial parameters and the order of samples.
    learning_rates : sequence of float, optional
        What may be tried; `GRIDS` for the optimizer, if not given.
    max_epochs : int, default 30
        Longest training.

    Returns
    -------
    list of dict
        One for each library, ready for JSON. Of each target: how many seeds reached it, and over those the
        mean of the epochs and of the seconds, with the standard deviation of the seconds (None for fewer than two);
        None where no seed reached it. Seconds are those of training; `compile_seconds`, those of the first
        warm-up, come on top in `seconds_with_compile`. `accuracy` is that of each seed's best epoch. A library that
        cannot run says why in `skipped`.

    Notes
    -----
    Rates are chosen, and best epochs found, on the test data, for everyone alike: accuracies are no estimates for new
    data. The first warm-up finds what an earlier one in the process, or a cache on disk, has left behind; only a new
    process with empty caches shows what compiling from nothing takes.
    """
    grid = GRIDS[workload.optimizer] if learning_rates is None else learning_rates
    workload = replace(workload, samples=len(data.X), dtype=data.X.dtype.name, repeats=1)
    race = _Race(data, workload, tuple(sorted(targets)), max_epochs, harness)
    tuned: dict[str, tuple[float, float]] = {}
    rows = {key: {"peer": key, "name": PEERS[key].name, "version": PEERS[key].version} for key in peer_keys}
    for key in peer_keys:
        try:
            tuned[key] = race.tuned(PEERS[key], grid, seeds[0])
        except Unavailable as error:
            rows[key]["skipped"] = str(error)
    curves: dict[str, list[_Curve]] = {key: [] for key in tuned}
    for seed, turn in zip(seeds, replace(harness, rounds=len(seeds), seconds=math.inf).turns(), strict=True):
        for key in list(tuned)[::turn]:
            curves[key].append(race.train(PEERS[key], tuned[key][0], seed))
    for key in tuned:
        rows[key] |= {"skipped": None, **_summary(race, curves[key], *tuned[key])}
    return list(rows.values())


def _summary(race: _Race, curves: Sequence[_Curve], learning_rate: float, compile_seconds: float) -> dict[str, Any]:
    best = [curve.best for curve in curves]
    epochs = [seconds for curve in curves for seconds in curve.seconds]
    return {
        "learning_rate": learning_rate,
        "compile_seconds": compile_seconds,
        "seconds_per_epoch": fmean(epochs) if epochs else None,
        "accuracy": {"mean": fmean(best), "spread": _spread(best), "values": best},
        "targets": [_reached(curves, target, compile_seconds) for target in race.targets],
    }


def _reached(curves: Sequence[_Curve], target: float, compile_seconds: float) -> dict[str, Any]:
    epochs = [count for curve in curves if (count := curve.epochs(target)) is not None]
    seconds = [total for curve in curves if (total := curve.total(target)) is not None]
    mean = fmean(seconds) if seconds else None
    return {
        "target": target,
        "reached": len(seconds),
        "of": len(curves),
        "epochs": fmean(epochs) if epochs else None,
        "seconds": mean,
        "spread": _spread(seconds),
        "seconds_with_compile": None if mean is None else mean + compile_seconds,
    }


def _spread(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def section(rows: Sequence[dict[str, Any]], table: Table) -> list[str]:
    """Write the paragraphs of a page: a line for each library and data, and who was left out."""
    run = [row for row in rows if not row.get("skipped")]
    reached = [f"to {target['target']:.0%}" for row in run[:1] for target in row["targets"]]
    lines = [
        [
            row["data"], row["name"], f"{row['learning_rate']:g}", f"{row['accuracy']['mean']:.2%}",
            *map(_shown, row["targets"]), duration(row["compile_seconds"]),
        ]
        for row in run
    ]  # fmt: skip
    skipped = left_out(row["skipped"] for row in rows if row.get("skipped"))
    heading = ["data", "library", "learning rate", "best accuracy", *reached, "compile"]
    return [NOTE, table(heading, lines), *skipped]


def _shown(target: dict[str, Any]) -> str:
    if target["seconds"] is None:
        return "never"
    deviation = "" if target["spread"] is None else f" ± {duration(target['spread'])}"
    some = "" if target["reached"] == target["of"] else f" ({target['reached']} of {target['of']} seeds)"
    compiled = f", {duration(target['seconds_with_compile'])} with compilation"
    return f"{duration(target['seconds'])}{deviation}{some}{compiled}"
