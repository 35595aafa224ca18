"""Callbacks of the estimators: what they are told, and what they can do."""

import numpy as np
import pytest
from estimators.fitting.test_fitting import SETTINGS, Watch, split
from estimators.test_base import BACKENDS, each_estimator, problem

from fastnet import MLPClassifier, load_model
from fastnet.training.callbacks import Callback, Record, SaveModel, StopWhen

pytestmark = [
    pytest.mark.parametrize("backend", BACKENDS),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@each_estimator
def test_a_callback_sees_each_epoch_and_the_model_as_it_is_then(estimator, backend):
    X, y, X_val, y_val = split("binary")
    watch, record = Watch(lambda model: model.predict(X).tolist()), Record()
    model = estimator(backend=backend, callbacks=(watch, record), **SETTINGS).fit(X, y, X_val=X_val, y_val=y_val)
    assert [epoch.number for epoch in record.epochs] == list(range(1, 13))
    assert [epoch.loss for epoch in record.epochs] == model.loss_curve_
    assert [epoch.validation_loss for epoch in record.epochs] == model.validation_loss_curve_
    assert [epoch.validation_score for epoch in record.epochs] == model.validation_scores_
    assert {epoch.n_samples for epoch in record.epochs} == {60}
    assert watch.seen[0] != watch.seen[-1] == model.predict(X).tolist()
    plain = estimator(backend=backend, **SETTINGS).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], plain.coefs_[0])


@each_estimator
@pytest.mark.parametrize("solver", ["sgd", "adamw", "lbfgs"])
def test_a_callback_stops_training(estimator, solver, backend):
    X, y = problem("binary")
    stop = StopWhen(lambda epoch: epoch.number == 4)
    model = estimator(backend=backend, solver=solver, callbacks=(stop,), **SETTINGS).fit(X, y)
    assert model.n_iter_ == 4
    shorter = estimator(backend=backend, solver=solver, **(SETTINGS | {"max_iter": 4})).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], shorter.coefs_[0])


def test_a_callback_is_told_of_parts_of_an_epoch_and_may_stop_within_it(backend, monkeypatch):
    monkeypatch.setattr("fastnet.training.loop.CHUNK_FLOP", 1)
    X, y = problem("binary")

    class Parts(Callback):
        def __init__(self, most):
            self.most, self.told = most, []

        def on_chunk_end(self, model, n_done, n_samples):
            self.told.append((n_done, n_samples))
            return n_done >= self.most

    whole, part = (Parts(most) for most in (1000, 40))
    MLPClassifier(backend=backend, callbacks=(whole,), **(SETTINGS | {"max_iter": 2})).fit(X, y)
    assert whole.told == 2 * [(32, 90), (64, 90), (90, 90)]
    model = MLPClassifier(backend=backend, callbacks=(part,), **SETTINGS).fit(X, y)
    assert (part.told, model.n_iter_, model.t_) == ([(32, 90), (64, 90)], 1, 64)


@each_estimator
def test_a_checkpoint_holds_the_model_of_its_epoch(estimator, backend, tmp_path):
    X, y = problem("binary")
    watch, path = Watch(lambda model: model.coefs_[0].copy()), tmp_path / "model.safetensors"
    checkpoint = SaveModel(path, every=5)
    model = estimator(backend=backend, callbacks=(watch, checkpoint), **SETTINGS).fit(X, y)
    kept = load_model(path)
    assert kept.metrics["epoch"] == 10
    np.testing.assert_array_equal(kept.network.weights[0], watch.seen[9])
    assert (kept.network.weights[0] != model.coefs_[0]).any()


def test_a_checkpoint_of_the_best_keeps_the_epoch_of_the_highest_score(backend, tmp_path):
    X, y, X_val, y_val = split("binary")
    checkpoint = SaveModel(tmp_path / "model.safetensors", best_only=True)
    model = MLPClassifier(backend=backend, callbacks=(checkpoint,), **SETTINGS).fit(X, y, X_val=X_val, y_val=y_val)
    assert load_model(checkpoint.path).metrics["epoch"] == 1 + np.argmax(model.validation_scores_)
    checkpoint = SaveModel(tmp_path / "model.safetensors", best_only=True)
    model = MLPClassifier(backend=backend, callbacks=(checkpoint,), **SETTINGS).fit(X, y)
    assert load_model(checkpoint.path).metrics["epoch"] == 1 + np.argmin(model.loss_curve_) > 1
