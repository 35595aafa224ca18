"""Training that ends early: for want of improvement, or of time."""

import numpy as np
import pytest
from chunk_ends import ChunkEnd

from fastnet import SGD, Adam, Network, Trainer
from fastnet.datasets import load_digits
from fastnet.training.checkpoints import load_checkpoint, save_checkpoint

DIGITS = load_digits()
X, Y = DIGITS.X[:300], DIGITS.y[:300]
HELD_OUT = DIGITS.X[300:500], DIGITS.y[300:500]


def a_trainer(**settings):
    network = Network([64, 30, 10], seed=1, input_scale=1 / 16)
    return Trainer(network, **{"optimizer": Adam(0.02), "batch_size": 30, "backend": "numpy", "seed": 2, **settings})


def test_training_ends_where_validation_stalls_and_leaves_the_best_parameters():
    trainer, seen = a_trainer(), []
    history = trainer.fit(
        X, Y, HELD_OUT, 200, callbacks=[lambda epoch: seen.append(trainer.network.parameters.copy())], patience=4
    )
    losses = history.validation_loss
    best = int(np.argmin(losses))
    assert 4 < len(losses) < 200
    assert len(losses) == best + 1 + 4
    np.testing.assert_array_equal(trainer.network.parameters, seen[best])
    assert trainer.evaluate(*HELD_OUT).loss == losses[best]


def test_a_run_that_never_stalls_leaves_its_best_parameters_too():
    trainer = a_trainer(optimizer=SGD(0.5))
    history = trainer.fit(X, Y, HELD_OUT, epochs=40, patience=100)
    assert len(history.epochs) == 40
    assert trainer.evaluate(*HELD_OUT).loss == min(history.validation_loss)


@pytest.mark.parametrize("stop", [2, 7, 9])
def test_a_resumed_run_stalls_where_the_whole_one_does(stop, tmp_path):
    whole = a_trainer()
    expected = whole.fit(X, Y, HELD_OUT, 200, patience=4)
    path, stopped = tmp_path / "run.checkpoint", a_trainer()

    def keep(epoch):
        if epoch.number == min(stop, len(expected.epochs)):
            save_checkpoint(path, stopped)

    stopped.fit(X, Y, HELD_OUT, stop, callbacks=[keep], patience=4)
    resumed, _ = load_checkpoint(path)
    actual = resumed.fit(X, Y, HELD_OUT, 200, patience=4, resume=True)
    np.testing.assert_array_equal(resumed.network.parameters, whole.network.parameters)
    assert actual.validation_loss == expected.validation_loss[stop:]


WAYS = [
    ({}, {"epochs": 3}),
    ({"schedule": "one_cycle", "dropout": 0.2}, {"epochs": 4, "every": 2}),
    ({"sampling": "replacement"}, {"epochs": 3}),
    ({"schedule": "cosine"}, {"steps": 35, "every": 20}),
    ({"batch_size": None}, {"steps": 9, "every": 4}),
]


@pytest.mark.parametrize(("settings", "length"), WAYS)
@pytest.mark.parametrize("chunks", [1, 4, 7])
def test_time_that_is_up_ends_training_within_an_epoch_that_can_be_gone_on_with(settings, length, chunks, monkeypatch):
    monkeypatch.setattr("fastnet.training.loop.CHUNK_FLOP", 1)
    whole = a_trainer(**settings)
    whole.fit(X, Y, **length)
    stopped = a_trainer(**settings)
    monkeypatch.setattr("time.monotonic", lambda: stopped.state.step)
    history = stopped.fit(X, Y, max_time=chunks - 0.5, **length)
    assert history.epochs[-1].step == chunks
    if "epochs" in length:
        assert history.epochs[-1].number == 1, "that of the epoch that was begun"
    assert np.isfinite(history.loss).all()
    stopped.fit(X, Y, resume=True, **length)
    np.testing.assert_array_equal(stopped.network.parameters, whole.network.parameters)


def test_whoever_is_told_of_an_epoch_may_end_training():
    history = a_trainer().fit(X, Y, epochs=9, callbacks=[lambda epoch: epoch.number == 3])
    assert [epoch.number for epoch in history.epochs] == [1, 2, 3]


def test_whoever_is_told_of_a_chunk_may_end_training_within_an_epoch(monkeypatch):
    monkeypatch.setattr("fastnet.training.loop.CHUNK_FLOP", 1)
    whole, stopped, told = a_trainer(), a_trainer(), []
    whole.fit(X, Y, epochs=3)
    stopped.fit(X, Y, epochs=1)
    stop = ChunkEnd(lambda *chunk: told.append(chunk) or chunk[0] >= 60)
    stopped.fit(X, Y, epochs=3, resume=True, callbacks=[stop])
    assert told == [(30, 300), (60, 300)]
    assert stopped.fit(X, Y, epochs=3, resume=True).epochs[0].step == 20
    np.testing.assert_array_equal(stopped.network.parameters, whole.network.parameters)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"patience": 3}, "patience needs validation data, got none"),
        ({"patience": 3, "validation": (X[:0], Y[:0])}, "validation X must hold at least one sample, got none"),
        ({"validation": (X[:0], Y[:0])}, "validation X must hold at least one sample, got none"),
        ({"patience": 0, "validation": HELD_OUT}, "patience must be at least 1, got 0"),
        ({"max_time": 0}, "max_time must be positive, got 0"),
        ({"max_time": "1 h"}, "max_time must be a number, got str"),
    ],
)
def test_bad_limits_are_named(limits, message):
    with pytest.raises((TypeError, ValueError), match=message):
        a_trainer().fit(X, Y, **limits)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("value", [3e38, -3e38, 1e30])
def test_validation_data_without_a_loss_are_found_out_before_training(value, backend):
    network = Network([1, 1], seed=0)
    before = network.parameters.copy()
    trainer = Trainer(network, loss="squared_error", backend=backend)
    with pytest.raises(ValueError, match=r"patience needs validation data with a finite loss, got (inf|nan)"):
        trainer.fit([[1.0], [2.0]], [1.0, 2.0], ([[value]], [0.0]), patience=3)
    np.testing.assert_array_equal(network.parameters, before)
