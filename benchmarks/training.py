"""Epochs of training: seconds, memory, and what they are worth beside the reference and the FMA peak."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from benchmarks._table import PEER_KEYS
from fastnet.measure.peers import PEERS, Run
from fastnet.measure.suites.accuracy import GRIDS, digits
from fastnet.measure.suites.networks import measure
from fastnet.measure.timing import Harness
from fastnet.measure.workloads import FULL, OPTIMIZERS, QUICK, Workload

FLOP, FEWEST_SAMPLES, MOST_SAMPLES = 4e9, 512, 4096
"""Of an epoch: enough for a time, few enough to take it again for every commit."""


def _short(workload: Workload) -> Workload:
    affordable = int(FLOP * workload.samples * workload.repeats / workload.flop)
    return replace(workload, samples=min(max(affordable, FEWEST_SAMPLES), MOST_SAMPLES, workload.samples), repeats=1)


NETWORKS = {short.name: short for short in map(_short, FULL)}
ROUNDS, SECONDS = 7, 1.0
"""Epochs behind a ratio or a fraction, and seconds after which two are enough."""


@cache
def _data(workload: Workload) -> tuple[Any, Any]:
    return workload.data()


def _warm(workload: Workload, implementation: str) -> Run:
    """Return a network that has not been trained yet, everything compiled."""
    run = PEERS[PEER_KEYS[implementation]].prepare(workload, *_data(workload))
    run.warm_up()
    return run


class Epoch:
    """Seconds of an epoch from the first one's parameters; every timing begins there again."""

    param_names = ("network", "implementation")
    params = (list(NETWORKS), list(PEER_KEYS))
    repeat = (3, 10, 2.0)
    timeout = 300

    def setup(self, network: str, implementation: str) -> None:
        self.run = _warm(NETWORKS[network], implementation)

    def time_epoch(self, network: str, implementation: str) -> None:
        self.run.epoch()


class Memory:
    """Largest resident memory of a process that trains, all libraries included."""

    networks: ClassVar[dict[str, Workload]] = {workload.name: workload for workload in QUICK}
    param_names = ("network", "implementation")
    params = (list(networks), list(PEER_KEYS))
    timeout = 300

    def setup_cache(self) -> None:
        for workload in QUICK:  # compiles in a process of its own, or memory would be that of the compiler
            _warm(workload, "compiled")

    setup_cache.timeout = 300

    def peakmem_epoch(self, network: str, implementation: str) -> None:
        _warm(self.networks[network], implementation).epoch()


class Compared:
    """Ratio to the reference of alternated epochs, and fraction of the FMA peak that is measured next to them."""

    param_names = ("network",)
    params = (list(NETWORKS),)

    def setup_cache(self) -> dict[str, dict[str, Any]]:
        keys = list(PEER_KEYS.values())
        return {name: measure(one, keys, Harness(ROUNDS, SECONDS)) for name, one in NETWORKS.items()}

    setup_cache.timeout = 600

    def track_speed_up(self, rows: dict[str, dict[str, Any]], network: str) -> float:
        return round(rows[network]["peers"]["numpy"]["ratio"]["median"], 3)

    track_speed_up.unit = "times"

    def track_fraction_of_peak(self, rows: dict[str, dict[str, Any]], network: str) -> float:
        return round(rows[network]["fraction_of_peak"]["median"], 3)

    track_fraction_of_peak.unit = "of FMA peak"


class Accuracy:
    """What an implementation has learned of the embedded digits after some epochs."""

    param_names = ("optimizer", "implementation")
    params = (list(OPTIMIZERS), list(PEER_KEYS))
    timeout = 300
    epochs = 20

    def track_test_accuracy(self, optimizer: str, implementation: str) -> float:
        data = digits()
        workload = Workload((64, 128, 10), 32, optimizer=optimizer, samples=len(data.X))
        rate = GRIDS[optimizer][1]
        run = PEERS[PEER_KEYS[implementation]].prepare(workload, data.X, data.y, learning_rate=rate)
        for _ in range(self.epochs):
            run.epoch()
        return round(float(np.mean(run.logits_argmax(data.X_test) == data.y_test)), 4)

    track_test_accuracy.unit = "of test digits"
