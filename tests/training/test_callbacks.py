"""Callbacks of trainers and estimators: one protocol for both."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastnet import MLPClassifier, Network, Trainer, load_model
from fastnet.datasets import load_digits
from fastnet.training.callbacks import Callback, Record, SaveModel, StopWhen
from fastnet.training.stopping import MaxTime

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS = load_digits()
X, Y = DIGITS.X[:200] / 16, DIGITS.y[:200]
SIDES = ["trainer", "estimator"]


def fit(side, callbacks, epochs=4, validation=None):
    """Fit one of both; return it and the number of epochs that it took."""
    if side == "trainer":
        trainer = Trainer(Network([64, 12, 10], seed=0), batch_size=50, backend="numpy", seed=0)
        return trainer, len(trainer.fit(X, Y, validation, epochs, callbacks).epochs)
    model = MLPClassifier((12,), batch_size=50, backend="numpy", random_state=0, max_iter=epochs, callbacks=callbacks)
    X_val, y_val = validation or (None, None)
    return model.fit(X, Y, X_val=X_val, y_val=y_val), model.n_iter_


class Diary(Callback):
    """Note every event."""

    def __init__(self):
        self.events, self.models = [], set()

    def note(self, model, *event):
        self.events.append(event)
        self.models.add(model)

    def on_train_begin(self, model):
        self.note(model, "begin")

    def on_chunk_end(self, model, n_done, n_samples):
        self.note(model, n_done, n_samples)

    def on_epoch_end(self, model, epoch):
        self.note(model, "epoch", epoch.number)

    def on_train_end(self, model):
        self.note(model, "end")


@pytest.mark.parametrize("side", SIDES)
def test_events_come_in_order_and_bring_the_model(side, monkeypatch):
    monkeypatch.setattr("fastnet.training.loop.CHUNK_FLOP", 1)
    diary = Diary()
    model, _ = fit(side, (diary,), epochs=2)
    chunks = [(50, 200), (100, 200), (150, 200), (200, 200)]
    assert diary.events == [("begin",), *chunks, ("epoch", 1), *chunks, ("epoch", 2), ("end",)]
    assert diary.models == {model}


@pytest.mark.parametrize("side", SIDES)
def test_functions_and_objects_of_other_classes_are_called_too(side):
    class Other:
        def on_epoch_end(self, model, epoch):
            seen.append(epoch)

    seen, heard = [], []
    fit(side, [heard.append, Other()])
    assert [epoch.number for epoch in heard] == [1, 2, 3, 4]
    assert heard == seen


@pytest.mark.parametrize("side", SIDES)
def test_all_are_told_though_the_first_stops(side):
    record = Record()
    _, n_epochs = fit(side, (lambda epoch: epoch.number == 2, StopWhen(lambda epoch: False), record))
    assert n_epochs == len(record.epochs) == 2


@pytest.mark.parametrize("side", SIDES)
def test_who_stops_at_the_beginning_prevents_every_step(side):
    class Never(Callback):
        def on_train_begin(self, model):
            return True

    diary = Diary()
    _, n_epochs = fit(side, (Never(), diary))
    assert n_epochs == 0
    assert diary.events == [("begin",), ("end",)]


@pytest.mark.parametrize("side", SIDES)
def test_the_end_is_told_after_an_error_too(side):
    def fail(epoch):
        raise OSError("no more room")

    diary = Diary()
    with pytest.raises(OSError, match="no more room"):
        fit(side, (fail, diary))
    assert diary.events[-1] == ("end",)


@pytest.mark.parametrize("side", SIDES)
def test_a_record_tells_of_times_steps_and_validation(side):
    record = Record()
    fit(side, (record,), validation=(X[:50], Y[:50]))
    assert [epoch.step for epoch in record.epochs] == [4, 8, 12, 16]
    elapsed = [epoch.elapsed for epoch in record.epochs]
    assert elapsed == sorted(elapsed)
    assert sum(epoch.seconds for epoch in record.epochs) <= elapsed[-1]
    for epoch in record.epochs:
        assert (epoch.n_samples, epoch.learning_rate) == (200, 0.001)
        assert epoch.samples_per_second == pytest.approx(200 / epoch.seconds)
        assert 0 <= epoch.accuracy <= 1
        assert epoch.validation_loss == epoch.validation.loss > 0
        assert 0 <= epoch.validation_score <= 1


@pytest.mark.parametrize("side", SIDES)
def test_a_saved_model_is_that_of_its_epoch(side, tmp_path):
    weights, path = [], tmp_path / "model.safetensors"

    class Weights(Callback):
        def on_epoch_end(self, model, epoch):
            weights.append(model.to_model().network.weights[0].copy())

    fit(side, (Weights(), SaveModel(path, every=3)))
    saved = load_model(path)
    assert saved.metrics["epoch"] == 3
    np.testing.assert_array_equal(saved.network.weights[0], weights[2])


@pytest.mark.parametrize("side", SIDES)
def test_time_that_is_up_is_a_reason_to_stop(side, monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    _, n_epochs = fit(side, (MaxTime(3.5),), epochs=9)
    assert n_epochs == 2, "the clock is looked at after each chunk and each epoch"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([Record], "callbacks must be functions, or objects with on_train_begin, .* got <class"),
        ([3], "callbacks must be functions, or objects with on_train_begin, .* got 3"),
    ],
)
def test_what_is_no_callback_is_named(side, callbacks, message):
    with pytest.raises(TypeError, match=message):
        fit(side, callbacks)


def test_a_callback_alone_is_no_list_of_callbacks():
    with pytest.raises(TypeError, match="callbacks must be a tuple or a list, got Record"):
        fit("trainer", Record())


class Fits:
    """Fits of a trainer or an estimator, with the same callbacks: from new weights on, or going on."""

    def __init__(self, side, *callbacks):
        self.side, self.callbacks, self.fitted = side, callbacks, None

    def anew(self):
        self.fitted, _ = fit(self.side, self.callbacks)

    def again(self):
        if self.side == "trainer":
            self.anew()
        else:
            self.fitted.fit(X, Y)

    def go_on(self):
        if self.side == "trainer":
            self.fitted.fit(X, Y, epochs=1, callbacks=self.callbacks)
        else:
            self.fitted.partial_fit(X, Y)


@pytest.mark.parametrize("side", SIDES)
def test_a_record_is_of_the_weights_that_there_are(side):
    record = Record()
    fits = Fits(side, record)
    for step, n_epochs in ((fits.anew, 4), (fits.go_on, 5), (fits.go_on, 6), (fits.again, 4), (fits.anew, 4)):
        step()
        assert len(record.epochs) == n_epochs


@pytest.mark.parametrize("side", SIDES)
def test_the_best_of_one_fit_is_not_held_against_another(side, tmp_path):
    save = SaveModel(tmp_path / "model.safetensors", best_only=True)
    fits = Fits(side, save)
    fits.anew()
    for step in (fits.again, fits.anew):
        save.best = 1.0  # of a loss below 0
        save.path.unlink()
        fits.go_on()
        assert not save.path.exists(), "what goes on is held against what was"
        step()
        assert load_model(save.path).metrics["epoch"] == 4
        assert save.best < 0


def test_clones_and_searches_have_callbacks_that_have_seen_nothing(tmp_path):
    record, save = Record(), SaveModel(tmp_path / "model.safetensors", every=2, best_only=True)
    model = MLPClassifier((4,), max_iter=3, backend="numpy", random_state=0, callbacks=[record, save]).fit(X, Y)
    own, saving = clone(model).callbacks
    assert (own.epochs, saving.best) == ([], -np.inf)
    assert (saving.path, saving.every, saving.best_only) == (save.path, 2, True)
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2).fit(X, Y)
    assert len(search.best_estimator_.callbacks[0].epochs) == len(record.epochs) == 3
    pipeline = clone(make_pipeline(StandardScaler(), model))
    assert pipeline.fit(X, Y)[-1].callbacks[0].epochs != record.epochs
    assert len(copy.deepcopy(model).callbacks[0].epochs) == 3, "a copy is no clone"
