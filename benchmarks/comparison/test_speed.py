"""Reference against compiled: every operation, verified and timed in one go; tables group what does the same.

    pytest benchmarks/comparison --benchmark-enable -m ""

Among the other tests a few operations are run once, and all of them among the exhaustive ones. Apart from the asv
suite, whose environments have no pytest.
"""

from itertools import product

import numpy as np
import pytest

from fastnet import kernels, reference
from fastnet.measure.cases import DTYPES, compare_results, run
from fastnet.measure.suites.operations import realistic_cases

CASES = realistic_cases()
ROUNDS = 50
"""Timings of an operation that writes to its arguments: one call each, with new arguments."""

IN_BRIEF = ("linear_backward", "softmax_cross_entropy_forward", "adam_step", "predict_logits")
"""Operations of each kind: they return one array or several, a number too, or update an argument."""

VARIANTS = [
    pytest.param(case, dtype, marks=() if case.operation in IN_BRIEF and dtype == "float32" else pytest.mark.exhaustive)
    for case, dtype in product(CASES, [np.dtype(dtype).name for dtype in DTYPES])
]


@pytest.mark.parametrize("module", [reference, kernels], ids=["numpy", "numba"])
@pytest.mark.parametrize(("case", "dtype"), VARIANTS, ids=str)
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
