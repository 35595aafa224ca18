"""Softmax, losses and dropout of huge logits, rows on different scales, infinities, NaN and exact zeros.

For every implementation.
"""

from itertools import product

import numpy as np
import pytest
from rounding import LONG, assert_close, tiny, units

INF, NAN = np.inf, np.nan
FLUSH = {np.float32: 104, np.float64: 746}

LOGITS = {
    "huge": [[1e4, -1e4, 0], [-1e4, -1e4, -9999], [1e4, 9999, 9998], [-1e4, 0, -1e4]],
    "rows on different scales": [[1e-3, 2e-3, -1e-3], [1e4, 9990, 9980], [-5e3, -5e3, -5001], [1, 2, 3]],
    "equal": [[0, 0, 0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [0.1, 0.1, 0.1]],
    "minus infinity": [[-INF, 0, 1], [-INF, 5, -INF], [1e4, -INF, 9999], [-1e4, -9999, -INF]],
    "vanishing": [[0, -80, -90], [50, -30, -60], [0, -200, -700], [700, 0, 1]],
}
NOT_A_NUMBER = {
    "NaN": [NAN, 1, 2],
    "infinity": [0, INF, 1],
    "two infinities": [INF, INF, -INF],
    "nothing but minus infinity": [-INF, -INF, -INF],
    "NaN among infinities": [NAN, INF, -INF],
}
HARD_ROWS = np.concatenate(list(LOGITS.values()))


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def exact_log_softmax(x):
    shifted = x.astype(LONG) - x.astype(LONG).max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def test_softmax_of_hard_rows(implementation, dtype):
    x = HARD_ROWS.astype(dtype)
    expected = np.exp(exact_log_softmax(x))
    actual = implementation.softmax_forward(x)
    assert_close(actual, expected, dtype, FLUSH[dtype] + 3 + 4)
    assert (actual[x == -INF] == 0).all()


def test_softmax_of_equal_rows_is_uniform(implementation, dtype):
    x = np.array(LOGITS["equal"], dtype)
    np.testing.assert_array_equal(implementation.softmax_forward(x), np.full((4, 3), dtype(1) / dtype(3)))


def test_log_softmax_of_hard_rows(implementation, dtype):
    x = HARD_ROWS.astype(dtype)
    expected = exact_log_softmax(x)
    actual = implementation.log_softmax_forward(x)
    # The logarithm of a sum between 1 and 3 is off by units of that sum, whatever the size of the logarithm.
    assert_close(actual, expected, dtype, 4, atol=units(dtype, 3 + 4 + 4))
    assert (actual[x == -INF] == -INF).all()


def test_cross_entropy_of_hard_rows(implementation, dtype):
    for x in (np.array(rows, dtype) for rows in LOGITS.values()):
        for labels in (x.argmax(axis=1), np.array([1, 1, 0, 0]), np.array([2, 1, 2, 1])):
            expected = float(-exact_log_softmax(x)[np.arange(4), labels].mean())
            actual, probs = implementation.softmax_cross_entropy_forward(x, labels)
            assert isinstance(actual, float)
            if np.isinf(expected):
                assert actual == INF
            else:
                assert actual == pytest.approx(expected, rel=units(dtype, 4), abs=units(dtype, 3 + 4 + 4))
            assert_close(probs, np.exp(exact_log_softmax(x)), dtype, FLUSH[dtype] + 3 + 4)
            gradient = implementation.softmax_cross_entropy_backward(probs, labels)
            expected_gradient = (probs.astype(LONG) - (np.arange(3) == labels[:, None])) / 4
            assert_close(gradient, expected_gradient, dtype, 2)


def test_loss_of_an_excluded_class_is_infinite(implementation, dtype):
    x = np.array([[0, -INF], [0, 1]], dtype)
    actual, probs = implementation.softmax_cross_entropy_forward(x, np.array([1, 1]))
    assert actual == INF
    np.testing.assert_array_equal(probs[0], [1, 0])


def test_row_that_is_not_a_number_spoils_itself_alone(implementation, dtype):
    labels = np.array([0, 1, 2])
    for row in NOT_A_NUMBER.values():
        x = np.array([[1, 2, 3], row, [3, 1e4, 2]], dtype)
        clean = x[[0, 2]]
        loss, probs = implementation.softmax_cross_entropy_forward(x, labels)
        assert np.isnan(loss)
        for actual, expected in (
            (implementation.softmax_forward(x), implementation.softmax_forward(clean)),
            (implementation.log_softmax_forward(x), implementation.log_softmax_forward(clean)),
            (probs, implementation.softmax_cross_entropy_forward(clean, labels[[0, 2]])[1]),
            (implementation.softmax_cross_entropy_backward(probs, labels), None),
            (implementation.softmax_squared_error_backward(probs, labels), None),
        ):
            assert actual.dtype == dtype
            assert np.isnan(actual[1]).all()
            assert np.isfinite(actual[[0, 2]]).all()
            if expected is not None:
                np.testing.assert_array_equal(actual[[0, 2]], expected)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_gradients_at_hard_rows_are_finite(implementation, dtype, name):
    x = np.array(LOGITS["minus infinity"] + LOGITS["huge"], dtype)
    dy = np.random.default_rng(0).normal(size=x.shape).astype(dtype)
    y = getattr(implementation, f"{name}_forward")(x)
    actual = getattr(implementation, f"{name}_backward")(dy, y)
    exact, upstream = y.astype(LONG), dy.astype(LONG)
    if name == "softmax":
        expected = exact * (upstream - (upstream * exact).sum(axis=1, keepdims=True))
    else:
        expected = upstream - np.exp(exact) * upstream.sum(axis=1, keepdims=True)
    # Differences of numbers below 4: absolute units, 3 for the sum and a few for the rest.
    assert_close(actual, expected, dtype, 0, atol=4 * units(dtype, 3 + 4 + 3))


def exact_binary_cross_entropy(z, t):
    z, t = z.astype(LONG), t.astype(LONG)
    return np.maximum(z, 0) - t * z + np.log1p(np.exp(-np.abs(z)))


def test_binary_cross_entropy_of_hard_logits(implementation, dtype):
    for target, logit in product((0.0, 1.0, 0.25), (-1e4, -100.0, -20.0, -1.0, 0.0, 1.0, 20.0, 100.0, 1e4)):
        z, t = np.array([[logit]], dtype), np.array([[target]], dtype)
        expected = float(exact_binary_cross_entropy(z, t)[0, 0])
        actual, probs = implementation.binary_cross_entropy_forward(z, t)
        assert isinstance(actual, float)
        # A target of 0.25 cancels at most 1/4 of max(z, 0); a confident right answer keeps its tiny loss.
        assert actual == pytest.approx(expected, rel=units(dtype, 4 + 4), abs=tiny(dtype))
        np.testing.assert_array_equal(probs, implementation.sigmoid_forward(z))
        gradient = implementation.binary_cross_entropy_backward(probs, t)
        np.testing.assert_array_equal(gradient, probs - t)


def test_nan_reaches_every_loss(implementation, dtype):
    clean, spoilt = np.zeros((3, 2), dtype), np.zeros((3, 2), dtype)
    spoilt[1, 1] = NAN
    for name in ("binary_cross_entropy", "squared_error", "absolute_error", "huber", "poisson"):
        forward = getattr(implementation, f"{name}_forward")
        results = forward(spoilt, clean)
        assert np.isnan(results[0] if isinstance(results, tuple) else results)
    expected = np.array([[0, 0], [0, NAN], [0, 0]])
    for name in ("squared_error", "absolute_error", "huber"):
        np.testing.assert_array_equal(getattr(implementation, f"{name}_backward")(spoilt, clean), expected)
    assert np.isnan(implementation.poisson_backward(spoilt, clean)[1, 1])


def test_huber_of_residuals_whose_square_overflows(implementation, dtype):
    predictions, targets = np.array([[1e30, -1e30], [0, 0]], dtype), np.zeros((2, 2), dtype)
    assert implementation.huber_forward(predictions, targets, 2.0) == pytest.approx(2e30, rel=units(dtype, 4))
    np.testing.assert_array_equal(implementation.huber_backward(predictions, targets, 2.0), [[1, -1], [0, 0]])


def test_poisson_of_hard_logits(implementation, dtype):
    for logit in (-1e4, -100.0, -1.0, 0.0, 3.0, 80.0):
        for count in (0.0, 1.0, 3.0, 1e6):
            z, t = LONG(logit), LONG(count)
            parts = [t * np.log(np.maximum(t, 1)), -t * z, -t, np.exp(z)]
            logits, targets = np.array([[logit]], dtype), np.array([[count]], dtype)
            actual = implementation.poisson_forward(logits, targets)
            size = float(np.abs(parts).sum())
            assert actual == pytest.approx(float(np.sum(parts)), rel=0, abs=units(dtype, 8) * size + tiny(dtype))
            gradient = implementation.poisson_backward(logits, targets)
            assert_close(gradient, np.array([[parts[3] - t]]), dtype, 8, atol=units(dtype, 8) * size)


def test_negative_counts_have_no_poisson_loss(implementation, dtype):
    assert np.isnan(implementation.poisson_forward(np.zeros((1, 2), dtype), np.array([[1, -1]], dtype)))


def test_smoothed_loss_of_an_excluded_class_is_infinite(implementation, dtype):
    x = np.array([[0, -INF], [0, 1]], dtype)
    assert np.isfinite(implementation.softmax_cross_entropy_forward(x, np.array([0, 1]))[0])
    actual, probs = implementation.softmax_cross_entropy_forward(x, np.array([0, 1]), 0.1)
    assert actual == INF
    expected = (probs - (0.9 * np.eye(2) + 0.05)) / 2
    gradient = implementation.softmax_cross_entropy_backward(probs, np.array([0, 1]), 0.1)
    assert_close(gradient, expected.astype(dtype), dtype, 0, atol=units(dtype, 4))


def test_squared_error_of_probabilities_of_hard_rows(implementation, dtype):
    for x in (np.array(rows, dtype) for rows in LOGITS.values()):
        labels = np.array([2, 1, 2, 1])
        exact, onehot = np.exp(exact_log_softmax(x)), np.eye(3)[labels]
        actual, probs = implementation.softmax_squared_error_forward(x, labels)
        assert actual == pytest.approx(float(((exact - onehot) ** 2).sum(axis=1).mean()), abs=units(dtype, 20))
        g = 2 * (exact - onehot)
        expected = exact * (g - (exact * g).sum(axis=1, keepdims=True)) / 4
        gradient = implementation.softmax_squared_error_backward(probs, labels)
        np.testing.assert_allclose(gradient, expected.astype(dtype), rtol=0, atol=units(dtype, 20))


def test_dropped_elements_are_zero_whatever_they_were(implementation, dtype):
    bad = np.resize(np.array([NAN, INF, -INF], dtype), (20, 30))
    y = implementation.dropout_forward(bad, 0.5, key=1)
    kept = implementation.dropout_forward(np.ones_like(bad), 0.5, key=1) > 0
    np.testing.assert_array_equal(y, np.where(kept, bad, 0))


def test_loss_is_accumulated_in_float64(implementation):
    # float32 counts in steps of 4 at 2^25: fifteen losses of 1/2 would be lost, or rounded to 8.
    predictions = np.ones((16, 1), np.float32)
    predictions[0] = 2**13
    actual = implementation.squared_error_forward(predictions, np.zeros_like(predictions))
    assert actual == (2**25 + 15 / 2) / 16
    logits = np.tile(np.array([0, -1], np.float32), (16, 1))
    logits[0] = [2**25, 0]
    labels = np.ones(16, int)
    expected = 2**25 + 15 * float(np.log1p(np.exp(LONG(1))))
    actual, _ = implementation.softmax_cross_entropy_forward(logits, labels)
    assert actual * 16 == pytest.approx(expected, rel=0, abs=15 * 2 * units(np.float32, 8))


def test_training_on_huge_logits_stays_finite(implementation, dtype):
    # Weights of 1e4 on inputs of 1: every answer is certain, and the gradient stays below 1.
    parameters = np.array([1e4, -1e4, 0, 0], dtype)
    x, y = np.ones((4, 1), dtype), np.array([0, 1, 1, 0])
    loss_sum, n_correct, *_ = implementation.train_epoch(
        parameters, (), x, y, np.arange(4), (1, 2), (), "cross_entropy", ("sgd", 1.0), 4
    )
    # Two wrong answers cost 2e4 each; probs - onehot sums to (2, -2), over 4 samples.
    assert (loss_sum, n_correct) == (4e4, 2)
    np.testing.assert_array_equal(parameters, np.array([1e4 - 0.5, -1e4 + 0.5, -0.5, 0.5], dtype))
