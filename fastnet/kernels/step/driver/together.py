"""Steps of several networks over the same samples, taken by one thread, batch by batch.

A batch's inputs come from memory for the first of the networks, and from the second-level cache for all others. Each
computes what it would compute alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnet.kernels.runtime.stages import address_of, invoke
from fastnet.kernels.step import turns
from fastnet.kernels.step.driver.epochs import Epochs
from fastnet.kernels.step.driver.teams import Team, type_of_state
from fastnet.machine.threads import computing
from fastnet.reference.training import Totals
from fastnet.validation.operations import IntArray


class Steps(NamedTuple):
    """What an `Epochs`, prepared for one thread, is called with."""

    epochs: Epochs
    order: IntArray
    step: int
    lr: Any  # float, an array with one for each step, or None


def take_together(asked: Sequence[Steps]) -> list[Totals]:
    """Take the steps of several networks in this thread; results are the same bits as one after the other.

    Those whose blocks have as many rows, of batches as large, go side by side.
    """
    teams = [steps.epochs.begin(*steps[1:]) for steps in asked]
    alike: dict[tuple[object, ...], list[Team]] = {}
    for team in teams:
        run, order = team.state.run, team.state.samples.order
        alike.setdefault((team.state.weights.flat.dtype, run.block, run.batch_size, order.size), []).append(team)
    with computing(1):
        for group in alike.values():
            _run(group)
    return [steps.epochs.end(team) for steps, team in zip(asked, teams, strict=True)]


def _run(teams: Sequence[Team]) -> None:
    first = teams[0]
    addresses = np.array([team.memory.ctypes.data for team in teams], np.int64)
    stage = address_of(turns.train_together, type_of_state(first.state.weights.flat.dtype))
    invoke(stage, first.memory, addresses.ctypes.data, len(teams))
