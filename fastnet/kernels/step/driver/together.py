"""Steps of several networks over the same samples, taken by one thread, batch by batch.

A batch's inputs are gathered for the first of the networks, and come from the second-level cache for all others. These
also use its working memory, but for what lasts from one block to the next. Each computes what it would compute alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnet.kernels.runtime.stages import address_of, invoke, place
from fastnet.kernels.step import turns
from fastnet.kernels.step.driver.epochs import Epochs
from fastnet.kernels.step.driver.teams import Team, type_of_state
from fastnet.kernels.step.state import State
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

    Those that lie alike in memory, and use the same samples in batches as large, go side by side.
    """
    teams = [steps.epochs.begin(*steps[1:]) for steps in asked]
    alike: dict[Any, list[Team]] = {}
    for team in teams:
        alike.setdefault(_kind(team.state), []).append(team)
    with computing(1):
        for group in alike.values():
            _run(group)
    return [steps.epochs.end(team) for steps, team in zip(asked, teams, strict=True)]


def _kind(state: State) -> Any:
    """Return what states must have in common to gather the same inputs, and to work in the same memory."""
    run, layout, memory, samples = state.run, state.layout, state.memory, state.samples
    sizes = layout.n_in.tobytes(), layout.n_out.tobytes(), memory.values.size, memory.slopes.size
    inputs = samples.bytes.ctypes.data, samples.order.tobytes(), samples.scale, run.bias_value
    return memory.values.dtype, state.stages.gather, *sizes, run.block, run.batch_size, *inputs


def _run(teams: Sequence[Team]) -> None:
    first = teams[0].state
    places = [teams[0].memory, *(place(_beside(first, team.state)) for team in teams[1:])]
    addresses = np.array([memory.ctypes.data for memory in places], np.int64)
    stage = address_of(turns.train_together, type_of_state(first.weights.flat.dtype))
    invoke(stage, places[0], addresses.ctypes.data, len(places))


def _beside(first: State, state: State) -> State:
    """Return a state that finds the inputs of each block gathered, and works in the memory of the first one."""
    shared = {name: getattr(first.memory, name) for name in ("values", "slopes", "gradients", "row_losses", "rows")}
    weights = state.weights
    is_whole = state.run.block >= min(state.run.batch_size, state.samples.order.size)  # else it accumulates by blocks
    if is_whole and weights.gradient.size == first.weights.gradient.size:
        weights = weights._replace(gradient=first.weights.gradient)
    return state._replace(
        stages=state.stages._replace(gather=0), first_layer=first.first_layer, weights=weights,
        memory=state.memory._replace(**shared),
    )  # fmt: skip
