"""Networks of a fleet trained elsewhere, each as a task of an executor, and brought back."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastnet.fleets.crew import Halt
from fastnet.fleets.executors import on_executor
from fastnet.fleets.settings import Rows, numbered
from fastnet.network import Network
from fastnet.training.history import History
from fastnet.training.samples import PreparedData
from fastnet.training.settings import TrainingSettings
from fastnet.training.state import TrainingState
from fastnet.training.trainer import Trainer


@dataclass(frozen=True)
class Task:
    """A network on its way: with the state that its training goes on from, and the number of its data."""

    number: int
    network: Network
    settings: TrainingSettings
    state: TrainingState
    feature_names: tuple[str, ...] | None
    data: int
    rows: Rows | None
    limits: dict[str, Any]


def fit_away(
    executor: Any, trainers: Sequence[Trainer], data: Sequence[PreparedData], epochs: int, patience: int | None,
    max_time: float | None,
) -> list[History]:  # fmt: skip
    """Train networks on an executor; all of them take over what came of it, or none does.

    Each is trained by one thread there. `max_time` counts from the beginning of each.
    """
    shared: dict[int, PreparedData] = {}  # what differs in rows alone is one
    tasks = []
    limits = {"epochs": epochs, "patience": patience, "max_time": max_time}
    for i, (one, own) in enumerate(zip(trainers, data, strict=True)):
        shared.setdefault(id(own.samples), replace(own, rows=None))
        number = list(shared).index(id(own.samples))
        settings = replace(one.settings, n_threads=1)
        tasks.append(Task(i, one.network, settings, one.state, one.feature_names, number, own.rows, limits))
    names = [f"network {i}" for i in range(len(trainers))]
    found = on_executor(executor, train, tasks, list(shared.values()), names)
    for trainer, (state, feature_names, _) in zip(trainers, found, strict=True):
        trainer.network.parameters[...] = state.parameters
        state.parameters = trainer.network.parameters
        trainer.state = state
        trainer._take_names(feature_names)
    return [history for _, _, history in found]


def train(data: Sequence[PreparedData], task: Task) -> tuple[TrainingState, tuple[str, ...] | None, History]:
    """Train a copy of a network; return its state, the names of features, and the metrics of its epochs."""
    network, state = copy.deepcopy((task.network, task.state))
    own = data[task.data]
    with numbered(task.number):
        trainer = Trainer.of(network, task.settings, task.feature_names)
        trainer.state = state
        halt = Halt(task.limits["max_time"])
        prepared = own if task.rows is None else own.of_rows(task.rows)
        history = trainer.fit(
            prepared, epochs=task.limits["epochs"], callbacks=(halt,), patience=task.limits["patience"]
        )
    return trainer.state, trainer.feature_names, history
