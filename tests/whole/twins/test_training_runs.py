"""Whole runs of training, of any shape, against the reference."""

import pytest
from hypothesis import given, settings
from trainings import in_blocks_of, runs

from fastnet import kernels, reference
from fastnet.measure.cases import compare_results, run
from fastnet.measure.cases.trainings import prepared_case

reproducible = settings(derandomize=True, deadline=None, database=None)


def check(training, dtype, n_threads, block_rows):
    """Train for two epochs, the second a shorter one."""
    case = prepared_case(training)
    expected = run(reference, case, case.arguments(dtype))
    with in_blocks_of(block_rows):
        actual = run(kernels, case, case.arguments(dtype), n_threads=n_threads)
    assert compare_results(case, dtype, actual, expected) is None


@settings(reproducible, max_examples=100)
@given(runs())
def test_runs_of_any_shape_are_those_of_the_reference(drawn):
    check(*drawn)


@pytest.mark.exhaustive
@settings(reproducible, max_examples=2000)
@given(runs())
def test_many_runs_of_any_shape_are_those_of_the_reference(drawn):
    check(*drawn)
