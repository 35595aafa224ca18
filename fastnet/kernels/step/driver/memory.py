"""Working memory of a team, made for a call: what `fastnet.kernels.step.state.Memory` says of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnet.kernels.codegen.optimizer_formulas import N_COEFFICIENTS
from fastnet.kernels.runtime import arrays, claims, elastic, pace
from fastnet.kernels.step.first_layer.weights import N_PARTIAL_SUMS, most_slabs
from fastnet.kernels.step.layout import Sizes
from fastnet.kernels.step.row_lanes import scratch_size
from fastnet.kernels.step.state import Memory
from fastnet.kernels.tile.micro_panels import panel_width
from fastnet.machine.threads import IN_USE, LINE, fixed_sizes
from fastnet.validation.operations import FloatArray


class Needs(NamedTuple):
    """What of a training decides on its memory: the layers' sizes, and what it does."""

    sizes: Sequence[int]
    keeps_slopes: bool
    clips: bool
    penalises: bool
    n_groups: int = 0  # of parameters


def training_memory(needs: Needs, dtype: Any, needed: Sizes, capacity: int, team: int) -> Memory:
    """Make room for blocks of `capacity` rows and a team's threads."""
    n_slabs, n_out = most_slabs(needs.sizes), int(needs.sizes[-1])
    own_rows = scratch_size(min(n_out, panel_width(dtype.itemsize)), dtype.itemsize)
    return Memory(
        control=elastic.make_control(team),
        sizes=np.array(fixed_sizes(team), np.int64),
        pace=pace.make_pace(team).copy(),
        in_use=IN_USE,
        progress=arrays.empty(LINE, np.int64),
        values=arrays.zeros(capacity * needed.values, dtype),
        slopes=arrays.empty(capacity * needed.values if needs.keeps_slopes else 0, dtype),
        gradients=arrays.empty(capacity * needed.values, dtype),
        row_losses=arrays.empty(capacity),
        logits=np.empty(0, dtype),
        rows=arrays.empty((team, max(2 * n_out, own_rows) + 2 * LINE), dtype),
        divisors=arrays.empty((team, LINE)),
        coefficients=arrays.empty((team, 4 * LINE + needs.n_groups * N_COEFFICIENTS // LINE * LINE), dtype),
        ticks=arrays.empty((team, 2 * LINE), np.int64),
        totals=arrays.empty((team, 2 * LINE)),
        partial_sums=arrays.zeros((team, N_PARTIAL_SUMS + LINE)),
        squares=arrays.empty(n_slabs if needs.clips else 0),
        penalties=arrays.zeros(n_slabs if needs.penalises else 0),
    )


def inference_memory(dtype: Any, n_values: int, logits: FloatArray) -> Memory:
    """Make room for activations; what only training has is empty."""

    def nothing(ndim: int = 1, kind: Any = np.float64) -> Any:
        return np.empty((0,) * ndim, kind)

    return Memory(
        control=claims.make_control(),
        sizes=nothing(kind=np.int64),
        pace=nothing(),
        in_use=IN_USE,
        progress=np.zeros(LINE, np.int64),
        values=arrays.empty(n_values, dtype),
        slopes=nothing(kind=dtype),
        gradients=nothing(kind=dtype),
        row_losses=nothing(),
        logits=logits,
        rows=nothing(2, dtype),
        divisors=nothing(2),
        coefficients=nothing(2, dtype),
        ticks=nothing(2, np.int64),
        totals=nothing(2),
        partial_sums=nothing(2),
        squares=nothing(),
        penalties=nothing(),
    )
