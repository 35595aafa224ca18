"""The reference's optimizers against numbers worked out by hand, and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from fastnet import reference

EPS = np.finfo(np.float64).eps
DTYPES = (np.float32, np.float64)


def random(seed, *shape, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sgd_two_steps_by_hand(dtype):
    p = np.array([1.0, -2.0], dtype)
    for g in ([4.0, 2.0], [-2.0, 1.0]):
        assert reference.sgd_step(p, np.array(g, dtype), 0.25) is None
    # 1 - 1 + 1/2; -2 - 1/2 - 1/4
    assert p.dtype == dtype
    np.testing.assert_array_equal(p, np.array([0.5, -2.75]))


@pytest.mark.parametrize(
    ("nesterov", "expected"),
    [
        # v1 = -1/4 4 = -1;  p1 = 1 - 1 = 0;               v2 = -1/2 + 1 = 1/2;  p2 = 0 + 1/2
        (False, (0.0, 0.5)),
        # v1 = -1;           p1 = 1 - 1/2 - 1 = -1/2;      v2 = 1/2;             p2 = -1/2 + 1/4 + 1
        (True, (-0.5, 0.75)),
    ],
)
def test_momentum_two_steps_by_hand(nesterov, expected):
    p, v = np.array([1.0]), np.zeros(1)
    reference.momentum_step(p, np.array([4.0]), v, 0.25, 0.5, nesterov)
    assert (p[0], v[0]) == (expected[0], -1.0)
    reference.momentum_step(p, np.array([-4.0]), v, 0.25, 0.5, nesterov)
    assert (p[0], v[0]) == (expected[1], 0.5)


@pytest.mark.parametrize("weight_decay", [None, 0.5])
def test_adam_two_steps_by_hand(weight_decay):
    lr, beta1, beta2, eps = 0.1, 0.9, 0.99, 1e-3
    decay = 1 - lr * (weight_decay or 0.0)
    g1, g2 = 3.0, -1.0
    m1, v1 = 0.1 * g1, 0.01 * g1**2
    m2, v2 = 0.9 * m1 + 0.1 * g2, 0.99 * v1 + 0.01 * g2**2
    p1 = 2.0 * decay - lr * math.sqrt(1 - 0.99) / (1 - 0.9) * m1 / (math.sqrt(v1) + eps)
    p2 = p1 * decay - lr * math.sqrt(1 - 0.99**2) / (1 - 0.9**2) * m2 / (math.sqrt(v2) + eps)
    p, m, v = np.array([2.0]), np.zeros(1), np.zeros(1)
    for t, (g, expected) in enumerate(((g1, (p1, m1, v1)), (g2, (p2, m2, v2))), start=1):
        if weight_decay is None:
            reference.adam_step(p, np.array([g]), m, v, lr, beta1, beta2, eps, t)
        else:
            reference.adamw_step(p, np.array([g]), m, v, lr, beta1, beta2, eps, weight_decay, t)
        # 1 - beta loses up to 1/(1 - beta) = 100 units in the last place of what is left.
        np.testing.assert_allclose([p[0], m[0], v[0]], expected, rtol=200 * EPS)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_has_the_bits_of_scikit_learn(nesterov):
    p, v = random(0, 50), np.zeros(50)
    expected = p.copy()
    sklearn = SGDOptimizer([expected], learning_rate_init=0.03, momentum=0.87, nesterov=nesterov)
    for step in range(7):
        g = random(step + 1, 50)
        reference.momentum_step(p, g, v, 0.03, 0.87, nesterov)
        sklearn.update_params([expected], [g])
    np.testing.assert_array_equal(p, expected)
    np.testing.assert_array_equal(v, sklearn.velocities[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_is_that_of_scikit_learn(dtype):
    p, m, v = random(0, 50, dtype=dtype), np.zeros(50, dtype), np.zeros(50, dtype)
    expected = p.copy()
    sklearn = AdamOptimizer([expected], learning_rate_init=0.02, beta_1=0.85, beta_2=0.97, epsilon=1e-6)
    for t in range(1, 8):
        g = random(t, 50, dtype=dtype)
        reference.adam_step(p, g, m, v, 0.02, 0.85, 0.97, 1e-6, t)
        sklearn.update_params([expected], [g])
    assert p.dtype == expected.dtype == dtype
    if dtype == np.float64:
        np.testing.assert_array_equal(p, expected)
    else:
        # scikit-learn computes the update of float32 in float64: one rounding of p apart in each of 7 steps.
        assert (np.abs(p - expected) <= 7 * np.finfo(dtype).eps * np.abs(p).max()).all()


@pytest.mark.parametrize("scalar", [float, np.float32, np.float64])
def test_optimizers_stay_float32_whatever_the_scalar(scalar):
    p, m, v, g = (random(i, 500, dtype=np.float32) for i in range(4))
    v = np.abs(v)
    actual, expected = p.copy(), p.copy()
    rates = (0.5, 0.5, 0.75, 0.125, 0.25)  # exact in float32: the scalar's type cannot change the result
    reference.adamw_step(actual, g, m.copy(), v.copy(), *map(scalar, rates), t=3)
    reference.adamw_step(expected, g, m.copy(), v.copy(), *rates, t=3)
    np.testing.assert_array_equal(actual, expected)
    assert not np.array_equal(actual, p)
