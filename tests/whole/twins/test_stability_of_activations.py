"""Activations of huge numbers, infinities, NaN and exact zeros, for every implementation."""

import numpy as np
import pytest
from rounding import LONG, assert_close, tiny, units

from fastnet.validation.activations import FROM_INPUT

INF, NAN = np.inf, np.nan


DTYPES = (np.float32, np.float64)
HARD_X = [-1e4, -120, -104, -90, -87, -50, -20, -1, -1e-3, -1e-6, -0.0]
HARD_X += [-x for x in HARD_X] + [0.3, 8.7, 17.4, -INF, INF]


def test_sigmoid_of_hard_numbers(implementation):
    for dtype in DTYPES:
        x = np.array(HARD_X, dtype)
        e = np.exp(-np.abs(x.astype(LONG)))
        expected = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
        # exp of an exact number: a good exp is within 4 units, the sum and the quotient add two.
        assert_close(implementation.sigmoid_forward(x), expected, dtype, 4 + 2)
        np.testing.assert_array_equal(
            implementation.sigmoid_forward(np.array([-1e4, 0, 1e4, -INF, INF], dtype)), [0, 0.5, 1, 0, 1]
        )


def test_tanh_of_hard_numbers(implementation):
    for dtype in DTYPES:
        x = np.array(HARD_X, dtype)
        # Near zero tanh x = x: an implementation by way of exp(2x) - 1 would lose every digit of 1e-6.
        assert_close(implementation.tanh_forward(x), np.tanh(x.astype(LONG)), dtype, 4)
        np.testing.assert_array_equal(implementation.tanh_forward(np.array([-1e4, 0, 1e4], dtype)), [-1, 0, 1])


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_saturated_units_have_no_gradient(implementation, name):
    for dtype in DTYPES:
        y = getattr(implementation, f"{name}_forward")(np.array([-1e4, 1e4], dtype))
        dy = np.array([5, 5], dtype)
        np.testing.assert_array_equal(getattr(implementation, f"{name}_backward")(dy, y), [0, 0])


RECTIFIERS = ["leaky_relu", "elu", "selu", "softplus", *FROM_INPUT]


def mish(x, s):
    t = np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
    e = np.exp(np.minimum(x, 40))
    steepness = np.where(x < 5000, x, 0) * s * (4 * (e * e + 2 * e + 1) / (e * e + 2 * e + 2) ** 2)
    return x * t, t + steepness


def exact_rectifier(name, x):
    """Values and slopes in long double."""
    x = x.astype(LONG)
    e = np.exp(-np.abs(x))
    s, rest = np.where(x > 0, 1, e) / (1 + e), np.where(x > 0, e, 1) / (1 + e)
    below = np.expm1(np.minimum(x, 0))
    if name == "gelu":
        near = np.clip(x, -30, 30)  # beyond, exp(-1900) is 0 in every format but this one
        factor = 2 * np.sqrt(2 / LONG(np.pi))
        v, steep = factor * (near + LONG(0.044715) * near**3), factor * (1 + 3 * LONG(0.044715) * near**2)
        s, rest = 1 / (1 + np.exp(-v)), 1 / (1 + np.exp(v))
        return np.where(x < near, 0, x) * s, s * (1 + near * rest * steep)
    scale, alpha = LONG(1.0507009873554805), LONG(1.6732632423543772)
    return {
        "leaky_relu": lambda: (np.where(x > 0, x, LONG(0.01) * x), np.where(x > 0, 1, LONG(0.01))),
        "elu": lambda: (np.where(x > 0, x, below), np.where(x > 0, 1, below + 1)),
        "selu": lambda: (scale * np.where(x > 0, x, alpha * below), scale * np.where(x > 0, 1, alpha * (below + 1))),
        "softplus": lambda: (np.maximum(x, 0) + np.log1p(e), s),
        "silu": lambda: (x * s, s * (1 + x * rest)),
        "mish": lambda: mish(x, s),
    }[name]()


@pytest.mark.parametrize("name", RECTIFIERS)
def test_rectifiers_of_hard_numbers(implementation, name):
    for dtype in DTYPES:
        x = np.array([value for value in HARD_X if np.isfinite(value)], dtype)
        expected, slopes = exact_rectifier(name, x)
        actual = getattr(implementation, f"{name}_forward")(x)
        # exp 4, quotient and product 3; a gate's exponent of up to 100 is off by 3 units of itself. What is below
        # `tiny` may be lost to subnormal numbers, times |x|.
        n_units = 3 * 100 + 7 if name == "gelu" else 4 + 4
        assert_close(actual, expected, dtype, n_units, atol=120 * tiny(dtype))
        given = x if name in FROM_INPUT else actual
        actual = getattr(implementation, f"{name}_backward")(np.ones_like(x), given)
        # From the output, a slope is known to a unit of the output's largest value: 1.76.
        assert_close(actual, slopes, dtype, n_units, atol=units(dtype, 12))


@pytest.mark.parametrize("name", RECTIFIERS)
def test_rectifiers_end_as_zero_a_constant_or_their_input(implementation, name):
    for dtype in DTYPES:
        largest = np.finfo(dtype).max
        x = np.array([-INF, -largest, -1e4, 1e4, INF], dtype)
        scale = {"selu": dtype(1.0507009873554805)}.get(name, dtype(1))
        low = {"elu": [-1] * 3, "selu": [dtype(-1.7580993408473766)] * 3, "leaky_relu": dtype(0.01) * x[:3]}
        y = getattr(implementation, f"{name}_forward")(x)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(y, [*low.get(name, [0] * 3), *(scale * x[3:])])
        actual = getattr(implementation, f"{name}_backward")(np.ones_like(x), x if name in FROM_INPUT else y)
        slope = dtype(0.01) if name == "leaky_relu" else 0
        np.testing.assert_array_equal(actual, [slope] * 3 + [scale] * 2)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "identity", *RECTIFIERS])
def test_nan_stays_nan_and_spoils_nothing_else(implementation, name):
    for dtype in DTYPES:
        forward, backward = (getattr(implementation, f"{name}_{way}") for way in ("forward", "backward"))
        for n, position in ((1, 0), (7, 0), (7, 3), (7, 6), (64, 0), (64, 32), (64, 63)):
            clean, dy = np.linspace(-2, 2, n, dtype=dtype), np.ones(n, dtype)
            x = clean.copy()
            x[position] = NAN
            others = np.arange(n) != position
            y = forward(x)
            assert np.isnan(y[position])
            np.testing.assert_array_equal(y[others], forward(clean)[others])
            given, usual = (x, clean) if name in FROM_INPUT else (y, forward(clean))
            if name != "identity":
                assert np.isnan(backward(dy, given)[position])
            np.testing.assert_array_equal(backward(dy, given)[others], backward(dy, usual)[others])


def test_relu_of_exact_zeros(implementation):
    for dtype in DTYPES:
        x = np.array([0.0, -0.0, tiny(dtype), -tiny(dtype), -INF, INF, NAN], dtype)
        y = implementation.relu_forward(x)
        np.testing.assert_array_equal(y, np.array([0, 0, tiny(dtype), 0, 0, INF, NAN], dtype))
        actual = implementation.relu_backward(np.full(7, 3, dtype), y)
        np.testing.assert_array_equal(actual, [0, 0, 3, 0, 0, 3, NAN])


def test_relu_gradient_of_a_dead_unit_is_zero_whatever_comes_from_above(implementation):
    for dtype in DTYPES:
        dy = np.array([NAN, INF, -INF, 3], dtype)
        actual = implementation.relu_backward(dy, np.zeros(4, dtype))
        np.testing.assert_array_equal(actual, np.zeros(4))


def test_linear_relu_at_exact_zeros(implementation):
    for dtype in DTYPES:
        # z = (1 - 1, 2 - 2 + 1, 0 - 1): the first unit is at zero, where ReLU has no gradient.
        x, W = np.array([[1, 2]], dtype), np.array([[1, 2, 0], [0, -1, 0]], dtype)
        y = implementation.linear_relu_forward(x, W, np.array([-1, 1, -1], dtype))
        np.testing.assert_array_equal(y, [[0, 1, 0]])
        dx, dW, db = implementation.linear_relu_backward(np.full((1, 3), 5, dtype), y, x, W)
        np.testing.assert_array_equal(db, [0, 5, 0])
        np.testing.assert_array_equal(dW, [[0, 5, 0], [0, 10, 0]])
        np.testing.assert_array_equal(dx, [[10, -5]])


def test_linear_relu_keeps_nan(implementation):
    for dtype in DTYPES:
        x, W, b = np.array([[NAN, 0], [1, 1]], dtype), np.ones((2, 3), dtype), np.zeros(3, dtype)
        y = implementation.linear_relu_forward(x, W, b)
        np.testing.assert_array_equal(y, [[NAN] * 3, [2] * 3])
        _, _, db = implementation.linear_relu_backward(np.ones((2, 3), dtype), y, x, W)
        assert np.isnan(db).all()
