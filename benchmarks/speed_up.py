"""How many times faster than the reference each operation is compiled: the median ratio of alternated timings."""

from __future__ import annotations

from typing import ClassVar

from benchmarks._table import DTYPE_NAMES, for_each_operation
from fastnet import kernels, reference
from fastnet.measure.cases import Case
from fastnet.measure.suites.operations import measure

BUDGET = 1.0
"""Seconds after which a ratio is what it is."""


class _SpeedUp:
    param_names = ("size", "dtype")
    cases: ClassVar[dict[str, Case]]
    timeout = 300

    def track_speed_up(self, size: str, dtype: str) -> float:
        row = measure(self.cases[size], dtype, lambda ratio: True, BUDGET, (reference, kernels))
        if row["ratio"] is None:
            raise ArithmeticError(row["disagreement"])
        return round(row["ratio"]["median"], 3)

    track_speed_up.unit = "times"


globals().update(for_each_operation(_SpeedUp, DTYPE_NAMES))
