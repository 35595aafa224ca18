"""Reference against compiled: every operation, verified and timed in one go; tables group what does the same.

    pytest benchmarks/comparison --benchmark-enable

Among the other tests it runs each once, which is a test as well. Apart from the asv suite, whose environments have
no pytest.
"""

import numpy as np
import pytest

from fastnet import kernels, reference
from fastnet.bench.operations import realistic_cases
from fastnet.cases import DTYPES, compare_results, run

CASES = realistic_cases()
ROUNDS = 50
"""Timings of an operation that writes to its arguments: one call each, with new arguments."""


@pytest.mark.parametrize("module", [reference, kernels], ids=["reference", "compiled"])
@pytest.mark.parametrize("dtype", [np.dtype(dtype).name for dtype in DTYPES])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_operation_is_right_and_timed(benchmark, case, dtype, module):
    benchmark.group = f"{case} {dtype}"
    expected = run(reference, case, case.arguments(dtype))
    run(module, case, case.arguments(dtype))  # compiles

    def fresh():
        return (module, case, case.arguments(dtype)), {}

    if case.updates:
        actual = benchmark.pedantic(run, setup=fresh, rounds=ROUNDS, warmup_rounds=1)
    else:
        actual = benchmark(run, *fresh()[0])
    assert compare_results(case, dtype, actual, expected) is None
