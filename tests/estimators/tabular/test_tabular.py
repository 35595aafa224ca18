"""The estimators of tables: epochs, validation, ensembles, calibration, tables with gaps, and what cannot be used."""

import pickle

import numpy as np
import pytest

from fastnet import TabularMLPClassifier, TabularMLPRegressor
from fastnet.estimators.tabular import members
from fastnet.estimators.tabular.calibration import mean_log_probabilities, temperature
from fastnet.estimators.tabular.members import Patience
from fastnet.estimators.tabular.recipe import draw, folded, groups_of

SMALL = {"hidden_layer_sizes": (16, 16), "n_epochs": 12, "random_state": 0}


def data(n: int = 120):
    """A table with gaps, classes, and numbers."""
    rng = np.random.default_rng(3)
    X = np.empty((n, 3), object)
    X[:, 0], X[:, 1], X[:, 2] = rng.normal(size=n), rng.choice(["red", "green", "blue"], n), rng.normal(size=n)
    X[5, 0] = X[7, 1] = None
    labels = np.where((X[:, 1] == "red") | (X[:, 2] > 0.5), "yes", "no")
    return X, labels, X[:, 2].astype(float) * 3 + (X[:, 1] == "red") + 10


def of(kind, X, labels, numbers, **settings):
    """Fit an estimator to what it predicts."""
    return kind(**{**SMALL, **settings}).fit(X, labels if kind is TabularMLPClassifier else numbers)


KINDS = pytest.mark.parametrize("kind", [TabularMLPClassifier, TabularMLPRegressor])


@KINDS
def test_tables_with_text_and_gaps_are_learnt(kind):
    X, labels, numbers = data()
    model = of(kind, X, labels, numbers, n_epochs=60)
    assert model.score(X, labels if kind is TabularMLPClassifier else numbers) > 0.9
    assert model.n_features_in_ == 3
    unknown = model.predict([[0.0, "purple", 0.0], [None, None, None]])
    assert unknown.shape == (2,)


@KINDS
def test_the_last_epoch_of_least_error_is_kept(kind, monkeypatch):
    X, labels, numbers = data()
    errors = iter([3.0, 1.0, 2.0, 1.0, 5.0, np.nan])
    networks = []

    def error(self, now, rows):
        networks.append([network.copy() for network in now])
        return next(errors)

    monkeypatch.setattr(kind, "_error", error)
    model = of(kind, X, labels, numbers, n_epochs=6)
    assert model.best_epoch_ == 4
    assert model.n_epochs_ == len(model.loss_curve_) == len(model.validation_curve_) == 6
    np.testing.assert_array_equal(model.networks_[0], networks[3][0])


def test_a_fit_is_no_longer_than_it_pays(monkeypatch):
    X, labels, numbers = data()
    errors = iter([3.0, 2.0, 1.0, 0.0, *range(1, 50)])
    monkeypatch.setattr(TabularMLPRegressor, "_error", lambda self, now, rows: next(errors))
    model = of(TabularMLPRegressor, X, labels, numbers, n_epochs=50, early_stopping=True, patience=5)
    assert (model.best_epoch_, model.n_epochs_) == (4, 2 * 4 + 5 + 1)
    assert [Patience(2, 5).is_over(epoch, 4) for epoch in (13, 14)] == [False, True]


@KINDS
def test_data_of_ones_own_chooses_the_epoch_and_all_of_x_is_trained_on(kind, monkeypatch):
    X, labels, numbers = data()
    y = labels if kind is TabularMLPClassifier else numbers
    sizes = []
    monkeypatch.setattr(members.Member, "train", lambda self: sizes.append(self._n_rows) or 0.0)
    model = kind(**{**SMALL, "n_epochs": 1}).fit(X[:100], y[:100], X_val=X[100:], y_val=y[100:])
    assert sizes == [100]
    assert len(model.validation_curve_) == 1
    sizes.clear()
    assert kind(**{**SMALL, "n_epochs": 1, "validation_fraction": 0}).fit(X, y).validation_curve_ is None
    kind(**{**SMALL, "n_epochs": 1}).fit(X, y)
    assert sizes == [120, 96]


@KINDS
def test_threads_change_no_bit_and_the_reference_gives_the_same(kind):
    X, labels, numbers = data()
    one, three = (of(kind, X, labels, numbers, n_threads=n, n_ens=2) for n in (1, 3))
    np.testing.assert_array_equal(one.networks_, three.networks_)
    own, plain = (of(kind, X, labels, numbers, dtype="float64", backend=name) for name in ("numba", "numpy"))
    np.testing.assert_allclose(own.networks_, plain.networks_, rtol=0, atol=1e-7)


def test_an_ensemble_answers_with_the_mean_and_how_far_its_networks_differ():
    X, labels, numbers = data()
    model = of(TabularMLPRegressor, X, labels, numbers, n_ens=3)
    mean, deviation = model.predict(X, return_std=True)
    each = []
    networks = model.networks_
    for network in networks:
        model.networks_ = [network]
        each.append(model.predict(X))
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-12)
    np.testing.assert_allclose(deviation, np.std(each, axis=0, ddof=1), rtol=1e-9)
    with pytest.raises(ValueError, match="return_std=True needs an ensemble"):
        model.predict(X, return_std=True)
    probs = of(TabularMLPClassifier, X, labels, numbers, n_ens=2).predict_proba(X)
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, rtol=1e-5)


def test_quantiles_hold_their_share_of_samples_and_do_not_cross():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (3000, 1))
    y = x[:, 0] + (0.2 + np.abs(x[:, 0])) * rng.exponential(size=3000)
    levels = (0.1, 0.5, 0.9)
    model = TabularMLPRegressor(loss="quantile", quantiles=levels, n_epochs=24, random_state=0).fit(x[:2000], y[:2000])
    predictions = model.predict(x[2000:])
    assert predictions.shape == (1000, 3)
    assert (np.diff(predictions, axis=1) >= 0).all()
    np.testing.assert_allclose((y[2000:, None] <= predictions).mean(axis=0), levels, atol=0.05)
    assert 0.1 < model.score(x[2000:], y[2000:]) < 1
    one = TabularMLPRegressor(**SMALL, loss="quantile", quantiles=0.5).fit(x[:200], y[:200])
    assert one.predict(x).shape == (3000,)
    for quantiles, message in (((0.5, 0.1), "must be ascending"), ((0.5, 1.0), "must lie between 0 and 1")):
        with pytest.raises(ValueError, match=message):
            TabularMLPRegressor(**SMALL, loss="quantile", quantiles=quantiles).fit(x, y)
    with pytest.raises(ValueError, match="y must hold one number for each sample"):
        TabularMLPRegressor(**SMALL, loss="quantile").fit(x, np.stack([y, y], axis=1))


def test_a_temperature_is_found_that_logits_were_multiplied_with():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(1, 20000, 3))
    labels = (logits[0] + rng.gumbel(size=(20000, 3))).argmax(axis=1)  # drawn with the softmax's probabilities
    assert temperature(4 * logits, labels, None) == pytest.approx(4.0, rel=0.05)
    X, names, numbers = data()
    plain, calibrated = (of(TabularMLPClassifier, X, names, numbers, calibrate=value) for value in (False, True))
    np.testing.assert_array_equal(plain.predict(X), calibrated.predict(X))
    assert plain.temperature_ == 1.0 != calibrated.temperature_
    logits = calibrated._outputs_to_predict(X)
    np.testing.assert_allclose(
        calibrated.predict_log_proba(X), mean_log_probabilities(logits, calibrated.temperature_), rtol=1e-6
    )


def test_an_interrupt_keeps_the_best_epoch(monkeypatch):
    X, labels, numbers = data()
    train, calls = members.Member.train, []

    def interrupted(self):
        calls.append(0)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return train(self)

    monkeypatch.setattr(members.Member, "train", interrupted)
    with pytest.warns(UserWarning, match="Training interrupted"):
        model = of(TabularMLPRegressor, X, labels, numbers)
    assert model.n_epochs_ == 3
    assert 1 <= model.best_epoch_ <= 3
    assert np.isfinite(model.predict(X)).all()


def test_class_weights_are_weights_of_samples():
    X, labels, _ = data()
    weights = np.where(labels == "yes", 3.5, 1.25)
    expected = TabularMLPClassifier(**SMALL).fit(X, labels, weights)
    actual = TabularMLPClassifier(**SMALL, class_weight={"yes": 3.5, "no": 1.25}).fit(X, labels)
    np.testing.assert_array_equal(actual.networks_, expected.networks_)


def test_several_numbers_are_predicted_at_once_and_models_are_pickled():
    X, _, numbers = data()
    y = np.stack([numbers, -5 * numbers], axis=1)
    model = TabularMLPRegressor(**{**SMALL, "n_epochs": 60}).fit(X, y)
    predictions = model.predict(X)
    assert predictions.shape == y.shape
    assert model.score(X, y) > 0.9
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), predictions)
    constant = TabularMLPRegressor(**SMALL).fit(X, np.full(len(X), 7.0))
    np.testing.assert_allclose(constant.predict(X), 7.0)


def test_first_weights_are_those_of_the_method():
    sizes = (7, 400, 300, 2)
    parameters = draw(sizes, np.random.RandomState(0), np.float64)
    first, b = parameters[:2800] * np.sqrt(7), parameters[2800:3200]
    assert [first.std(), b.std()] == pytest.approx([1.0, 1.0], abs=0.1)
    np.testing.assert_array_equal(parameters[-7 - 602 : -7], 0.0)
    np.testing.assert_array_equal(parameters[-7:], 1.0)
    parameters[-7:] = np.arange(7)
    np.testing.assert_array_equal(folded(parameters, sizes)[:400], 0.0)
    np.testing.assert_array_equal(folded(parameters, sizes)[400:], parameters[400:-7] * np.repeat([*range(1, 7), 1], [
        *[400] * 6, parameters.size - 7 - 2800
    ]))  # fmt: skip
    groups = groups_of(sizes)
    np.testing.assert_allclose(groups.rates[:, 0] * groups.epsilons[:, 0], 1.0)


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({"calibrate": True, "validation_fraction": 0}, {}, "calibrate=True needs validation data"),
        ({}, {"X_val": [[0.0, "red", 0.0]]}, "X_val and y_val must be given together"),
        ({}, {"X_val": [[0.0, "red", 0.0]], "y_val": ["maybe"]}, "y_val must hold classes of y"),
        ({}, {"sample_weight": np.zeros(120)}, "sample_weight must contain at least one non-zero"),
        ({"hidden_layer_sizes": ()}, {}, "hidden_layer_sizes must hold one size or more"),
        ({"learning_rate": 1e30, "dtype": "float32"}, {}, "infinite or NaN"),
    ],
)
def test_what_cannot_be_used_is_named(settings, given, message):
    X, labels, _ = data()
    with pytest.raises(ValueError, match=message):
        TabularMLPClassifier(**{**SMALL, **settings}).fit(X, labels, **given)
