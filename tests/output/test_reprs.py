"""Reprs of what holds arrays: a line, without addresses."""

import pickle

import numpy as np
import pytest
from scipy import sparse

import fastnet
from fastnet import Model, Network, Predictor, Trainer
from fastnet.datasets import Dataset, load_digits
from fastnet.preprocessing import Preprocessing
from fastnet.training.lr_finder import find_lr
from fastnet.training.samples import Samples
from fastnet.training.settings import TrainingSettings

DIGITS = load_digits()


def trainer(**settings):
    return Trainer(Network([64, 30, 10], seed=0), backend="numpy", seed=0, **settings)


def things():
    fitted = trainer(schedule=lambda progress: 1.0)
    history = fitted.fit(DIGITS.X, DIGITS.y, epochs=9, patience=3, validation=(DIGITS.X[:9], DIGITS.y[:9]))
    labels = tuple(f"class {i}" for i in range(10))
    return {
        "dataset": DIGITS, "trainer": fitted, "state": fitted.state, "history": history, "settings": fitted.settings,
        "prepared": fitted.prepare(DIGITS.X, DIGITS.y), "predictor": Predictor(fitted.network, "cross_entropy"),
        "preprocessing": Preprocessing.fit(DIGITS.X, "minmax"), "rates": find_lr(fitted, DIGITS.X, DIGITS.y),
        "model": Model(fitted.network, labels=labels, settings={"history": {"loss": [0.1] * 999}}),
    }  # fmt: skip


@pytest.mark.parametrize("name", things())
def test_a_repr_is_short_and_has_no_address(name):
    shown = repr(things()[name])
    assert " at 0x" not in shown
    assert "\n" not in shown
    assert 10 < len(shown) < 700


def test_what_is_shown():
    assert repr(DIGITS).startswith("Dataset(X=uint8 (1797, 64), y=int32 (1797,), name='digits', image_shape=(8, 8)")
    assert repr(Dataset(np.zeros((2, 3)))) == "Dataset(X=float64 (2, 3), name='')"
    network = "Network([64, 30, 10], activations=['relu'], dtype=float32)"
    assert repr(Predictor(Network([64, 30, 10]), "squared_error")) == f"Predictor({network}, loss='squared_error')"
    assert repr(trainer()).startswith(f"Trainer({network}, TrainingSettings(optimizer=Adam(lr=0.001, ")
    assert "batch_size=None" in repr(TrainingSettings(batch_size=None)), "what is not the default"
    assert "seed=" not in repr(TrainingSettings())
    assert repr(Samples(sparse.csr_array((4, 5)), np.zeros(4))) == "Samples(X=float64 (4, 5), y=float64 (4,))"


def test_reprs_cost_nothing_else():
    again = pickle.loads(pickle.dumps(DIGITS))
    assert repr(again) == repr(DIGITS)
    assert not any(name.startswith("_") and not name.startswith("__") for name in dir(fastnet))
