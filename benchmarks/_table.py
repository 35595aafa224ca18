"""The table of cases as benchmarks take it: the sizes that people train at, of every operation."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from fastnet import kernels, reference
from fastnet.measure.cases import DTYPES, Case
from fastnet.measure.suites.operations import realistic_cases

# a page of asv shows the first of them until it is told otherwise
IMPLEMENTATIONS: dict[str, ModuleType] = {"compiled": kernels, "reference": reference}
PEER_KEYS = {"compiled": "fastnet", "reference": "numpy"}  # in fastnet.measure.peers
DTYPE_NAMES = [np.dtype(dtype).name for dtype in DTYPES]


def for_each_operation(base: type, *params: list[str]) -> Iterator[tuple[str, type[Any]]]:
    """Make a benchmark of every operation, named like it: asv shows each on a page of its own.

    The first parameter is the size; others follow.
    """
    operations: dict[str, dict[str, Case]] = {}
    for case in realistic_cases():
        operations.setdefault(case.operation, {})[case.size] = case
    for name, cases in operations.items():
        yield name, type(name, (base,), {"cases": cases, "params": (list(cases), *params)})
