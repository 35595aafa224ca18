"""Trainers that are given data frames: columns by name."""

import numpy as np
import pytest
from data_frames import FRAMES, Frame

from fastnet import Network, Trainer
from fastnet.training.checkpoints import load_checkpoint, save_checkpoint

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 40))
Y = (A > 0).astype(int)


def a_trainer():
    return Trainer(Network([2, 4, 2], seed=0, dtype=np.float64), backend="numpy", seed=0)


@pytest.mark.parametrize("frame", FRAMES)
def test_a_trainer_finds_the_columns_of_later_frames_by_name(frame):
    first, swapped = frame({"a": A, "b": B}), frame({"b": B, "a": A})
    expected, actual = a_trainer(), a_trainer()
    X = np.column_stack([A, B])
    expected.fit(X, Y, (X, Y), epochs=2)
    expected.fit(X, Y, (X, Y), epochs=2)
    actual.fit(first, Y, (swapped, Y), epochs=2)
    actual.fit(swapped, Y, (first, Y), epochs=2)
    np.testing.assert_array_equal(actual.network.parameters, expected.network.parameters)
    assert actual.feature_names == actual.to_model().feature_names == ("a", "b")
    for values in (X, first, swapped):
        np.testing.assert_array_equal(actual.predict_logits(values), expected.predict_logits(X))
        assert actual.evaluate(values, Y) == expected.evaluate(X, Y)
        np.testing.assert_array_equal(actual.to_model().predict_logits(values), expected.predict_logits(X))


def test_columns_that_do_not_match_are_listed():
    trainer = a_trainer()
    trainer.fit(Frame({"a": A, "b": B}), Y, epochs=1)
    wrong = Frame({"a": A, "c": B})
    for call in (trainer.predict, trainer.predict_proba, lambda X: trainer.evaluate(X, Y), lambda X: trainer.fit(X, Y)):
        with pytest.raises(ValueError, match="X: missing column 'b' and unknown column 'c'; expected 'a', 'b'"):
            call(wrong)
    with pytest.raises(ValueError, match="validation X: missing column 'b'"):
        trainer.fit(Frame({"a": A, "b": B}), Y, (wrong, Y))


def test_prepared_data_keeps_names():
    trainer, other = a_trainer(), a_trainer()
    data = trainer.prepare(Frame({"a": A, "b": B}), Y)
    assert trainer.feature_names is None
    trainer.fit(data, epochs=1)
    assert trainer.feature_names == ("a", "b")
    other.fit(Frame({"b": B, "a": A}), Y, epochs=1)
    with pytest.raises(ValueError, match="columns in another order"):
        other.fit(data, epochs=1)
    other.fit(Frame({"a": A, "b": B}), Y, epochs=1)


def test_a_checkpoint_keeps_names(tmp_path):
    trainer = a_trainer()
    trainer.fit(Frame({"a": A, "b": B}), Y, epochs=1)
    save_checkpoint(tmp_path / "run", trainer)
    again, _ = load_checkpoint(tmp_path / "run")
    assert again.feature_names == ("a", "b")
    for one in (trainer, again):
        one.fit(Frame({"b": B, "a": A}), Y, epochs=2, resume=True)
    np.testing.assert_array_equal(again.network.parameters, trainer.network.parameters)


def test_names_that_do_not_fit_the_network_are_refused():
    trainer = a_trainer()
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, 2\), got \(40, 3\)"):
        trainer.fit(Frame({"a": A, "b": B, "c": B}), Y)
    assert trainer.feature_names is None
    with pytest.raises(ValueError, match="feature_names must be 2 different names"):
        Trainer.of(trainer.network, trainer.settings, ("a",))
