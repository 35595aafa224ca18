"""Seconds of every operation, in both implementations, for every size of the table of cases that people train at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from benchmarks._table import DTYPE_NAMES, IMPLEMENTATIONS, for_each_operation
from fastnet.measure.cases import Case, run


class _Operation:
    param_names = ("size", "dtype", "implementation")
    cases: ClassVar[dict[str, Case]]
    number = 1  # calls in one timing: asv sets up before each, where an operation writes to its arguments
    repeat = (10, 1000, 0.5)  # timings, at least and at most, and seconds after which there are enough
    timeout = 300  # of a run that may have to compile

    def __init__(self) -> None:
        self.call: Callable[[], object] | None = None

    def setup(self, size: str, dtype: str, implementation: str) -> None:
        case, module = self.cases[size], IMPLEMENTATIONS[implementation]
        if self.call is None:
            run(module, case, case.arguments(dtype))  # compiles
        if self.call is None or case.updates:
            self.call = partial(run, module, case, case.arguments(dtype))

    def time_call(self, size: str, dtype: str, implementation: str) -> None:
        self.call()


globals().update(for_each_operation(_Operation, DTYPE_NAMES, list(IMPLEMENTATIONS)))
