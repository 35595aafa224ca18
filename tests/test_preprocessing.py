"""Preprocessing: what scikit-learn's scalers do, in pieces."""

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from fastnet import preprocessing
from fastnet.preprocessing import Preprocessing

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 2.0, (40, 6))


def test_preprocessing_is_that_of_scikit_learn():
    data = np.column_stack([X, np.full(40, 7.0)]).astype(np.float32)
    for kind, theirs in (("standardize", StandardScaler()), ("minmax", MinMaxScaler())):
        ours = Preprocessing.fit(data, kind)
        np.testing.assert_allclose(ours(data), theirs.fit_transform(data.astype(np.float64)), rtol=1e-9, atol=1e-9)
        assert ours(data, np.float32).dtype == np.float32
    bytes_ = RNG.integers(0, 256, (50, 3)).astype(np.uint8)
    np.testing.assert_allclose(Preprocessing.fit(bytes_, "standardize")(bytes_).std(axis=0), 1)


@pytest.mark.parametrize(
    ("X", "kind", "message"),
    [
        (np.ones((2, 2)), "robust", "kind must be one of standardize, minmax, got 'robust'"),
        (np.ones(2), "minmax", "X must be numbers"),
        (np.empty((0, 2)), "minmax", "X must be numbers"),
        (np.array([[np.nan, 1.0]]), "minmax", "X must be finite, got nan in row 0, column 0"),
    ],
)
def test_data_that_cannot_be_prepared_is_named(X, kind, message):
    with pytest.raises(ValueError, match=message):
        Preprocessing.fit(X, kind)


@pytest.mark.parametrize("kind", ["standardize", "minmax"])
def test_a_constant_feature_is_only_shifted(kind):
    data = np.column_stack([np.full(1000, 0.1), np.arange(1000.0)])  # a thousand times 0.1 add up to 99.99...
    fitted = Preprocessing.fit(data, kind)
    assert (fitted.shift[0], fitted.scale[0]) == (0.1, 1.0)
    np.testing.assert_array_equal(fitted(data)[:, 0], 0)


@pytest.mark.parametrize("kind", ["standardize", "minmax"])
def test_pieces_make_no_difference(kind, monkeypatch):
    whole = Preprocessing.fit(X, kind)
    monkeypatch.setattr(preprocessing, "_ELEMENTS", 20)
    pieces = Preprocessing.fit(X, kind)
    np.testing.assert_allclose(pieces.shift, whole.shift, rtol=1e-12)
    np.testing.assert_allclose(pieces.scale, whole.scale, rtol=1e-12)
    np.testing.assert_array_equal(whole(np.asfortranarray(X), np.float32), whole(X).astype(np.float32))


@pytest.mark.parametrize(
    ("shift", "scale", "message"),
    [
        ([0.0], [1.0, 2.0], r"scale must have shape \(n_features,\), got \(2,\)"),
        (0.0, 1.0, "shift must have shape"),
        ([0.0], [np.inf], "scale must be finite"),
        ([1j], [1.0], "shift must be numbers, got complex128"),
        (["a"], [1.0], "shift must be numbers"),
    ],
)
def test_shifts_and_scales_that_cannot_be_used_are_named(shift, scale, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Preprocessing(shift, scale)


def test_inputs_that_cannot_be_prepared_are_named():
    prepare = Preprocessing([0.0, 0.0], [1e300, 1.0])
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, 2\), got \(1, 3\)"):
        prepare(np.ones((1, 3)))
    with pytest.raises(TypeError, match="X must be an array of numbers"):
        prepare([["a", "b"]])
    assert prepare(np.ones((1, 2)), np.float32)[0, 0] == np.inf
