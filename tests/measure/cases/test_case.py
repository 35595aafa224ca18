"""The table of cases: its tolerances are wide enough for nothing but rounding."""

from itertools import product

import numpy as np
import pytest
from tiers import tiered

from fastnet import reference
from fastnet.measure.cases import CASES, DTYPES, Case, compare_results, difference, run, tolerances

OF_NETWORKS = ("predict_logits", "train_epoch", "prepare_training", "loss_gradient")
LEARNING = [
    case
    for case in CASES
    if case.operation == "train_epoch" and not case.size.startswith(("0x", "5x4-1"))  # these learn nothing
]
CLIPPED = [
    (case, limit)
    for case in LEARNING
    for limit in ("clip_norm", "clip_value")
    if case.arguments(np.float32)[limit] is not None
]

each_set = pytest.mark.parametrize(
    "cases",
    [
        pytest.param([case for case in CASES if case.representative], id="representative cases"),
        pytest.param(CASES, id="all cases", marks=pytest.mark.exhaustive),
    ],
)


@pytest.mark.parametrize(
    ("actual", "expected", "reason"),
    [
        (np.zeros(3), np.zeros(3), None),
        (np.array([1.0, np.nan, np.inf]), np.array([1.1, np.nan, np.inf]), None),
        (np.array([-0.5]), np.array([0.0]), "1 of 1 differ; at (0,) -0.5 for 0.0, tolerance 0.2"),
        (np.array([0.0, np.nan]), np.array([0.0, 1.0]), "1 of 2 differ; at (1,) nan for 1.0, tolerance 0.2"),
        (np.array([0.0]), np.array([np.nan]), "1 of 1 differ; at (0,) 0.0 for nan, tolerance 0.2"),
        (np.array([np.inf]), np.array([-np.inf]), "1 of 1 differ; at (0,) inf for -inf, tolerance 0.2"),
        (np.zeros(3), np.zeros((3, 1)), "shape (3,), expected (3, 1)"),
        (np.zeros(3, np.float32), np.zeros(3), "dtype float32, expected float64"),
        (1, 1.0, "a int, expected a float"),
    ],
)
def test_results_agree_in_type_shape_dtype_and_to_a_tolerance(actual, expected, reason):
    assert difference(actual, expected, 0.2) == reason


def test_every_result_is_compared():
    case = Case("two", "", lambda *_: {}, lambda *_: [(1, 1.0), (1, 1.0)])
    one = [0.5, np.ones(2)]
    assert compare_results(case, np.float64, one, one) is None
    assert compare_results(case, np.float64, one[:1], one) == "1 results, expected 2"
    for wrong in ([0.75, one[1]], [one[0], np.array([1.0, 2.0])]):
        assert "differ" in compare_results(case, np.float64, wrong, one)


@each_set
def test_an_error_of_a_few_tolerances_is_seen(cases):
    for case, dtype in product(cases, DTYPES):
        expected = run(reference, case, case.arguments(dtype))
        for one, tolerance in zip(expected, tolerances(case, dtype, expected), strict=True):
            finite = np.flatnonzero(np.isfinite(one) & (np.abs(one) < np.finfo(dtype).max / 2))
            if finite.size == 0 or isinstance(one, int):
                continue
            at = np.unravel_index(finite[finite.size // 2], np.shape(one))
            step = 3 * float(np.broadcast_to(tolerance, np.shape(one))[at])
            step = max(step, 3 * float(np.spacing(np.abs(np.asarray(one)[at]))))
            wrong = np.array(one)
            wrong[at] += step
            reason = difference(type(one)(wrong) if isinstance(one, float) else wrong, one, tolerance)
            assert "differ" in (reason or ""), str(case)


@each_set
def test_tolerances_are_small_beside_the_results(cases):
    for case, dtype in product(cases, DTYPES):
        expected = run(reference, case, case.arguments(dtype))
        # in float32 0.2% for one operation, 1% for many in a row
        limit = (1e5 if case.operation in OF_NETWORKS else 2e4) * np.finfo(dtype).eps
        for one, tolerance in zip(expected, tolerances(case, dtype, expected), strict=True):
            finite = np.isfinite(one) & (np.abs(one) < 1e30)
            if np.asarray(one)[finite].any() and not isinstance(one, int):
                size = np.sqrt(np.mean(np.square(np.asarray(one, np.float64)[finite])))
                allowed = np.broadcast_to(tolerance, np.shape(one))[finite]
                assert np.sqrt(np.mean(np.square(allowed))) <= limit * size + np.finfo(dtype).tiny, str(case)


def parameters_differ(case, dtype, **wrong):
    """Tell whether the tolerance of the parameters sees that something is wrong among the arguments."""
    arguments = case.arguments(dtype)
    expected = run(reference, case, case.arguments(dtype))
    actual = run(reference, case, {**arguments, **wrong})
    return difference(actual[3], expected[3], tolerances(case, dtype, expected)[3]) is not None


@tiered(("case",), ((case,) for case in LEARNING), lambda case: not case.exhaustive)
def test_tolerances_of_training_see_a_slightly_wrong_learning_rate(case):
    for dtype in DTYPES:
        name, rate, *others = case.arguments(dtype)["optimizer"]
        assert parameters_differ(case, dtype, optimizer=(name, 1.05 * rate, *others))


@tiered(("case", "limit"), CLIPPED, lambda case, _: not case.exhaustive)
def test_tolerances_of_training_see_a_limit_that_is_forgotten(case, limit):
    for dtype in DTYPES:
        assert parameters_differ(case, dtype, **{limit: None})


@pytest.mark.parametrize("dtype", DTYPES)
def test_tolerance_of_a_product_sees_one_term_that_is_missing(dtype):
    (case,) = [case for case in CASES if case.operation == "linear_forward" and "x1100x" in case.size]
    arguments = case.arguments(dtype)
    (expected,) = run(reference, case, arguments)
    for k in (0, 511, 1099):
        wrong = expected - np.outer(arguments["x"][:, k], arguments["W"][k])
        assert "differ" in difference(wrong, expected, tolerances(case, dtype, [expected])[0])
