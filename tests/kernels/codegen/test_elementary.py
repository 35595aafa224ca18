"""Elementary functions of the kernels: within so many units in the last place, over all of their range."""

import numba
import numpy as np
import pytest

from fastnet import kernels
from fastnet.kernels.codegen import elementary


def over_arrays(function):
    """Return what applies a function of kernels to every element of an array."""

    @numba.njit
    def apply(x, y):
        for i in range(x.size):
            y[i] = function(x[i])

    return apply


INNER = {name: over_arrays(getattr(elementary, name)) for name in ("exp", "expm1", "log", "log1p")}


def evaluate(name, x):
    if name in INNER:
        y = np.empty_like(x)
        INNER[name](x, y)
        return y
    return getattr(kernels, f"{name}_forward")(x)


def exact(name, x):
    """Compute in extended precision, with 11 bits or more to spare."""
    x = x.astype(np.longdouble)
    if name in INNER or name == "tanh":
        return getattr(np, name)(x)
    small = np.exp(-np.abs(x))
    if name == "softplus":
        return np.maximum(x, 0) + np.log1p(small)
    return np.where(x >= 0, 1, small) / (1 + small)


RANGES = {
    # up to where the result is 0, or 1, or inf
    ("exp", np.float32): (-104.5, 89.5),
    ("exp", np.float64): (-746.5, 710.5),
    ("expm1", np.float32): (-30.0, 0.0),
    ("expm1", np.float64): (-50.0, 0.0),
    ("sigmoid", np.float32): (-104.5, 20.0),
    ("sigmoid", np.float64): (-746.5, 40.0),
    ("tanh", np.float32): (-11.0, 11.0),
    ("tanh", np.float64): (-21.0, 21.0),
    ("softplus", np.float32): (-104.5, 30.0),
    ("softplus", np.float64): (-746.5, 50.0),
}
ULP = {"exp": 1.0, "expm1": 2.0, "sigmoid": 2.5, "tanh": 3.0, "softplus": 2.5, "log": 1.5, "log1p": 2.0}
EXTENDED = np.finfo(np.longdouble).nmant > np.finfo(np.float64).nmant
functions = pytest.mark.parametrize(("name", "dtype"), RANGES, ids=lambda v: v if isinstance(v, str) else v.__name__)


@functions
def test_elementary_functions_within_their_bounds_in_ulp(name, dtype):
    if dtype == np.float64 and not EXTENDED:
        pytest.skip("long double is no longer than double here")
    rng = np.random.default_rng(8)
    low, high = RANGES[name, dtype]
    tiny = np.exp(rng.uniform(np.log(float(np.finfo(dtype).tiny)), np.log(-low), 100_000))
    x = np.concatenate([rng.uniform(low, high, 200_000), tiny[tiny < high], -tiny]).astype(dtype)
    expected = exact(name, x)
    with np.errstate(over="ignore"):
        rounded = expected.astype(dtype)
    actual = evaluate(name, x)
    finite = np.isfinite(rounded)
    unit = np.spacing(np.abs(rounded[finite])).astype(np.longdouble)
    errors = np.abs(actual[finite].astype(np.longdouble) - expected[finite]) / unit
    assert errors.max() <= ULP[name]
    # overflow may come one unit in the last place early or late
    assert (actual[~finite] >= np.finfo(dtype).max).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithms_within_their_bounds_in_ulp(dtype):
    if dtype == np.float64 and not EXTENDED:
        pytest.skip("long double is no longer than double here")
    rng, info = np.random.default_rng(8), np.finfo(dtype)
    wide = np.exp(rng.uniform(np.log(float(info.tiny)), np.log(float(info.max)), 200_000))
    near = np.linspace(0.25, 4, 200_001)
    around_one = 1 + info.eps * np.arange(-2000, 2000)
    for name, x in (
        ("log", np.concatenate([wide, near, around_one, [info.tiny, info.max]])),
        ("log1p", np.concatenate([wide[wide < 1], np.linspace(0, 1, 200_001)])),
    ):
        x = x.astype(dtype)
        expected = exact(name, x)
        unit = np.spacing(np.abs(expected.astype(dtype))).astype(np.longdouble)
        assert (np.abs(evaluate(name, x).astype(np.longdouble) - expected) <= ULP[name] * unit).all()
    assert np.isnan(evaluate("log", np.array([-1.0, -np.inf, np.nan], dtype))).all()
    assert np.isnan(evaluate("log1p", np.array([np.nan], dtype))).all()


@functions
def test_elementary_functions_at_zero_infinity_and_nan(name, dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30], dtype)
    expected = {
        "exp": [1, 1, np.inf, 0, np.nan, np.inf, 0],
        "expm1": [0, 0, 0, -1, np.nan, 0, -1],
        "softplus": [np.log(2), np.log(2), np.inf, 0, np.nan, 1e30, 0],
        "sigmoid": [0.5, 0.5, 1, 0, np.nan, 1, 0],
        "tanh": [0.0, -0.0, 1, -1, np.nan, 1, -1],
    }[name]
    actual = evaluate(name, x)
    np.testing.assert_array_equal(actual, np.array(expected, dtype))
    np.testing.assert_array_equal(np.signbit(actual[:2]), np.signbit(np.array(expected[:2])))


@functions
def test_elementary_functions_stay_in_range_and_do_not_fall(name, dtype):
    """On neighbouring numbers around the ends of the range, results fall by two units in the last place at most."""
    low, high = RANGES[name, dtype]
    units = np.arange(-2000, 2000)
    for centre in (low, high, low + 1, high - 1, 0.5, -0.5, np.log(2) / 2, 9.0, 17.0, 19.1):
        x = np.asarray(dtype(centre) + units * np.spacing(np.abs(dtype(centre))), dtype)
        y = evaluate(name, x)
        ends = {"sigmoid": (0, 1), "tanh": (-1, 1), "expm1": (-1, 0)}.get(name, (0, np.inf))
        assert ends[0] <= y.min()
        assert y.max() <= ends[1]
        finite = y[np.isfinite(y)]
        assert (np.diff(finite) >= -2 * np.spacing(np.abs(finite[:-1]))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_is_odd_and_small_numbers_are_their_own_tanh(dtype):
    x = np.geomspace(np.finfo(dtype).smallest_subnormal, 20, 5000, dtype=np.float64).astype(dtype)
    np.testing.assert_array_equal(kernels.tanh_forward(-x), -kernels.tanh_forward(x))
    small = x[x < np.finfo(dtype).eps]
    np.testing.assert_allclose(kernels.tanh_forward(small), small, rtol=2 * np.finfo(dtype).eps)
