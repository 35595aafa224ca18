"""Rows that a model was not trained on, found again in the data."""

import numpy as np
import pytest

from fastnet.datasets import stratified_split
from fastnet.datasets.held_out import HeldOut, held_out_rows

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 3)), (np.arange(60) % 3).astype(np.int32)


def test_rows_are_those_that_were_held_out():
    assert HeldOut().rows(Y).tolist() == []
    assert HeldOut("last", count=4).rows(Y).tolist() == [56, 57, 58, 59]
    for how in ({"fraction": 0.2}, {"count": 7}):
        np.testing.assert_array_equal(
            HeldOut("stratified", **how, seed=3).rows(Y), stratified_split(Y, seed=3, **how)[1]
        )
    drawn = HeldOut("drawn", count=5, seed=1, first=20).rows(Y)
    assert drawn.tolist() == sorted(np.random.default_rng(1).permutation(20)[:5].tolist())


@pytest.mark.parametrize("how", [HeldOut(), HeldOut("last", count=4), HeldOut("stratified", 0.25, seed=2)])
def test_they_are_found_in_the_same_data_alone(how):
    noted = how.noted(X, Y)
    np.testing.assert_array_equal(held_out_rows(noted, np.asfortranarray(X), Y), how.rows(Y))
    changed, swapped = X.copy(), Y.copy()
    changed[7, 1] += 1e-9
    swapped[[0, 1]] = swapped[[1, 0]]
    for other in (
        (changed, Y),
        (X, swapped),
        (X[::-1], Y),
        (X[:-1], Y[:-1]),
        (X.astype(np.float32), Y),
        (X[:, ::-1], Y),
    ):
        assert held_out_rows(noted, *other) is None


@pytest.mark.parametrize(
    "edit",
    [
        {"method": "stratified", "fraction": 7.0}, {"fraction": "much"}, {"method": "last", "count": 60}, {"more": 1},
        {"method": "drawn", "seed": -1}, {"samples": 59}, {"digest": None}, {"method": "stratified", "count": [1]},
    ],
)  # fmt: skip
def test_what_a_file_says_wrongly_is_not_followed(edit):
    noted = HeldOut("last", count=4).noted(X, Y) | edit
    found = held_out_rows(noted, X, Y)
    assert found is None or found.size < len(Y)


@pytest.mark.parametrize("noted", [None, [], "data", 3, {}])
def test_models_that_note_nothing(noted):
    assert held_out_rows(noted, X, Y) is None


def test_rows_that_are_not_digested_may_be_many():
    many = np.zeros((10_000, 1))
    y = (np.arange(10_000) % 2).astype(np.int32)
    assert held_out_rows(HeldOut("last", count=1).noted(many, y), many, y).tolist() == [9999]
