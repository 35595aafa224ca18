"""Callbacks of trainers and estimators: one protocol for both."""

import numpy as np
import pytest

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
