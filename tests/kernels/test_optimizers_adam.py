"""Adam at its ends: where it would divide zero by zero, and in steps whose numbers are large."""

from itertools import pairwise

import numpy as np
import pytest

from fastnet import kernels, reference

SIZES = ((16, 33, 4), (20, 33, 4), (300, 7, 4), (70, 40, 3), (33, 3))

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda dtype: dtype.__name__)


@dtypes
@pytest.mark.parametrize("eps", [0.0, 1e-60])  # less than float32 can hold
def test_parameters_without_a_gradient_stay(implementation, dtype, eps):
    p, g, m, v = (np.array(values, dtype) for values in ([1, 2, 3], [0, 4, np.nan], [0] * 3, [0] * 3))
    implementation.adam_step(p, g, m, v, 0.25, 0.5, 0.75, eps, 1)
    np.testing.assert_array_equal(p, np.array([1, 1.75, np.nan], dtype))
    implementation.adamw_step(p[:2], np.zeros(2, dtype), m[:2] * 0, v[:2] * 0, 0.25, 0.5, 0.75, eps, 1.0, 1)
    np.testing.assert_array_equal(p[:2], np.array([0.75, 1.3125], dtype))  # decayed


@dtypes
@pytest.mark.parametrize("clip_norm", [None, 0.5])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_biases_that_are_absent_stay(implementation, dtype, sizes, clip_norm):
    rng = np.random.default_rng(5)
    parts = [(rng.normal(0, 0.3, (n_in, n_out)), np.zeros(n_out)) for n_in, n_out in pairwise(sizes)]
    parameters = np.concatenate([part.ravel() for pair in parts for part in pair]).astype(dtype)
    before = parameters.copy()
    x, y = rng.random((50, sizes[0])).astype(dtype), rng.integers(0, sizes[-1], 50).astype(np.int32)
    slots = np.zeros_like(parameters), np.zeros_like(parameters)
    implementation.train_epoch(
        parameters, slots, x, y, np.arange(50), list(sizes), ["tanh"] * (len(sizes) - 2), "cross_entropy",
        ("adam", 0.01, 0.9, 0.999, 0.0), 16, clip_norm=clip_norm, bias=False,
    )  # fmt: skip
    start = 0
    for n_in, n_out in pairwise(sizes):
        weights = slice(start, start + n_in * n_out)
        assert np.isfinite(parameters[weights]).all()
        assert (parameters[weights] != before[weights]).any()
        start = weights.stop + n_out
        assert not parameters[weights.stop : start].any()


@dtypes
@pytest.mark.parametrize("t", [2**16 - 1, 2**16 + 1, 10**6, 2**40 + 1])
def test_late_steps_have_the_powers_of_the_reference(dtype, t):
    """A squaring doubles the error of a power: by as many roundings as it has factors, no more, do the two differ."""
    expected, actual = ([np.ones(3, dtype), np.full(3, 0.5, dtype), np.full(3, 0.25, dtype)] for _ in range(2))
    g, beta2 = np.array([-1, 0.5, 2], dtype), 1 - 2.0**-17
    for implementation, vectors in ((reference, expected), (kernels, actual)):
        p, m, v = vectors
        implementation.adam_step(p, g, m, v, 0.1, 0.9, beta2, 1e-8, t)
    rounding = min(t, 2**20) * np.finfo(np.float64).eps + 4 * np.finfo(dtype).eps
    for one, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, wanted, rtol=rounding)


@dtypes
def test_without_weight_decay_infinite_parameters_and_signs_of_zeros_stay(implementation, dtype):
    start = np.array([np.inf, -np.inf, -0.0, 0.0], dtype)
    p, m, v = start.copy(), np.zeros(4, dtype), np.zeros(4, dtype)
    implementation.adam_step(p, np.zeros(4, dtype), m, v, 0.1, 0.9, 0.999, 1e-8, 1)
    assert p.tobytes() == start.tobytes()
