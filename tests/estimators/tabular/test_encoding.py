"""Inputs of tabular networks: what becomes of the columns of a table."""

import numpy as np
import pytest

from fastnet.estimators.tabular.encoding import Encoding
from fastnet.tables.columns import TableColumns


def encoded(rows, others=None, weights=None, dtype=np.float64):
    """Learn from rows of a table, and encode these or others."""
    columns = TableColumns.learn(rows)
    encoding = Encoding.learn(columns, *columns.read(rows), weights)
    return encoding.encode(*columns.read(rows if others is None else others), dtype)


def clipped(x):
    return x / np.sqrt(1 + (x / 3) ** 2)


def test_numbers_are_centred_scaled_and_kept_within_three():
    x = np.array([[0.0], [1.0], [2.0], [3.0], [1e9]])
    actual = encoded(x)
    expected = clipped((x - 2.0) / 2.0)  # quartiles 1, 2, 3
    np.testing.assert_allclose(actual, expected, rtol=1e-14)
    assert actual.max() == pytest.approx(3.0)


def test_half_the_range_stands_for_quartiles_that_are_equal_and_constants_are_zero():
    x = np.array([[0.0, 5.0]] * 9 + [[4.0, 5.0]])
    np.testing.assert_allclose(encoded(x, np.array([[4.0, 7.0]])), [[clipped(4.0 / 2.0), 0.0]], rtol=1e-14)


def test_categories_follow_numbers_and_gaps_and_unknown_ones_are_zero_before_scaling():
    rows = [["a", 1.0, "x"], ["b", 2.0, "y"], ["c", 3.0, "x"], ["a", 4.0, "y"]]
    columns = TableColumns.learn(rows)
    encoding = Encoding(tuple(map(len, columns.categories)), np.zeros(5), np.ones(5))
    numbers, codes = columns.read([["b", 0.0, "x"], ["?", 0.0, "y"], [None, None, None]])
    one = clipped(1.0)
    expected = [[0, 0, one, 0, one], [0, 0, 0, 0, -one], [0, 0, 0, 0, 0]]
    np.testing.assert_allclose(encoding.encode(numbers, codes, np.float64), expected, rtol=1e-14)


def test_missing_numbers_are_the_median_and_columns_of_gaps_alone_are_zero():
    x = np.array([[1.0, np.nan], [2.0, np.nan], [4.0, np.nan], [np.nan, np.nan]])
    actual = encoded(x)
    assert actual[3, 0] == actual[1, 0] == 0.0
    np.testing.assert_array_equal(actual[:, 1], 0.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_and_tiny_numbers_stay_finite(dtype):
    x = np.array([[1e308, 1e-308], [-1e308, -1e-308], [1e-300, 0.0], [0.0, 1e308]])
    actual = encoded(x, dtype=dtype)
    assert actual.dtype == dtype
    assert np.isfinite(actual).all()
    assert np.abs(actual).max() <= 3.0


def test_whole_weights_count_as_rows_and_others_do_not_matter():
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(23, 2)), rng.integers(1, 5, 23).astype(float)
    x[3, 1] = np.nan
    np.testing.assert_allclose(
        encoded(x, x, weights), encoded(np.repeat(x, weights.astype(int), axis=0), x), rtol=1e-12
    )
    np.testing.assert_array_equal(encoded(x, x, weights + 0.5), encoded(x))
