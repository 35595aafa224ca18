"""Sums over rows have one order: lanes of 64 bytes, then halves. Equal to the bit to what NumPy adds in that order."""

import numpy as np
import pytest

from fastnet.compiler import policy

pytestmark = pytest.mark.skipif(not policy.COMPILES, reason="nothing is compiled")

if policy.COMPILES:
    from fastnet.kernels.codegen import reductions

SIZES = [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 257]


def compiled(function):
    return policy.compile_lazily(function)


def in_lanes(terms, dtype, add=np.add, neutral=0.0):
    """Add terms in the order that is promised."""
    n_lanes = 64 // terms.itemsize
    lanes = np.full(n_lanes, neutral, dtype)
    for first in range(0, len(terms), n_lanes):
        some = terms[first : first + n_lanes].astype(dtype)
        lanes[: len(some)] = add(lanes[: len(some)], some)
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = add(lanes[:half], lanes[half:])
    return lanes[0]


@pytest.fixture(scope="module")
def kernels_of_rows():
    def total(x, n):
        return reductions.total(x, n)

    def total_in_double(x, n):
        return reductions.total_in_double(x, n)

    def squares(x, n):
        return reductions.squares_in_double(x, n)

    def dot(x, y, n):
        return reductions.dot(x, y, n)

    def largest(x, n):
        return reductions.largest(x, n)

    def slopes(p, label, n):
        return reductions.dot_of_slopes(p, label, n)

    def squared(x, y, n):
        return reductions.squared_distance(x, y, n)

    def absolute(x, y, n):
        return reductions.absolute_distance(x, y, n)

    def huber(x, y, n, delta):
        return reductions.huber_distance(x, y, n, delta)

    def exponentials(x, top, y, n):
        return reductions.exponentials(x, top, y, n)

    def larger(x, place, n):
        return reductions.count_larger(x, place, n)

    functions = (exponentials, larger, total, total_in_double, squares, dot, largest, slopes, squared, absolute, huber)
    return {function.__name__: compiled(function) for function in functions}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", SIZES)
def test_sums_have_the_bits_of_their_order(n, dtype, kernels_of_rows):
    rng = np.random.default_rng(n)
    x, y = ((rng.standard_normal(n + 5) * 10.0 ** rng.integers(-3, 4, n + 5)).astype(dtype) for _ in range(2))
    a, b, run = x[:n], y[:n], kernels_of_rows
    double = np.float64
    assert run["total"](x, n) == in_lanes(a, dtype)
    assert run["dot"](x, y, n) == in_lanes(a * b, dtype)
    assert run["total_in_double"](x, n) == in_lanes(a, double)
    assert run["squares"](x, n) == in_lanes(a * a, double)
    difference = a - b
    assert run["squared"](x, y, n) == in_lanes(difference * difference, double)
    assert run["absolute"](x, y, n) == in_lanes(abs(difference), double)
    size, delta = abs(difference).astype(double), 2.5
    n_lanes = 64 // np.dtype(dtype).itemsize
    terms = np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta))
    lanes = [terms[i::n_lanes] for i in range(n_lanes)]
    sums = np.array([np.add.accumulate(np.r_[0.0, lane])[-1] for lane in lanes])
    while len(sums) > 1:
        sums = sums[: len(sums) // 2] + sums[len(sums) // 2 :]
    assert run["huber"](x, y, n, delta) == sums[0]
    for label in {0, n // 2, n - 1} - {-1}:
        if n:
            slope = 2 * a
            slope[label] -= 2
            assert run["slopes"](x, label, n) == in_lanes(a * slope, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_is_found_beside_nan_and_infinity(dtype, kernels_of_rows):
    largest = kernels_of_rows["largest"]
    for n in SIZES[1:]:
        x = np.random.default_rng(n).standard_normal(n).astype(dtype)
        assert largest(x, n) == x.max()
        x[n // 2] = np.inf
        assert largest(x, n) == np.inf
        x[:] = -np.inf
        assert largest(x, n) == -np.inf
        x[n // 3] = np.nan
        assert largest(x, n) == -np.inf, "a NaN is not larger, and comes through the sum"
    assert largest(np.empty(0, dtype), 0) == -np.inf


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", SIZES[1:])
def test_exponentials_are_written_and_summed(n, dtype, kernels_of_rows):
    x = np.random.default_rng(n).standard_normal(n + 3).astype(dtype)
    top, y = x[:n].max(), np.full(n + 3, 7, dtype)
    assert kernels_of_rows["exponentials"](x, top, y, n) == in_lanes(y[:n], dtype)
    np.testing.assert_allclose(y[:n], np.exp(x[:n] - top), rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(y[n:], 7)
    in_place = x.copy()
    kernels_of_rows["exponentials"](in_place, top, in_place, n)
    np.testing.assert_array_equal(in_place, np.r_[y[:n], x[n:]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("values", [[0.0, -0.0, 1.0], [np.nan, 1.0, -np.inf], [np.inf, np.nan, 2.0], [3.0]])
def test_no_element_is_larger_than_that_of_argmax(values, dtype, kernels_of_rows):
    rng = np.random.default_rng(0)
    for n in SIZES[1:]:
        x = np.r_[rng.choice(np.array(values, dtype), n), np.full(3, np.inf, dtype)].astype(dtype)
        found = [place for place in range(n) if kernels_of_rows["larger"](x, place, n) == 0]
        assert found == [x[:n].argmax()]


def test_nothing_beyond_the_row_is_read(kernels_of_rows):
    for n in SIZES:
        x = np.full(n + 64, np.nan, np.float32)
        x[:n] = 1
        assert kernels_of_rows["total"](x, n) == n
        assert kernels_of_rows["dot"](x, x, n) == n
